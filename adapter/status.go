package adapter

import (
	"context"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/plugins/host"
)

// statusTime bounds how long status waits for the chain's node.
const statusTime = 2 * time.Second

// Status tells how everything is.
func (s *Sidecar) Status(ctx context.Context) (*api.Status, error) {
	out := &api.Status{Version: s.options.Version, Started: s.started.UTC(), NotReady: []string{}}
	for _, fill := range []func(context.Context, *api.Status) error{
		s.sourceStatus, s.logStatus, s.chainStatus, s.auditStatus, s.patientsStatus, s.peersStatus} {
		if err := fill(ctx, out); err != nil {
			return nil, err
		}
	}
	out.Ready = len(out.NotReady) == 0
	return out, nil
}

func (s *Sidecar) sourceStatus(ctx context.Context, out *api.Status) error {
	running := s.supervisor.Status()
	progress := s.ingest.Progress()
	out.Source = api.SourceStatus{Name: s.config.Source.Name, Tap: s.config.Source.Tap, State: sourceState(running, progress.Attached),
		Restarts: uint64(running.Restarts), Tables: []api.TableStatus{}}
	if running.LastErr != nil && !progress.Attached {
		out.Source.Problem = running.LastErr.Error()
		if running.State == host.Waiting && running.Next.After(time.Now()) {
			out.Source.Problem += "; to be tried again at " + running.Next.UTC().Format(time.RFC3339)
		}
		out.NotReady = append(out.NotReady, "the source is not tapped: "+out.Source.Problem)
	} else if !progress.Attached {
		out.NotReady = append(out.NotReady, "the tap is starting")
	}
	out.Source.Paused = describePause(s.ingest.Paused())
	if running.Tap.Assurance != 0 {
		out.Source.Assurance = assuranceName(running.Tap.Assurance)
	}
	if !progress.LastCommit.IsZero() {
		last := progress.LastCommit.UTC()
		out.Source.LastChange = &last
	}
	return s.tableStatus(out)
}

func sourceState(running host.Status, attached bool) string {
	switch {
	case attached:
		return "streaming"
	case running.State == host.Starting || running.State == host.Running:
		return "starting"
	}
	return "stopped"
}

func (s *Sidecar) tableStatus(out *api.Status) error {
	coverage, err := s.ingest.Coverage()
	if err != nil {
		return err
	}
	reading := s.ingest.Reading()
	for _, c := range coverage {
		t := api.TableStatus{Name: c.Table, Covered: c.Refused == "" && c.Since != 0 && !c.Suspect, Reason: c.Refused, Notes: c.Notes}
		if reading != nil && reading.Table == c.Table {
			t.Progress = s.describeProgress(reading)
		}
		switch {
		case c.Refused != "":
		case c.Since == 0:
			t.Reason = "being taken in"
			if out.Source.State == "streaming" {
				out.Source.State = "snapshot"
			}
		case c.Suspect:
			t.Reason = "being verified after a gap"
		}
		if c.Problem != "" {
			t.Reason += ", and could not be read: " + c.Problem
			out.NotReady = append(out.NotReady, "table "+c.Table+" is "+t.Reason)
		}
		out.Source.Tables = append(out.Source.Tables, t)
	}
	return nil
}

func (s *Sidecar) logStatus(_ context.Context, out *api.Status) error {
	checkpoint, err := s.checkpoint(s.log.Size())
	if err != nil {
		return err
	}
	out.Log.Checkpoint = checkpoint
	if out.Log.Gaps, err = ingest.Gaps(s.log); err != nil {
		return err
	}
	s.scrubStatus(out)
	if err := s.log.Err(); err != nil {
		out.NotReady = append(out.NotReady, "the record log takes nothing more: "+err.Error())
	}
	if err := s.wrappingStatus(out); err != nil {
		return err
	}
	return findings.Each(s.log, func(f *findings.Finding) error {
		c, _, err := s.orders().Corrected(f)
		if err == nil && c == nil {
			out.OpenFindings++
		}
		return err
	})
}

// wrappingLasts is how old a wrapping key is to become.
const wrappingLasts = 31 * 24 * time.Hour

