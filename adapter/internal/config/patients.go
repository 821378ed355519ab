package config

// Patients says by what the source's patients are found from other hospitals. A
// file without this section has none of it: nobody is searched and no id is made.
type Patients struct {
	SiteKeyFile SecretFile `yaml:"site_key_file"` // makes the ids that this site's staff see
	Epochs      []Epoch    `yaml:"epochs"`        // one, or two while members change over
	Opaque      []string   `yaml:"opaque"`        // systems whose identifiers are taken as they are
	Identities  []Identity `yaml:"identities"`
}

// Any reports whether patients are to be found.
func (p *Patients) Any() bool { return len(p.Identities) > 0 }

// Epoch is a time in which all members derive with the same key.
type Epoch struct {
	Number  uint64     `yaml:"number"`
	KeyFile SecretFile `yaml:"key_file"`
}

// Identity says which columns of a table say who a patient is.
type Identity struct {
	Table       string       `yaml:"table"`
	Where       []Where      `yaml:"where"` // of which rows; all must hold
	Identifiers []Identifier `yaml:"identifiers"`
	Weak        Weak         `yaml:"weak"`
}

// Identifier says that a column holds identifiers of a system, FHIR's
// Identifier.system; where it is given, only in such rows.
type Identifier struct {
	Column string  `yaml:"column"`
	System string  `yaml:"system"`
	Where  []Where `yaml:"where"`
}

// Where is a column and the values of which it must hold one, as text.
type Where struct {
	Column string   `yaml:"column"`
	Values []string `yaml:"values"`
}

// Weak are the columns of a name, in the order in which they are joined, of the
// birth date and of the sex.
type Weak struct {
	Name      []string `yaml:"name"`
	BirthDate string   `yaml:"birth_date"`
	Sex       string   `yaml:"sex"`
}

// Any reports whether the weak identity is configured.
func (w *Weak) Any() bool { return len(w.Name) > 0 || w.BirthDate != "" || w.Sex != "" }
