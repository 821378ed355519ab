package tap

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// checkReferences checks what a table says of its foreign keys.
func checkReferences(table *Table) error {
	for _, r := range table.References {
		texts := append(append([]string{r.Name, r.Table}, r.Columns...), r.Of...)
		if slices.ContainsFunc(texts, func(text string) bool { return text == "" || !utf8.ValidString(text) }) {
			return fmt.Errorf("a reference of table %s has a name that is empty or not UTF-8", table.Name)
		}
		if len(r.Columns) == 0 || len(r.Columns) != len(r.Of) {
			return fmt.Errorf("reference %s of table %s has not as many columns here as there", r.Name, table.Name)
		}
		for _, name := range r.Columns {
			if table.column(name) < 0 {
				return fmt.Errorf("reference %s of table %s names a column that is not there", r.Name, table.Name)
			}
		}
		if r.OnDelete > SetNull || r.OnUpdate > SetNull {
			return fmt.Errorf("reference %s of table %s has an unknown action", r.Name, table.Name)
		}
	}
	return nil
}

// column returns where a column stands, or -1.
func (t *Table) column(name string) int {
	return slices.IndexFunc(t.Columns, func(c row.Column) bool { return c.Name == name })
}

// checkEffects says what is wrong with what a schema change did to rows and
// columns, or nothing.
func checkEffects(change *SchemaChange) string {
	from := make(map[string]bool)
	for _, m := range change.Moved {
		if m.From == "" {
			if m.Holds != nil && !change.Table.holds(m.To, *m.Holds) {
				return "it says that a new column holds what its type does not"
			}
			continue
		}
		if m.Holds != nil {
			return "it says what a column holds that is not new"
		}
		if from[m.From] {
			return "a column is moved twice"
		}
		from[m.From] = true
	}
	r := change.Removed
	switch {
	case r == nil:
		return ""
	case r.All:
		if r.Column != "" || len(r.Values)+len(r.Ranges) > 0 {
			return "it removes all rows and some"
		}
		return ""
	}
	return checkPart(change.Table, r)
}

// holds reports whether a column of the table can hold a value. A tap that is
// behind may tell of a column that has another name by now.
func (t *Table) holds(name string, v row.Value) bool {
	at := t.column(name)
	return at < 0 || v.Fits(t.Columns[at].Type)
}

func checkPart(table *Table, r *Removal) string {
	at := table.column(r.Column)
	if at < 0 || !slices.Contains(table.Key, at) {
		return "it removes rows by a column that is not of the key"
	}
	values := slices.Clone(r.Values)
	for _, one := range r.Ranges {
		for _, bound := range []row.Value{one.From, one.To} {
			if !bound.IsNull() {
				values = append(values, bound)
			}
		}
	}
	for _, v := range values {
		if !ordered(v.Type()) || v.Type() != table.Columns[at].Type {
			return "it removes rows by values of another type, or of one without order"
		}
	}
	return ""
}

// ordered reports whether values of a type have one order for everybody.
func ordered(t row.Type) bool {
	return t == row.Int || t == row.Date || t == row.DateTime || t == row.Timestamp
}
