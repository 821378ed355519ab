// Package configs holds the example configurations, of which some are presets:
// the tables of a known EMR, that `emrbchain init --preset` starts from.
package configs

import (
	"embed"
	"slices"
	"strings"
)

//go:embed openemr.yaml openmrs.yaml
var presets embed.FS

// Presets returns the names of the presets.
func Presets() []string { return []string{"openemr", "openmrs"} }

// Preset returns the text of a preset; ok is false if there is none of that name.
func Preset(name string) (text string, ok bool) {
	if !slices.Contains(Presets(), name) {
		return "", false
	}
	b, err := presets.ReadFile(name + ".yaml")
	return string(b), err == nil
}

// Tables returns the lines of a configuration that list the tables, with their
// comments, and another name in place of the database's.
func Tables(text, database, instead string) string {
	_, rest, _ := strings.Cut(text, "\n  tables:\n")
	list, _, _ := strings.Cut(rest, "\nhttp:")
	return strings.ReplaceAll(strings.TrimRight(list, "\n")+"\n", " "+database+".", " "+instead+".")
}
