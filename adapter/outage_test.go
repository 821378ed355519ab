package adapter_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// TestTheSourceIsReadOnWhileTheChainIsAway takes the chain away during a whole
// load: its node is killed at first and then, started again, frozen so that it
// takes connections and never answers; the sidecar is killed in between. The
// backlog grows and the status says so and since when. With the chain back,
// every leaf is anchored under a receipt that holds, and the log is the
// source's own history, in order.
func TestTheSourceIsReadOnWhileTheChainIsAway(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	t.Parallel() // most of it is waiting
	transactions := uint64(150)
	if full() {
		transactions = 3000
	}
	server, source := mariadbSource(t, true)
	chain := sidecartest.StartChain(t, 1)
	s := sidecartest.NewSidecar(t, chain, source)
	k := &killer{t: t, server: server, chain: chain, sidecar: s}
	start := k.sequence()
	s.Start()
	s.Covered()
	before := s.Anchored().Chain.Anchored.Size

	chain.Node(0).Kill()
	work := startWorkload(t, server, 4, 7)
	growsOn(t, s, work, transactions, "start the node")
	s.Kill()
	s.Start()
	growsOn(t, s, work, transactions, "start the node")

	chain.Start(0)
	flowing(s)
	if err := syscall.Kill(chain.Node(0).PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	growsOn(t, s, work, transactions, "start the")
	work.stop()
	if err := syscall.Kill(chain.Node(0).PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}

	k.settle()
	flowing(s)
	s.Ready()
	report := s.Audit()
	if report.Verdict != "intact" {
		t.Errorf("audit: %s, findings %+v, not covered %+v", report.Verdict, report.Findings, report.Covered.NotCovered)
	}
	size := s.Anchored().Chain.Anchored.Size // the log had no more when it was asked
	s.Stop()
	want := readHistory(t, server, start)
	log := s.OpenLog()
	defer func() { _ = log.Close() }() // only read
	got := streamed(t, log)
	compareHistories(t, want, got)
	anchors := anchorsOf(t, log)
	everyLeafCovered(t, anchors, before, size)
	t.Logf("%d transactions without the chain, %d changes logged once, in order; %d leaves, all under %d anchors with receipts",
		work.done.Load(), len(got), size, len(anchors))
}

// growsOn demands that while the chain is away the log takes in so many
// transactions, and that the status tells a backlog that grows with it, since
// when, why and the mend.
func growsOn(t *testing.T, s *sidecartest.Sidecar, work *workload, transactions uint64, mend string) {
	t.Helper()
	first := s.Until(func(status *api.Status) error {
		c := status.Chain
		if c.Reachable || c.StalledSince == nil || !strings.Contains(c.Problem, mend) {
			return fmt.Errorf("reachable %v, stalled since %v, problem %q", c.Reachable, c.StalledSince, c.Problem)
		}
		return nil
	})
	until := work.done.Load() + transactions
	last := first
	for work.done.Load() < until {
		from := last
		last = s.Until(func(status *api.Status) error {
			if status.Chain.Backlog <= from.Chain.Backlog || status.Log.Size <= from.Log.Size {
				return fmt.Errorf("the backlog stays at %d", status.Chain.Backlog)
			}
			if status.Source.State != "streaming" || status.Source.LastChange == nil {
				return fmt.Errorf("the source is %s: %s", status.Source.State, status.Source.Problem)
			}
			return nil
		})
		if !last.Chain.StalledSince.Equal(*first.Chain.StalledSince) {
			t.Errorf("stalled since %v, before it was since %v", last.Chain.StalledSince, first.Chain.StalledSince)
		}
	}
	s.NotReady("nothing was anchored for", "leaves wait")
	t.Logf("backlog %d, then %d, stalled since %s: %s", first.Chain.Backlog, last.Chain.Backlog,
		first.Chain.StalledSince.Format(time.TimeOnly), last.Chain.Problem)
}

// everyLeafCovered demands that the anchors, in order, reach over every leaf
// below a size, and that some were made after one before.
func everyLeafCovered(t *testing.T, anchors []anchoring.Anchor, before, size uint64) {
	t.Helper()
	for i := 1; i < len(anchors); i++ {
		if anchors[i].Size <= anchors[i-1].Size || anchors[i].Height <= anchors[i-1].Height || anchors[i].Time < anchors[i-1].Time {
			t.Errorf("anchor %d is not after the one before: %d at %d, %d at %d", i,
				anchors[i-1].Size, anchors[i-1].Height, anchors[i].Size, anchors[i].Height)
		}
	}
	if last := anchors[len(anchors)-1].Size; last < size || last <= before {
		t.Errorf("the last anchor covers %d leaves of %d", last, size)
	}
}

// TestASidecarStartsBeforeItsChain has no chain to register at: the source is
// taken in, and anchored once the chain is there.
func TestASidecarStartsBeforeItsChain(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	t.Parallel() // most of it is waiting
	e, source := sqliteSource(t, 100_000)
	chain := sidecartest.StartChain(t, 1)
	chain.Node(0).Kill()
	s := sidecartest.NewSidecar(t, chain, source)
	s.Start()
	s.Covered()
	e.exec(`UPDATE patients SET phone = 'before the chain' WHERE id = 1`)
	s.Recorded("patients", "1", 2)
	status := stalled(s, "unreachable")
	if status.Chain.Anchored != nil {
		t.Errorf("anchored without a chain: %+v", status.Chain.Anchored)
	}
	chain.Start(0)
	flowing(s)
	s.Ready()
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		_, err := s.Control().Prove(ctx, api.ProveRequest{Table: "patients", Key: "1"})
		if err == nil {
			return nil
		}
		if _, audited := s.Control().Audit(ctx, api.AuditRequest{}); audited != nil {
			return audited
		}
		return err
	})
}
