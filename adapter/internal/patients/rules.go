package patients

import (
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/crypto/vid"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Table says which columns of a table say who a patient is.
type Table struct {
	Name        string
	Where       []Where // of which rows; all must hold
	Identifiers []Identifier
	Weak        Weak // the zero Weak: not used
}

// Identifier says of which system the identifiers in a column are.
type Identifier struct {
	Column, System string
	Where          []Where
}

// Where is a column, and the values of which it must hold one.
type Where struct {
	Column string
	Values []string
}

// Weak are the columns of a name, of the birth date and of the sex.
type Weak struct {
	Name           []string
	BirthDate, Sex string
}

// columns returns all columns that a table's rules name.
func (t *Table) columns() (names []string) {
	where := func(all []Where) {
		for _, w := range all {
			names = append(names, w.Column)
		}
	}
	where(t.Where)
	for _, i := range t.Identifiers {
		names = append(names, i.Column)
		where(i.Where)
	}
	if names = append(names, t.Weak.Name...); t.Weak.BirthDate != "" {
		names = append(names, t.Weak.BirthDate, t.Weak.Sex)
	}
	return names
}

// CheckTable says which column of the rules a table lacks, or nil.
func (p *Patients) CheckTable(t *tap.Table) error {
	for _, name := range p.tables[t.Name].columns() {
		if columnOf(t, name) < 0 {
			return fmt.Errorf("table %s has no column %q that the configuration names under patients.identities; "+
				"name an existing column or drop it there", t.Name, name)
		}
	}
	return nil
}

func columnOf(t *tap.Table, name string) int {
	return slices.IndexFunc(t.Columns, func(c row.Column) bool { return c.Name == name })
}

// shape is where the columns of a table's rules stand.
type shape map[string]int

func (p *Patients) shape(t *tap.Table) shape {
	if s, ok := p.shapes[t]; ok {
		return *s
	}
	s := shape{}
	for _, name := range p.tables[t.Name].columns() {
		if at := columnOf(t, name); at >= 0 {
			s[name] = at
		}
	}
	p.shapes[t] = &s
	return s
}

// reading is a row as the rules see it.
type reading struct {
	shape shape
	cells []row.Value
}

func (g reading) cell(column string) row.Value {
	if at, ok := g.shape[column]; ok && at < len(g.cells) {
		return g.cells[at]
	}
	return row.Null()
}

func (g reading) holds(all []Where) bool {
	return !slices.ContainsFunc(all, func(w Where) bool {
		text, reason := textOf(g.cell(w.Column))
		return reason != "" || text == "" || !slices.Contains(w.Values, text)
	})
}

// A Refusal says why what a column holds was not taken for an identifier.
type Refusal struct{ Column, System, Reason string }

// WeakSystem stands for the system of names with birth dates and sex.
const WeakSystem = "name, birth date and sex"

// identifiers returns what a row is found by, and what was refused of it.
func (p *Patients) identifiers(t *tap.Table, cells []row.Value) (ids []vid.Identifier, refused []Refusal) {
	rules, g := p.tables[t.Name], reading{p.shape(t), cells}
	if cells == nil || !g.holds(rules.Where) {
		return nil, nil
	}
	for _, rule := range rules.Identifiers {
		if !g.holds(rule.Where) {
			continue
		}
		cell := g.cell(rule.Column)
		text, reason := textOf(cell)
		if text == "" && reason == "" || cell.Type() == row.Int && text == "0" {
			continue // none is known
		}
		if reason == "" {
			id, err := p.systems.Normalize(rule.System, text)
			if err == nil {
				ids = append(ids, id)
				continue
			}
			reason = err.Error()
		}
		refused = append(refused, Refusal{rule.Column, rule.System, reason})
	}
	if rules.Weak.BirthDate == "" {
		return ids, refused
	}
	id, known, refusal := rules.Weak.read(g)
	if refusal != nil {
		return ids, append(refused, *refusal)
	}
	if known {
		ids = append(ids, id)
	}
	return ids, refused
}

// read returns the weak identifier of a row; known is false where the row lacks a
// part of it.
func (w *Weak) read(g reading) (id vid.Identifier, known bool, refused *Refusal) {
	var parts []string
	for _, column := range append(slices.Clone(w.Name), w.Sex) {
		text, reason := textOf(g.cell(column))
		if reason != "" {
			return id, false, &Refusal{column, WeakSystem, reason}
		}
		parts = append(parts, text)
	}
	name, sex := joined(parts[:len(w.Name)]), parts[len(w.Name)]
	born := g.cell(w.BirthDate)
	if name == "" || born.IsNull() {
		return id, false, nil
	}
	day, reason := dayOf(born)
	switch {
	case reason != "":
		return id, false, &Refusal{w.BirthDate, WeakSystem, reason}
	case day == "":
		return id, false, nil
	}
	gender, ok := sexes[sex]
	if !ok {
		return id, false, &Refusal{w.Sex, WeakSystem, "it is none of M, F, O, U, male, female, other, unknown"}
	}
	id, err := vid.Demographic(name, day, gender)
	if err != nil {
		return id, false, &Refusal{w.Name[0], WeakSystem, err.Error()}
	}
	return id, true, nil
}

var sexes = map[string]string{"": "unknown", "M": "male", "F": "female", "O": "other", "U": "unknown",
	"m": "male", "f": "female", "o": "other", "u": "unknown", "male": "male", "female": "female", "other": "other", "unknown": "unknown",
	"Male": "male", "Female": "female", "Other": "other", "Unknown": "unknown"}
