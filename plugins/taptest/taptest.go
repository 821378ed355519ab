// Package taptest is the conformance kit: it runs every promise of package tap
// against a tap and a real source, in this process and, if the author gives a
// way to it, over real gRPC to a process of its own.
//
// An author fills a Harness: how to make the tap, and a Source, which changes
// one table of the source past the tap, as the EMR does. Run then gives a
// Report with a Result for each case; Subtests runs the same cases as subtests
// of a Go test:
//
//	func TestConformance(t *testing.T) { taptest.Subtests(t, harness(t)) }
//
// The kit works on one table whose rows it knows by number, and whose content
// it knows by number too: content numbers only ever rise, so that the kit can
// tell which of two versions of a row is the later one.
package taptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Harness is what the kit must know of a tap and its source.
type Harness struct {
	// Make returns a fresh tap, not opened, and a good configuration that
	// covers Table, the tables of Samples and the one of Keyless.
	Make func(ctx context.Context) (tap.Tap, tap.Config, error)
	// MakeRemote does so over a real connection to a process of its own;
	// closing that tap ends the process. Nil leaves those cases out.
	MakeRemote func(ctx context.Context) (tap.Tap, tap.Config, error)
	// Kill ends the process of a tap that MakeRemote made, without asking it.
	// Without it the kit closes the tap instead.
	Kill func(t tap.Tap) error

	// Assurance is what the tap is expected to promise.
	Assurance tap.Assurance
	// Table is the table that Source changes.
	Table  string
	Source Source
	// NoTransactions says that the table's kind has none: each step of an Apply
	// commits by itself, and nothing is rolled back.
	NoTransactions bool

	// Bad are configurations that Open must refuse with a *tap.SetupError.
	Bad []BadConfig
	// Samples are rows that between them hold every type of the tap's TYPES.md.
	Samples []Sample
	// Keyless is a table without a key; nil leaves the case out.
	Keyless *Keyless
	// LoseHistory makes the source forget the changes so far, as a purge or a
	// restore does. Nil leaves the case out.
	LoseHistory func(ctx context.Context) error

	// Secrets are texts that must appear in no error and no output: passwords,
	// and the contents of rows.
	Secrets []string
	// Output returns what the tap printed and logged so far; nil if unknown.
	Output func() string

	// Patience is how long the kit waits for what must come; 20 s if zero.
	Patience time.Duration
}

// Source changes the table past the tap, over a connection of its own. The
// kit calls Apply and Rows from one goroutine at a time, Key and Read from any.
type Source interface {
	// Apply does the steps in one transaction, and commits it or rolls it back.
	Apply(ctx context.Context, commit bool, steps ...Step) error
	// Rows reads the whole table: row number → content number.
	Rows(ctx context.Context) (map[int]int, error)
	// Key is the key of a row by its number, from 1; each number has another.
	Key(number int) []row.Value
	// Read tells number and content of a row of the table from its cells.
	Read(cells []row.Value) (number, content int, err error)
}

// Step is one row change that a Source shall make.
type Step struct {
	Op      tap.Op // Insert, Update or Delete
	Row     int
	To      int // Update: the row's number from now on; equal to Row unless the key changes
	Content int // Insert, Update: any number; it must come back from Read
}

// BadConfig is a configuration with a mistake in it.
type BadConfig struct {
	Name   string // of the mistake
	Config tap.Config
}

// Sample is a row whose cells must have the same bytes by every way.
type Sample struct {
	Name  string // of the type or value
	Table string
	// Write inserts the row, or changes it if it is there, and returns its key.
	Write func(ctx context.Context) (key []row.Value, err error)
}

// Case is one promise.
type Case struct {
	Name string
	run  func(ctx context.Context, k *kit) error
}

// Way says how a case reached the tap.
type Way string

// The ways to a tap.
const (
	InProcess Way = "in-process"
	Remote    Way = "remote"
)

