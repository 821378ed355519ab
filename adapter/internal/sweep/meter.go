package sweep

import (
	"sync"
	"time"
)

// The rate of a reading is that of its last 10 to 20 seconds, and told from its
// first second on.
const (
	rateWindow = 10 * time.Second
	rateAfter  = time.Second
)

// mostPercent is shown of a reading that goes on: the number of rows is an
// estimate, by what InnoDB tells off by a factor of two.
const mostPercent = 99

// Progress is how far the reading of a table has come.
type Progress struct {
	Table   string
	Rows    uint64        // read from the table's start
	About   uint64        // about how many there are; 0 if unknown
	Percent int           // 0 if About is unknown
	Rate    float64       // rows a second lately; 0 in the first second
	Left    time.Duration // 0 if unknown
}

// A Meter measures how tables are read, one after the other.
type Meter struct {
	mu       sync.Mutex
	reading  bool
	progress Progress
	before   uint64  // rows that had been read before it began
	marks    [2]mark // the older first
}

// mark is how far a reading had come at some moment.
type mark struct {
	at   time.Time
	rows uint64
}

// Begin begins a table of which so many rows have been read already, of about so
// many.
func (m *Meter) Begin(table string, before, about uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := mark{time.Now(), before}
	m.reading, m.before, m.marks = true, before, [2]mark{start, start}
	m.progress = Progress{Table: table, Rows: before, About: about}
}

// Read tells how many rows have been read since Begin.
func (m *Meter) Read(rows uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress.Rows = m.before + rows
	if now := time.Now(); now.Sub(m.marks[1].at) >= rateWindow {
		m.marks = [2]mark{m.marks[1], {now, m.progress.Rows}}
	}
}

// End ends the table.
func (m *Meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reading = false
}

// Progress returns how far the table has come that is read now, nil if none is.
func (m *Meter) Progress() *Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.reading {
		return nil
	}
	p := m.progress
	if lasted := time.Since(m.marks[0].at); lasted >= rateAfter {
		p.Rate = float64(p.Rows-m.marks[0].rows) / lasted.Seconds()
	}
	if p.About == 0 {
		return &p
	}
	p.Percent = int(min(mostPercent, float64(p.Rows)*100/float64(p.About)))
	if p.Rate > 0 && p.Rows < p.About {
		p.Left = time.Duration(float64(p.About-p.Rows) / p.Rate * float64(time.Second))
	}
	return &p
}
