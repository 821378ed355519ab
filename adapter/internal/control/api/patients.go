package api

// PatientQuery asks who an identifier is of.
type PatientQuery struct {
	System string `json:"system"` // FHIR's Identifier.system
	Value  string `json:"value"`  // as typed
}

// LocalID names a patient by the id that this site's staff see.
type LocalID struct {
	ID string `json:"id"` // lid1…
}

// Patients is whom a search at this site found.
type Patients struct {
	// IDs are the identifier's ids at this site, of each epoch that holds, the
	// newest last.
	IDs      []string       `json:"ids"`
	Patients []PatientMatch `json:"patients"`
	// Ambiguous says that several patients fit equally well.
	Ambiguous bool `json:"ambiguous"`
	// Incomplete says that rows are still to be read: nobody found is no proof.
	Incomplete bool `json:"incomplete"`
}

// PatientMatch is a patient who was found.
type PatientMatch struct {
	Key string `json:"key"` // the source's own
	// Strong is false where name, birth date and sex alone are the same.
	Strong bool `json:"strong"`
}

// PatientMerge says that two of the source's patients are one person, or are not.
type PatientMerge struct {
	Patient string `json:"patient"`        // the source's key
	Into    string `json:"into,omitempty"` // not of the end of a merge
}

// PatientLink says whose an id is that was given out before the patient was known.
type PatientLink struct {
	ID      string `json:"id"`
	Patient string `json:"patient"`
}

// PatientEntry is what was entered in the log about patients.
type PatientEntry struct {
	Leaf uint64 `json:"leaf"`
	ID   string `json:"id,omitempty"`   // that was given out
	From string `json:"from,omitempty"` // whom the patient was merged into
}

// RefusedRows lists rows with columns that hold what is no identifier of its system.
type RefusedRows struct {
	Rows []RefusedRow `json:"rows"`
	More bool         `json:"more"` // there are more than these
}

// RefusedRow is one of them.
type RefusedRow struct {
	Table   string           `json:"table"`
	Key     string           `json:"key"`
	Columns []RefusedContent `json:"columns"`
}

// RefusedContent says why a column's cell was not taken, and nothing of it.
type RefusedContent struct {
	Column string `json:"column"`
	System string `json:"system"`
	Reason string `json:"reason"`
}

// PatientsStatus is the state of the index of patients.
type PatientsStatus struct {
	Epochs []uint16 `json:"epochs"`
	// Lacking are the tables that are still to be read for it.
	Lacking []string `json:"lacking"`
	// Refused counts cells that hold what is no identifier of its system, by it.
	Refused map[string]int64 `json:"refused"`
}
