// Package demo shows the whole product on one machine, with nothing faked: two
// hospitals with embedded EMRs, a sidecar process and a tap process each, four
// validators, clinics at work, and an insider who tampers behind the system's
// back in every way that he knows. Each step says what was done, what was
// expected and what was found; the demo succeeds only if every step held.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// Options of a demo.
type Options struct {
	Once bool   // end after the last step instead of staying up
	JSON bool   // write one JSON document at the end instead of lines
	Dir  string // where everything is put; empty: a new temporary directory, removed at the end
	Out  io.Writer
	// Program runs this program's commands: a path and leading arguments.
	Program []string
	Logger  zerolog.Logger
}

// ErrFailed says that a step did not hold.
var ErrFailed = errors.New("the demo failed")

// A Step is one thing that was done, and whether it came out as promised.
type Step struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

// summary is what --json prints.
type summary struct {
	OK      bool    `json:"ok"`
	Seconds float64 `json:"seconds"`
	Steps   []Step  `json:"steps"`
	API     []door  `json:"api,omitempty"`
}

// door is where a hospital's sidecar answers.
type door struct {
	Hospital string `json:"hospital"`
	Address  string `json:"address"`
	Token    string `json:"token"`
}

// show runs the steps and keeps what came of them.
type show struct {
	options Options
	dir     string
	began   time.Time
	steps   []Step

	chain     *network
	riverside *hospital
	hillcrest *hospital
	backup    string // of Hillcrest's database
	altered   rowName
	pastAudit findingSet
}

// rowName names a row as people write it.
type rowName struct{ table, key string }

// Run runs the demo.
func Run(ctx context.Context, o Options) error {
	s := &show{options: o, dir: o.Dir, began: time.Now(), pastAudit: make(findingSet)}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "emrbchain-demo-")
		if err != nil {
			return fmt.Errorf("make a directory for the demo: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // what is left is in the system's own care
		s.dir = dir
	}
	defer s.end()
	failed := s.play(ctx)
	if err := s.close(failed); err != nil {
		return err
	}
	if failed != nil || o.Once {
		return failed
	}
	<-ctx.Done()
	return nil
}

// play runs the steps until one fails.
func (s *show) play(ctx context.Context) error {
	s.say("EMRBchain demo in %s", s.dir)
	for _, step := range s.story() {
		began := time.Now()
		detail, err := step.run(ctx)
		done := Step{Name: step.name, OK: err == nil, Detail: detail, Seconds: time.Since(began).Seconds()}
		if err != nil {
			done.Detail = err.Error()
		}
		s.steps = append(s.steps, done)
		s.tell(done)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFailed, step.name, err)
		}
	}
	return nil
}

func (s *show) say(format string, args ...any) {
	if !s.options.JSON {
		_, _ = fmt.Fprintf(s.options.Out, format+"\n", args...) // whoever reads may have left
	}
}

func (s *show) tell(step Step) {
	mark := "ok    "
	if !step.OK {
		mark = "FAILED"
	}
	s.say("%s %5.1fs  %s: %s", mark, step.Seconds, step.Name, step.Detail)
}

// close writes the summary.
func (s *show) close(failed error) error {
	sum := summary{OK: failed == nil, Seconds: time.Since(s.began).Seconds(), Steps: s.steps, API: s.doors()}
	if s.options.JSON {
		e := json.NewEncoder(s.options.Out)
		e.SetIndent("", "  ")
		return e.Encode(sum)
	}
	held := 0
	for _, step := range s.steps {
		if step.OK {
			held++
		}
	}
	s.say("\n%d of %d steps held, %.1f s.", held, len(s.story()), sum.Seconds)
	for _, d := range sum.API {
		if s.options.Once || failed != nil {
			s.say("%s answered at http://%s/v1/status and ends now", d.Hospital, d.Address)
			continue
		}
		s.say("%s answers at http://%s/v1/status  with  Authorization: Bearer %s", d.Hospital, d.Address, d.Token)
	}
	if failed == nil && !s.options.Once {
		s.say("The hospitals stay up; stop with Ctrl-C.")
	}
	return nil
}

func (s *show) doors() []door {
	var doors []door
	for _, h := range []*hospital{s.riverside, s.hillcrest} {
		if h != nil && h.token != "" {
			doors = append(doors, door{Hospital: h.name, Address: h.address, Token: h.token})
		}
	}
	return doors
}

// end stops everything that the demo started.
func (s *show) end() {
	for _, h := range []*hospital{s.riverside, s.hillcrest} {
		if h != nil {
			h.end()
		}
	}
	if s.chain != nil {
		s.chain.end()
	}
}