// Verdict is the outcome of a case.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped" // the tap does not promise it, or the harness cannot show it
)

// Result is how a case went.
type Result struct {
	Case    string        `json:"case"`
	Way     Way           `json:"way"`
	Verdict Verdict       `json:"verdict"`
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Report is how all cases went.
type Report struct {
	Results []Result `json:"results"`
}

// OK reports whether no case failed.
func (r Report) OK() bool {
	for _, result := range r.Results {
		if result.Verdict == Failed {
			return false
		}
	}
	return len(r.Results) > 0
}

// String lists the results, one per line.
func (r Report) String() string {
	var b strings.Builder
	for _, x := range r.Results {
		fmt.Fprintf(&b, "%-7s %-10s %-24s %6.2fs  %s\n", x.Verdict, x.Way, x.Case, x.Took.Seconds(), x.Detail)
	}
	return b.String()
}

// Cases lists the promises, in the order in which they are run. The last one
// looks at what all the others saw.
func Cases() []Case {
	return []Case{
		{"describe", describe},
		{"good-configuration", goodConfiguration},
		{"bad-configuration", badConfiguration},
		{"tables", tables},
		{"survey", survey},
		{"commit-order", commitOrder},
		{"rolled-back", rolledBack},
		{"resume-everywhere", resumeEverywhere},
		{"stream-again", streamAgain},
		{"abnormal-positions", abnormalPositions},
		{"kill-before-ack", killBeforeAck},
		{"acks", acks},
		{"gap-on-lost-history", gapOnLostHistory},
		{"fence-under-writer", fenceUnderWriter},
		{"scan-pages", scanPages},
		{"fetch", fetch},
		{"same-bytes", sameBytes},
		{"table-without-key", keyless},
		{"back-pressure", backPressure},
		{"cancel", cancelStops},
		{"close-twice", closeTwice},
		{"no-goroutine-left", noGoroutineLeft},
		{"no-secret-told", noSecretTold},
	}
}

// Run runs the cases by every way that the harness gives: those with the given
// names, or all.
func Run(ctx context.Context, h Harness, names ...string) Report {
	var report Report
	for _, way := range h.ways() {
		k := newKit(h, way)
		for _, c := range Cases() {
			if len(names) > 0 && !slices.Contains(names, c.Name) {
				continue
			}
			report.Results = append(report.Results, k.result(ctx, c))
		}
	}
	return report
}

// Tester is what Subtests needs of a *testing.T.
type Tester[T any] interface {
	Run(name string, f func(T)) bool
	Context() context.Context
	Error(args ...any)
	Skip(args ...any)
}

// Subtests runs every case as a subtest of t, a *testing.T.
func Subtests[T Tester[T]](t T, h Harness) {
	for _, way := range h.ways() {
		k := newKit(h, way)
		for _, c := range Cases() {
			t.Run(string(way)+"/"+c.Name, func(t T) {
				switch result := k.result(t.Context(), c); result.Verdict {
				case Failed:
					t.Error(result.Detail)
				case Skipped:
					t.Skip(result.Detail)
				}
			})
		}
	}
}

func (h *Harness) ways() []Way {
	var ways []Way
	if h.Make != nil {
		ways = append(ways, InProcess)
	}
	if h.MakeRemote != nil {
		ways = append(ways, Remote)
	}
	return ways
}

// skipped says why a case cannot be run.
type skipped string

func (s skipped) Error() string { return string(s) }

func (k *kit) result(ctx context.Context, c Case) Result {
	began := time.Now()
	err := c.run(ctx, k)
	result := Result{Case: c.Name, Way: k.way, Verdict: Passed, Took: time.Since(began)}
	var reason skipped
	switch {
	case errors.As(err, &reason):
		result.Verdict, result.Detail = Skipped, string(reason)
	case err != nil:
		result.Verdict, result.Detail = Failed, err.Error()
	}
	return result
}
