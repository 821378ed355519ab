package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// mistake notes a problem at the place where the field stands; where it is
// missing, at the nearest section that is there.
func (d *decoder) mistake(thing, reason, mend string) {
	if slices.ContainsFunc(d.problems, func(p Problem) bool { return covers(p.Thing, thing) }) {
		return // its form, or its whole section's, was refused already
	}
	at := place{1, 1}
	for path := thing; path != ""; path = parent(path) {
		if p, ok := d.places[path]; ok {
			at = p
			break
		}
	}
	d.problems = append(d.problems, Problem{Line: at.line, Column: at.column, Thing: thing, Reason: reason, Mend: mend})
}

// refused reports whether a mistake was noted in the section.
func (d *decoder) refused(section string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return covers(section, p.Thing) })
}

// covers reports whether path is thing or lies in it.
func covers(thing, path string) bool {
	rest, ok := strings.CutPrefix(path, thing)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// required reports whether the field has a value, and notes it if not.
func (d *decoder) required(thing, value, mend string) bool {
	if value == "" {
		d.mistake(thing, "is missing", mend)
	}
	return value != ""
}

func (d *decoder) checkName(thing, value, mend string) {
	if d.required(thing, value, mend) && !rules.ValidID(value) {
		d.mistake(thing, "is not a name", "write "+nameForm)
	}
}

func (d *decoder) checkPath(thing, value, mend string) {
	if d.required(thing, value, mend) && !filepath.IsAbs(value) {
		d.mistake(thing, "is not an absolute path", "start it with /: a service has no directory of its own to start from")
	}
}

func (d *decoder) checkSocket(thing, value string) {
	d.checkPath(thing, value, "name the unix socket")
	if len(value) > maxSocketPath {
		d.mistake(thing, fmt.Sprintf("is longer than the %d bytes that a socket's path may have", maxSocketPath), "choose a shorter path")
	}
}

func (d *decoder) checkRange(thing string, value, least, most time.Duration) {
	if value < least || value > most {
		d.mistake(thing, "is "+inUnits(value), "choose "+inUnits(least)+" to "+inUnits(most))
	}
}

func (d *decoder) checkChoice(thing, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		d.mistake(thing, "is not one of its values", "choose "+strings.Join(choices, ", "))
	}
}

// checkDistinct refuses one file for two secrets.
func (d *decoder) checkDistinct(thing string, value SecretFile, other string, otherValue SecretFile) {
	if value != "" && value == otherValue {
		d.mistake(thing, "is the same file as "+other, "keep one key per file")
	}
}

// inUnits writes a duration without its zero units: 24h, not 24h0m0s; and whole
// days as days.
func inUnits(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 1 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", days)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
