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
	list, _, _ := strings.Cut(rest, "\n# By what patients")
	return renamed(list, database, instead)
}

// Patients returns the lines of a preset's section of patients behind its epochs,
// as Tables returns the list.
func Patients(text, database, instead string) string {
	_, rest, _ := strings.Cut(text, "\npatients:\n  site_key_file: site.key\n")
	_, rest, _ = strings.Cut(rest, "epoch-1.key}\n")
	section, _, _ := strings.Cut(rest, "\nhttp:")
	return renamed(section, database, instead)
}

func renamed(lines, database, instead string) string {
	return strings.ReplaceAll(strings.TrimRight(lines, "\n")+"\n", " "+database+".", " "+instead+".")
}