func (s *Sidecar) wrappingStatus(out *api.Status) error {
	use, err := s.log.Wrapping()
	if err != nil || use.ID == "" {
		return err
	}
	out.Log.Wrapping = &api.Wrapping{ID: use.ID, Since: when(use.Since), Due: s.options.Now().Sub(when(use.Since)) > wrappingLasts}
	return nil
}

func (s *Sidecar) scrubStatus(out *api.Status) {
	scrubbed := s.scrub.Status()
	out.Log.Scrub.Next = scrubbed.Next
	if !scrubbed.Complete.IsZero() {
		complete := scrubbed.Complete.UTC()
		out.Log.Scrub.LastComplete = &complete
	}
	if scrubbed.Err != nil {
		out.Log.Scrub.Problem = scrubbed.Err.Error()
	}
}

func (s *Sidecar) chainStatus(ctx context.Context, out *api.Status) error {
	out.Chain.ID = s.config.Chain.ID
	anchored, err := s.anchoring.Status()
	if err != nil {
		return err
	}
	out.Chain.Backlog, out.Chain.Problem = anchored.Backlog, anchored.Error
	if since := anchored.OutOfReach; !since.IsZero() {
		stalled := since.UTC()
		out.Chain.StalledSince = &stalled
	}
	if last := anchored.Last; last.Height != 0 {
		out.Chain.Anchored = &api.Anchored{Size: last.Size, Height: last.Height, Time: when(last.Time)}
	}
	if anchored.Halted {
		out.NotReady = append(out.NotReady, "anchoring has halted: "+anchored.Error)
	} else if late := s.overdue(anchored); late != "" {
		out.NotReady = append(out.NotReady, late)
	}
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	node, err := s.chain.client.Status(ctx)
	if err != nil {
		out.Chain.Problem = mended(err).Error()
		return nil
	}
	if anchored.Error != "" && !anchored.Halted {
		out.Chain.Problem = "anchoring failed the last time: " + anchored.Error
	}
	out.Chain.Reachable, out.Chain.Height, out.Chain.Faulty = true, node.Height, node.Tolerates
	out.Chain.Notice = chainNotice(len(node.Validators), node.Tolerates)
	return nil
}

// overdue says that no anchor has become final for longer than it should take.
func (s *Sidecar) overdue(a anchoring.Status) string {
	if a.OutOfReach.IsZero() {
		return ""
	}
	late := s.options.Now().Sub(a.OutOfReach)
	if late < 3*s.config.Chain.Cadence {
		return ""
	}
	return fmt.Sprintf("nothing was anchored for %s; %d leaves wait", late.Round(time.Second), a.Backlog)
}

func chainNotice(validators, tolerates int) string {
	switch {
	case validators == 1:
		return "a local chain of one node, without an outside witness"
	}
	return ""
}

func (s *Sidecar) auditStatus(_ context.Context, out *api.Status) error {
	running := !s.auditing.TryLock()
	if !running {
		s.auditing.Unlock()
	}
	out.Audit.Running = running
	out.Audit.Progress = s.describeProgress(s.meter.Progress())
	last, err := audit.LastEntered(s.log)
	if err != nil {
		return err
	}
	if last != nil {
		ended := when(int64(last.Ended))
		out.Audit.LastTime, out.Audit.LastVerdict = &ended, lastVerdict(last)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.auditErr != nil {
		out.Audit.Problem = s.auditErr.Error()
	}
	if !s.nextAudit.IsZero() {
		next := s.options.Now().Add(time.Until(s.nextAudit)).UTC()
		out.Audit.Next = &next
	}
	return nil
}

// lastVerdict is the verdict on an audit by its entry in the log.
func lastVerdict(a *evidence.AuditBody) string {
	read := 0
	for _, c := range a.Coverage {
		if c.Complete {
			read++
		}
	}
	switch {
	case a.FindingsCount > 0:
		return verdictFindings
	case read == 0:
		return verdictNothing
	case read < len(a.Coverage):
		return verdictPart
	}
	return verdictIntact
}
