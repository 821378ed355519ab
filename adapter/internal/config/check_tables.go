package config

import (
	"fmt"
	"strings"
)

// tables are the tables of a file by their names.
type tables struct {
	*decoder
	list []Table
	at   map[string]int
}

func (d *decoder) checkTables(list []Table) {
	if len(list) == 0 {
		d.mistake("source.tables", "names no table", "list the tables to protect, each with its patient or nobody: true")
	}
	ts := &tables{d, list, make(map[string]int, len(list))}
	for i, t := range list {
		if !d.required(tablePlace(i)+".name", t.Name, "name the table as the database does") {
			continue
		}
		if before, twice := ts.at[t.Name]; twice {
			d.mistake(tablePlace(i)+".name", fmt.Sprintf("lists table %s a second time", t.Name),
				fmt.Sprintf("drop it, %s has it", tablePlace(before)))
			continue
		}
		ts.at[t.Name] = i
	}
	for i, t := range list {
		if at, ok := ts.at[t.Name]; ok && at == i {
			ts.checkOwner(tablePlace(i), t)
			ts.checkClinical(tablePlace(i), t)
		}
	}
}

// tablePlace is where table number i, from 0, stands.
func tablePlace(i int) string { return fmt.Sprintf("source.tables[%d]", i) }

func (ts *tables) checkOwner(at string, t Table) {
	switch {
	case ts.refused(at):
		// what was meant is not known
	case t.Patient == (Patient{}) && !t.Nobody:
		ts.mistake(at, fmt.Sprintf("does not say whose the rows of %s are", t.Name),
			"add patient: COLUMN (the column with the patient's key), patient: {via: COLUMN, to: TABLE} "+
				"(the row of TABLE that the column refers to), or nobody: true")
	case t.Patient != (Patient{}) && t.Nobody:
		ts.mistake(at+".nobody", fmt.Sprintf("contradicts the patient of %s", t.Name),
			"keep patient or nobody, not both")
	case !t.Nobody:
		ts.checkPath(at+".patient", t)
	}
}

// checkPath checks where a table's rows lead.
func (ts *tables) checkPath(at string, t Table) {
	if _, section := ts.places[at+".via"]; section || t.Patient.Column == "" {
		ts.required(at+".via", t.Patient.Column, "name the column that refers to a row of another table")
		ts.required(at+".to", t.Patient.To, "name the table that the column refers to, or write patient: COLUMN if it holds the patient's key")
	}
	if t.Patient.To == "" || ts.refused(at) {
		return
	}
	next, ok := ts.at[t.Patient.To]
	switch {
	case !ok:
		ts.mistake(at+".to", fmt.Sprintf("names table %s, which is not listed", t.Patient.To),
			"list it under source.tables with its own patient, or name another")
	case ts.list[next].Nobody:
		ts.mistake(at+".to", fmt.Sprintf("names table %s, whose rows are nobody's", t.Patient.To),
			"say there whose its rows are, or name another")
	default:
		ts.checkCircle(at, t)
	}
}

// checkCircle follows the path from a table. A circle is told once, at the
// first of its tables.
func (ts *tables) checkCircle(at string, t Table) {
	start := ts.at[t.Name]
	names := []string{t.Name}
	for len(names) <= len(ts.list) {
		next, ok := ts.at[t.Patient.To]
		if !ok || next < start {
			return
		}
		t = ts.list[next]
		names = append(names, t.Name)
		if next == start {
			ts.mistake(at+".to", "leads in a circle: "+strings.Join(names, " to "),
				"let one of these tables name the column with the patient's key")
			return
		}
	}
}
