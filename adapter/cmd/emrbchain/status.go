package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func newStatus() *cobra.Command {
	var sidecar sidecarFlags
	var asJSON bool
	command := &cobra.Command{
		Use:   "status",
		Short: "Say how the sidecar, its source, its log and the chain are",
		Long: `Says whether the sidecar does its work, and if not, why: the source that it
taps, the record log, what the chain has anchored and what still waits, and the
last audit.

Exits 0 if the sidecar does its work, and 1 if it does not or is down.`,
		Example: `  emrbchain status
  emrbchain status --config /srv/clinic/emrbchain.yaml --json`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			var s *api.Status
			err := sidecar.ask(func(c *control.Client) (err error) {
				s, err = c.Status(command.Context())
				return err
			})
			if errors.Is(err, control.ErrNotRunning) {
				return reportDown(command.OutOrStdout(), err, asJSON)
			}
			if err != nil {
				return err
			}
			return printStatus(command.OutOrStdout(), s, asJSON)
		},
	}
	sidecar.add(command)
	jsonFlag(command, &asJSON)
	return command
}

// down is what status --json prints of a sidecar that does not run: the fields
// of api.Status that are known.
type down struct {
	Ready    bool     `json:"ready"`
	NotReady []string `json:"not_ready"`
}

func reportDown(out io.Writer, reason error, asJSON bool) error {
	reason = fmt.Errorf("the sidecar is down: %w", reason)
	if !asJSON {
		return reason
	}
	if err := printJSON(out, down{NotReady: []string{reason.Error()}}); err != nil {
		return err
	}
	return exitCode(exitFailure)
}

func printStatus(out io.Writer, s *api.Status, asJSON bool) error {
	if asJSON {
		if err := printJSON(out, s); err != nil {
			return err
		}
	} else if _, err := io.WriteString(out, statusText(s, time.Now())); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	if !s.Ready {
		return exitCode(exitFailure)
	}
	return nil
}

// statusText tells the state in lines of a name and a sentence.
func statusText(s *api.Status, now time.Time) string {
	var t lines
	if s.Ready {
		t.add("sidecar", "ready; version %s, up %s", s.Version, age(now, s.Started))
	} else {
		t.add("sidecar", "NOT READY; version %s, up %s", s.Version, age(now, s.Started))
	}
	for _, reason := range s.NotReady {
		t.reason("", reason)
	}
	t.source(&s.Source, now)
	t.add("log", "%s, %s; %s", count(s.Log.Size, "entry"), count(s.Log.Gaps, "gap"), s.Log.Origin)
	if s.Log.Scrub.Problem != "" {
		t.reason("PROBLEM: ", s.Log.Scrub.Problem)
	}
	if w := s.Log.Wrapping; w != nil && w.Due {
		t.add("", "DUE: wrapping key %s is in use since %s; stop the sidecar and run emrbchain keys rotate", w.ID, moment(w.Since))
	}
	t.chain(&s.Chain, now)
	t.audit(&s.Audit, now)
	if s.Patients != nil {
		t.patients(s.Patients)
	}
	if s.Peers != nil {
		t.peers(s.Peers)
	}
	if s.OpenFindings > 0 {
		t.add("findings", "%s OPEN; see emrbchain audit", thousands(s.OpenFindings))
	} else {
		t.add("findings", "none open")
	}
	return t.String()
}

// lines are written with their names in a column of their own.
type lines struct{ strings.Builder }

func (t *lines) add(name, format string, arguments ...any) {
	fmt.Fprintf(t, "%-9s "+format+"\n", append([]any{name}, arguments...)...)
}

// reason writes why something is wrong, each line of it so that it cannot steer
// a terminal nor pass for another line of the status.
func (t *lines) reason(name, text string) {
	for line := range strings.Lines(text) {
		t.add("", "%s%s", name, shown(strings.TrimSuffix(line, "\n")))
		name = strings.Repeat(" ", len(name))
	}
}

