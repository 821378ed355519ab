package mysql

import "strings"

// CoveredTypes returns the data types of TYPES.md, in capitals.
func CoveredTypes() []string {
	var names []string
	for _, rule := range typeRules() {
		names = append(names, strings.Fields(strings.ToUpper(rule.types))...)
	}
	return names
}
