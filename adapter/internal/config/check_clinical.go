package config

import (
	"slices"
	"time"
)

// Limits of what a table may ask for. Clinical dates have no zone, or no time of
// day: less than an hour is nothing that could be told from them.
const minClinical, maxClinical = time.Hour, 100 * 365 * 24 * time.Hour

// checkClinical checks a table's clinical date and final rule.
func (d *decoder) checkClinical(at string, t Table) {
	for _, field := range []string{".clinical_date", ".late_after", ".final"} {
		if d.refused(at + field) {
			return // what was meant is not known
		}
	}
	f := t.Final
	if t.LateAfter != 0 {
		d.checkRange(at+".late_after", t.LateAfter, minClinical, maxClinical)
	}
	if f.After != 0 {
		d.checkRange(at+".final.after", f.After, minClinical, maxClinical)
	}
	const noDate = "is of no use without clinical_date"
	switch {
	case t.ClinicalDate != "":
		if t.LateAfter == 0 && f.After == 0 {
			d.mistake(at+".clinical_date", "is of no use alone", "add late_after: 7d, or final: {after: 30d}, or drop it")
		}
	case t.LateAfter != 0:
		d.mistake(at+".late_after", noDate, "add clinical_date: COLUMN, or drop late_after")
	case f.After != 0:
		d.mistake(at+".final.after", noDate, "add clinical_date: COLUMN, or drop after")
	}
	d.checkFinal(at+".final", t)
}

func (d *decoder) checkFinal(at string, t Table) {
	f := t.Final
	if _, written := d.places[at]; !written {
		return
	}
	switch {
	case f.Column == "" && len(f.Values) > 0:
		d.mistake(at+".column", "is missing", "name the column in which these values say that a row is final")
	case f.Column != "" && len(f.Values) == 0:
		d.mistake(at+".values", "is missing", "list the values by which the column says that a row is final")
	case f.Column == "" && f.After == 0:
		d.mistake(at, "says of no row that it is final", "add column and values, or after")
	case slices.Contains(f.Values, ""):
		d.mistake(at+".values", "holds an empty value", "drop it: it would make final what nobody has signed")
	}
	for _, decides := range []string{f.Column, t.ClinicalDate} {
		if decides != "" && slices.Contains(f.MayChange, decides) {
			d.mistake(at+".may_change", "lists column "+decides+", by which rows are final",
				"drop it there: whoever may change it may change all that is final")
		}
	}
}
