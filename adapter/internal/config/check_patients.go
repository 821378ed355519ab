package config

import (
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/vid"
)

// maxEpochs is how many epochs hold at a time: the one that ends and the next.
const maxEpochs = 2

func (d *decoder) checkPatients(c *Config) {
	if _, written := d.places["patients"]; !written {
		return
	}
	p := &c.Patients
	d.required("patients.site_key_file", string(p.SiteKeyFile), "name the file that `emrbchain init --patients` or `emrbchain keys site new` wrote")
	d.checkEpochs(c)
	systems, err := vid.NewSystems(p.Opaque...)
	if err != nil {
		d.mistake("patients.opaque", "names what cannot be taken as it is: "+err.Error(),
			"list systems that the program has no rule for, each as a URI without spaces")
		systems, _ = vid.NewSystems() // none cannot fail
	}
	if len(p.Identities) == 0 && !d.refused("patients.identities") {
		d.mistake("patients.identities", "names no table", "say which columns of which table hold whose identifiers, or drop the section patients")
	}
	for i := range p.Identities {
		d.checkIdentity(fmt.Sprintf("patients.identities[%d]", i), c, i, systems)
	}
}

func (d *decoder) checkEpochs(c *Config) {
	epochs := c.Patients.Epochs
	switch {
	case d.refused("patients.epochs"):
		return
	case len(epochs) == 0:
		d.mistake("patients.epochs", "names no epoch", "list the epoch's number and key_file, as the members agreed on them")
	case len(epochs) > maxEpochs:
		d.mistake("patients.epochs", fmt.Sprintf("lists %d epochs", len(epochs)), "keep the one that holds, and the next while members change over")
	}
	files := map[SecretFile]string{c.Log.WrappingKeyFile: "log.wrapping_key_file", c.Log.LogKeyFile: "log.log_key_file", c.Patients.SiteKeyFile: "patients.site_key_file"}
	for i, e := range epochs {
		at := fmt.Sprintf("patients.epochs[%d]", i)
		if e.Number > vid.MaxEpoch {
			d.mistake(at+".number", fmt.Sprintf("is %d", e.Number), fmt.Sprintf("choose 0 to %d", vid.MaxEpoch))
		}
		if slices.ContainsFunc(epochs[:i], func(before Epoch) bool { return before.Number == e.Number }) {
			d.mistake(at+".number", "is that of another epoch here", "give each epoch a number of its own")
		}
		if d.required(at+".key_file", string(e.KeyFile), "name the file that `emrbchain keys epoch new` or `… unwrap` wrote") && files[e.KeyFile] != "" {
			d.mistake(at+".key_file", "is the same file as "+files[e.KeyFile], "keep one key per file")
		}
		files[e.KeyFile] = at + ".key_file"
	}
}

func (d *decoder) checkIdentity(at string, c *Config, n int, systems *vid.Systems) {
	id := &c.Patients.Identities[n]
	if d.refused(at) || !d.required(at+".table", id.Table, "name the table, as under source.tables") {
		return
	}
	table := slices.IndexFunc(c.Source.Tables, func(t Table) bool { return t.Name == id.Table })
	switch {
	case slices.ContainsFunc(c.Patients.Identities[:n], func(before Identity) bool { return before.Table == id.Table }):
		d.mistake(at+".table", fmt.Sprintf("lists table %s a second time", id.Table), "put all its columns into one item")
	case table < 0:
		d.mistake(at+".table", fmt.Sprintf("names table %s, which is not listed", id.Table), "list it under source.tables with its patient")
	case c.Source.Tables[table].Nobody || c.Source.Tables[table].Patient.To != "":
		d.mistake(at+".table", fmt.Sprintf("names table %s, whose rows do not name their patient themselves", id.Table),
			"choose a table with patient: COLUMN, the column with the patient's key")
	}
	d.checkWhere(at+".where", id.Where)
	if len(id.Identifiers) == 0 && !id.Weak.Any() {
		d.mistake(at+".identifiers", "names no column", "list each column with the system of its identifiers")
	}
	for i := range id.Identifiers {
		d.checkIdentifier(fmt.Sprintf("%s.identifiers[%d]", at, i), &id.Identifiers[i], systems)
	}
	if id.Weak.Any() {
		d.checkWeak(at+".weak", &id.Weak)
	}
}

func (d *decoder) checkIdentifier(at string, i *Identifier, systems *vid.Systems) {
	d.required(at+".column", i.Column, "name the column that holds the identifiers")
	if d.required(at+".system", i.System, "write the URI of the system whose identifiers these are") && !systems.Knows(i.System) {
		d.mistake(at+".system", "is a system that the program has no rule for", "write the URI as the reference lists it, or list it under patients.opaque too: then its identifiers are taken as they are")
	}
	d.checkWhere(at+".where", i.Where)
}

func (d *decoder) checkWhere(at string, all []Where) {
	for i, w := range all {
		at := fmt.Sprintf("%s[%d]", at, i)
		d.required(at+".column", w.Column, "name the column that says which rows are meant")
		if len(w.Values) == 0 {
			d.mistake(at+".values", "is missing", "list the values of which the column must hold one, each in quotes")
		}
	}
}

// checkWeak demands all of a weak identity: less would find half the town.
func (d *decoder) checkWeak(at string, w *Weak) {
	if len(w.Name) == 0 || slices.Contains(w.Name, "") {
		d.mistake(at+".name", "is missing", "list the columns of the name in the order in which they are read, such as [fname, lname]")
	}
	d.required(at+".birth_date", w.BirthDate, "name the column of the birth date")
	d.required(at+".sex", w.Sex, "name the column of the sex")
}
