package rows

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Leads reports whether rows of other tables refer to those of a table.
func (r *Recorder) Leads(table string) bool {
	for _, m := range r.mappings {
		if m.To == table {
			return true
		}
	}
	return false
}

// wholePrefix names, per table, the state that all its recorded rows stand in
// the index of rows.
const wholePrefix = "owner/whole/"

// Indexed reports whether all recorded rows of a table stand in the index of
// those that others refer to. A table that was recorded before a path led through
// it is not: its rows are to be given to Index as they are read.
func Indexed(b *recordlog.Batch, table string) (bool, error) {
	held, err := b.Get(wholePrefix + table)
	if err == nil && held != nil && (len(held) != 1 || held[0] != indexFormat) {
		return false, fmt.Errorf("index of rows of %s is of another format, this program knows %d", table, indexFormat)
	}
	return held != nil, err
}

// SetIndexed says that they do.
func SetIndexed(b *recordlog.Batch, table string) { b.Set(wholePrefix+table, []byte{indexFormat}) }

// Index puts a row in the index that is recorded already, and tells the observer of
// it.
func (r *Recorder) Index(b *recordlog.Batch, t *tap.Table, cells []row.Value) error {
	s, err := r.shape(t)
	if err != nil || s.patient < 0 {
		return err
	}
	r.key = row.AppendKey(r.key[:0], t.KeyOf(cells))
	if s.leads {
		w, err := r.led(b, s, t.Name, cells)
		if err != nil {
			return fmt.Errorf("find whose a row is: %w", err)
		}
		if err := r.noteRow(b, t, cells, w); err != nil {
			return err
		}
	}
	return r.tell(b, s, t, cells)
}

// Steps returns how many tables lie between each table and its patient: those
// with fewer lead the others, and are best recorded first.
func Steps(mappings []Mapping) map[string]int {
	to := make(map[string]string, len(mappings))
	for _, m := range mappings {
		to[m.Table] = m.To
	}
	steps := make(map[string]int, len(mappings))
	for _, m := range mappings {
		for next := m.To; next != "" && steps[m.Table] < len(mappings); next = to[next] {
			steps[m.Table]++
		}
	}
	return steps
}
