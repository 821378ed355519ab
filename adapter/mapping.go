package adapter

import (
	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
)

// mappings are what the configuration says of whose the rows are.
func mappings(c *config.Config) []rows.Mapping {
	all := make([]rows.Mapping, len(c.Source.Tables))
	for i, t := range c.Source.Tables {
		all[i] = rows.Mapping{Table: t.Name, Patient: t.Patient.Column, To: t.Patient.To}
	}
	return all
}

// clinicalRules are what it says of clinical dates and final rows.
func clinicalRules(c *config.Config) []clinical.Rules {
	all := make([]clinical.Rules, len(c.Source.Tables))
	for i, t := range c.Source.Tables {
		all[i] = clinical.Rules{Table: t.Name, Date: t.ClinicalDate, LateAfter: t.LateAfter, Final: clinical.Final{
			Column: t.Final.Column, Values: t.Final.Values, After: t.Final.After, MayChange: t.Final.MayChange}}
	}
	return all
}

// rulesOf returns what is configured of one table; nil for nothing.
func (s *Sidecar) rulesOf(table string) *clinical.Rules {
	for _, r := range clinicalRules(s.config) {
		if r.Table == table {
			return &r
		}
	}
	return nil
}