func (t *lines) source(s *api.SourceStatus, now time.Time) {
	t.add("source", "%s, %s; tap %s promises %s", shown(s.Name), s.State, s.Tap, s.Assurance)
	if s.LastChange != nil {
		t.add("", "last change at %s by the source's own clock", moment(*s.LastChange))
	}
	if s.Restarts > 0 {
		t.add("", "the tap was restarted %s", count(s.Restarts, "time"))
	}
	if s.Problem != "" {
		t.reason("PROBLEM: ", s.Problem)
	}
	if s.Paused != nil {
		t.paused(s.Paused)
	}
	for _, table := range s.Tables {
		t.table(&table)
	}
}

func (t *lines) paused(p *api.Pause) {
	t.add("", "PAUSED since %s,%s: emrbchain resume ends it", moment(p.Since), pauseEnd(p))
	t.add("", "  changes are still logged; snapshots, verifications and audits wait")
	if p.ReadsInWork > 0 {
		t.add("", "  %s", stillReading(p.ReadsInWork))
	}
}

func (t *lines) table(table *api.TableStatus) {
	if table.Covered {
		t.add("", "table %s: covered", shown(table.Name))
	} else {
		t.add("", "table %s: NOT COVERED: %s", shown(table.Name), shown(table.Reason))
	}
	if table.Progress != nil {
		t.add("", "  %s", progressText(table.Progress))
	}
	for _, note := range table.Notes {
		t.add("", "  %s", shown(note))
	}
}

func (t *lines) chain(c *api.ChainStatus, now time.Time) {
	if c.Reachable {
		t.add("chain", "%s, reachable, height %s", c.ID, thousands(c.Height))
	} else {
		t.add("chain", "%s, NOT REACHABLE", c.ID)
	}
	if c.Problem != "" {
		t.reason("PROBLEM: ", c.Problem)
	}
	if a := c.Anchored; a != nil {
		t.add("", "anchored the first %s at height %s, %s ago", count(a.Size, "entry"), thousands(a.Height), age(now, a.Time))
	} else {
		t.add("", "nothing is anchored yet")
	}
	if c.StalledSince != nil {
		t.add("", "%s not anchored yet; nothing can be anchored since %s", count(c.Backlog, "entry"), moment(*c.StalledSince))
	} else {
		t.add("", "%s not anchored yet", count(c.Backlog, "entry"))
	}
	t.add("", "tolerates %s", count(c.Faulty, "faulty member"))
	if c.Notice != "" {
		t.add("", "%s", c.Notice)
	}
}

func (t *lines) patients(p *api.PatientsStatus) {
	numbers := make([]string, len(p.Epochs))
	for i, epoch := range p.Epochs {
		numbers[i] = strconv.Itoa(int(epoch))
	}
	t.add("patients", "found by their identifiers in epoch %s", strings.Join(numbers, " and "))
	for _, table := range p.Lacking {
		t.add("", "INCOMPLETE: table %s is still to be read", shown(table))
	}
	for _, system := range slices.Sorted(maps.Keys(p.Refused)) {
		t.add("", "%s REFUSED of %s; see emrbchain patient refused", count(p.Refused[system], "identifier"), shown(system))
	}
}

func (t *lines) peers(p *api.PeersStatus) {
	if p.Published {
		t.add("peers", "reach this sidecar at %s", p.Endpoint)
		return
	}
	t.add("peers", "are NOT TOLD by the chain that they reach this sidecar at %s", p.Endpoint)
	t.reason("PROBLEM: ", p.Problem)
}

func (t *lines) audit(a *api.AuditStatus, now time.Time) {
	switch {
	case a.LastTime == nil:
		t.add("audit", "none is in the log yet")
	default:
		t.add("audit", "last: %s, %s ago, at %s", a.LastVerdict, age(now, *a.LastTime), moment(*a.LastTime))
	}
	if a.Problem != "" {
		t.reason("PROBLEM: ", a.Problem)
	}
	switch {
	case a.Running:
		t.add("", "one is running")
		if a.Progress != nil {
			t.add("", "  table %s: %s", shown(a.Progress.Table), progressText(a.Progress))
		}
	case a.Next != nil && a.Next.Before(now):
		t.add("", "the next is due since %s", moment(*a.Next))
	case a.Next != nil:
		t.add("", "next at %s", moment(*a.Next))
	}
}
