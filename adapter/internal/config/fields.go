package config

import (
	"reflect"
	"strings"
)

// fieldOf returns the field of a section by its name in the file.
func fieldOf(section reflect.Value, name string) (reflect.Value, bool) {
	for i := range section.NumField() {
		if section.Type().Field(i).Tag.Get("yaml") == name {
			return section.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func fieldNames(section reflect.Type) []string {
	names := make([]string, section.NumField())
	for i := range names {
		names[i] = section.Field(i).Tag.Get("yaml")
	}
	return names
}

// suggest returns the mend for an unknown field: the name that was probably
// meant, or all that there are.
func suggest(name string, section reflect.Type) string {
	names := fieldNames(section)
	best, least := "", len(name)/3+2
	for _, candidate := range names {
		if n := distance(strings.ToLower(name), candidate); n < least {
			best, least = candidate, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "the fields here are " + strings.Join(names, ", ")
}

// distance counts the letters to change, add or drop between two words
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func kindName(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Uint64:
		return "a whole number from 0"
	default:
		return "a whole number"
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orFile(path string) string {
	if path == "" {
		return "file"
	}
	return path
}
