package ingest

import (
	"slices"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// logNotes tells what the tap says of its tables, each note once.
func (s *session) logNotes(listed []tap.Table) {
	var order []string
	tables := make(map[string][]string)
	for _, t := range listed {
		for _, note := range t.Notes {
			if !slices.Contains(order, note) {
				order = append(order, note)
			}
			tables[note] = append(tables[note], t.Name)
		}
	}
	for _, note := range order {
		s.options.Logger.Warn().Str("event", "source note").Strs("tables", tables[note]).Msg(note)
	}
}
