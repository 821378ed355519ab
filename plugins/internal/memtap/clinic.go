package memtap

import (
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Patients is a table for tests: a key, the number of times that the row was
// written, and a text that stands for what must never be told.
func Patients() tap.Table {
	return tap.Table{
		Name:    "patients",
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "version", Type: row.Int}, {Name: "name", Type: row.Text}},
		Key:     []int{0},
	}
}

// Patient returns a row of Patients.
func Patient(id, version int64, name string) []row.Value {
	return []row.Value{row.NewInt(id), row.NewInt(version), row.NewText("utf8", []byte(name))}
}

// PatientKey returns the key of a row of Patients.
func PatientKey(id int64) []row.Value { return []row.Value{row.NewInt(id)} }
