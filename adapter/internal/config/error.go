package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one mistake in the file.
type Problem struct {
	Line, Column int    // from 1; 0 when the whole file is concerned
	Thing        string // the field, such as source.tables[1].patient
	Reason       string
	Mend         string
}

// Error holds every mistake of a file, in the order of its lines.
type Error struct {
	File     string // "" where a mistake came to light beyond the file: in what it names
	Problems []Problem
}

// NewError returns the mistake that a field of a sound file names something
// that is not as it must be.
func NewError(thing, reason, mend string) *Error {
	return &Error{Problems: []Problem{{Thing: thing, Reason: reason, Mend: mend}}}
}

// Error lists the mistakes, one per line: file:line:column: thing: reason; mend.
// Beyond the file there is no place to tell.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = fmt.Sprintf("%s: %s", p.Thing, p.Reason)
		if e.File != "" {
			lines[i] = fmt.Sprintf("%s:%d:%d: %s", e.File, p.Line, p.Column, lines[i])
		}
		if p.Mend != "" {
			lines[i] += "; " + p.Mend
		}
	}
	return strings.Join(lines, "\n")
}

func (d *decoder) failure(name string) *Error {
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{File: name, Problems: d.problems}
}
