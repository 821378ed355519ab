// Package clinical reads what rows say of themselves: when that happened which
// they tell of, and that an entry is final. A table's configuration says in which
// columns.
//
// A late entry is a row whose clinical date lies longer before it was first
// logged than its table allows. A date is read as late as it can be meant: a day
// ends when it is over everywhere, and a time without zone may be of any. Null,
// zero and partial dates, and text that is no date, say nothing.
//
// A row is final once a column says so, or once its clinical date is old enough.
// Of recorded versions only digests are left, so a version is asked by trying the
// values that mean final, or dates that the row has now or had just before.
package clinical

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Rules are what is known of one table.
type Rules struct {
	Table string
	// Date is the column of the clinical date; empty if none is known.
	Date string
	// LateAfter is how long after it a row may first be logged; 0: any time.
	LateAfter time.Duration
	Final     Final
}

// Final says which rows are final, and what may still be changed in them.
type Final struct {
	Column string   // that says so; empty: none does
	Values []string // by which it does, as the column holds them
	// After is how long after its clinical date a row is final; 0: never by age.
	After time.Duration
	// MayChange are columns that may change without the finding.
	MayChange []string
}

// Any reports whether there is a rule at all.
func (r *Rules) Any() bool { return r.LateAfter > 0 || r.anyFinal() }

func (r *Rules) anyFinal() bool { return r.Final.Column != "" || r.Final.After > 0 }

// Check says why rules cannot be applied to a table as it is, or nil.
func (r *Rules) Check(t *tap.Table) error {
	named := append([]string{r.Date, r.Final.Column}, r.Final.MayChange...)
	for _, name := range named {
		if name != "" && columnOf(t.Columns, name) < 0 {
			return fmt.Errorf("table %s has no column %q that the configuration names for its clinical date or final rule; "+
				"name an existing column or drop the rule", t.Name, name)
		}
	}
	if i := columnOf(t.Columns, r.Date); i >= 0 && !dated(t.Columns[i].Type) {
		return fmt.Errorf("table %s: column %q is of type %s, which holds no clinical date; name a column of dates",
			t.Name, r.Date, t.Columns[i].Type)
	}
	i := columnOf(t.Columns, r.Final.Column)
	if i < 0 {
		return nil
	}
	for n, value := range r.Final.Values {
		if len(forms(value, t.Columns[i].Type, "")) == 0 {
			return fmt.Errorf("table %s: value %d of its final rule can never stand in column %q, which is of type %s; "+
				"write the values as the column holds them", t.Name, n+1, r.Final.Column, t.Columns[i].Type)
		}
	}
	return nil
}

func dated(t row.Type) bool {
	return t == row.Date || t == row.DateTime || t == row.Timestamp || t == row.Text || t == row.Any
}

func columnOf(columns []row.Column, name string) int {
	return slices.IndexFunc(columns, func(c row.Column) bool { return c.Name == name })
}

// DateIn returns the latest moment, in ms since 1970 UTC, that the clinical date
// of a row can mean; ok is false where it says nothing.
func (r *Rules) DateIn(t *tap.Table, cells []row.Value) (ms int64, ok bool) {
	i := columnOf(t.Columns, r.Date)
	if i < 0 || i >= len(cells) {
		return 0, false
	}
	return cells[i].LatestMoment()
}

// Late reports whether a clinical date lies too long before a moment; both are
// ms since 1970 UTC.
func (r *Rules) Late(date, entered int64) bool {
	return r.LateAfter > 0 && date < entered-r.LateAfter.Milliseconds()
}

// A Reading is a row as it is known beside a recorded version: as a change left
// it, or as it was before. Cells may be nil.
type Reading struct {
	Table *tap.Table
	Cells [][]row.Value
}

// column returns what a column is known to have held.
func (g Reading) column(name string) (held []row.Value) {
	i := columnOf(g.Table.Columns, name)
	for _, cells := range g.Cells {
		if i >= 0 && i < len(cells) {
			held = append(held, cells[i])
		}
	}
	return held
}

// SaysFinal reports whether a recorded version was final at a moment, in ms since
// 1970 UTC, and by what, in words.
func (r *Rules) SaysFinal(c *rows.Comparer, e *recordlog.Entry, g Reading, at int64) (why string, err error) {
	if _, ok, err := r.FinalCell(c, e, g); err != nil || ok {
		return fmt.Sprintf("column %s said that it is final", r.Final.Column), err
	}
	if r.Final.After == 0 {
		return "", nil
	}
	i := columnOf(e.Header.Columns, r.Date)
	for _, date := range g.column(r.Date) {
		ms, dated := date.LatestMoment()
		if !dated || ms >= at-r.Final.After.Milliseconds() {
			continue
		}
		if ok, err := c.Holds(e, i, date); err != nil || ok {
			return fmt.Sprintf("its clinical date made it final %s before", Days(r.Final.After)), err
		}
	}
	return "", nil
}

// FinalCell returns the cell by which a recorded version says that it is final,
// if it does.
func (r *Rules) FinalCell(c *rows.Comparer, e *recordlog.Entry, g Reading) (cell row.Value, ok bool, err error) {
	i := columnOf(e.Header.Columns, r.Final.Column)
	if i < 0 {
		return cell, false, nil
	}
	charset := ""
	for _, held := range g.column(r.Final.Column) {
		if held.Charset() != "" {
			charset = held.Charset()
		}
	}
	for _, value := range r.Final.Values {
		for _, cell := range forms(value, e.Header.Columns[i].Type, charset) {
			if ok, err := c.Holds(e, i, cell); err != nil || ok {
				return cell, ok, err
			}
		}
	}
	return cell, false, nil
}

// forms returns the cells of a type that a value of the configuration may be.
// With an empty charset it is that of most columns.
func forms(value string, t row.Type, charset string) []row.Value {
	sets := []string{charset}
	if charset == "" {
		sets = []string{"utf8", "latin1", "ascii"}
	}
	var cells []row.Value
	for _, set := range sets {
		if t == row.Text || t == row.Any {
			cells = append(cells, row.NewText(set, []byte(value)))
		}
		if t == row.Enum {
			cells = append(cells, row.NewEnum(set, []byte(value)))
		}
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && (t == row.Int || t == row.Any) {
		cells = append(cells, row.NewInt(n))
	}
	if n, err := strconv.ParseUint(value, 10, 64); err == nil && t == row.Bits {
		cells = append(cells, row.NewBits(n))
	}
	if b, err := strconv.ParseBool(value); err == nil && t == row.Bool {
		cells = append(cells, row.NewBool(b))
	}
	return cells
}

// MayAllChange reports whether all of some columns may change in a final row.
func (f *Final) MayAllChange(columns []string) bool {
	for _, c := range columns {
		if !slices.Contains(f.MayChange, c) {
			return false
		}
	}
	return true
}

// Days writes a duration in days where it is of whole ones.
func Days(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}
