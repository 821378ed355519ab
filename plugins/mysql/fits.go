package mysql

import "sync"

// fits are how many rows of tables with large rows one chunk holds. A scan that
// asks for more is cut short, and with it goes a connection, which the server
// counts as a client that went away without a word.
type fits struct {
	mu   sync.Mutex
	rows map[string]int
}

// most returns how many rows a chunk of a table may have.
func (f *fits) most(table string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.rows[table]; ok {
		return n
	}
	return maxScan
}

// met notes what a chunk of some rows took.
func (f *fits) met(table string, rows int, s *snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch held, known := f.rows[table]; {
	case s.cut:
		if f.rows == nil {
			f.rows = make(map[string]int)
		}
		f.rows[table] = max(1, rows*3/4)
	case known && rows == held && s.bytes < maxBytes/2:
		f.rows[table] = 2 * held
	}
}
