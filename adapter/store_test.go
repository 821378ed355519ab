package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// startAnchored starts a chain of one validator and a sidecar that covers all
// tables of an embedded EMR, and waits until that is anchored.
func startAnchored(t *testing.T) (*emr, *sidecartest.Chain, *sidecartest.Sidecar) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	e, source := sqliteSource(t, 100_000)
	chain := sidecartest.StartChain(t, 1)
	s := sidecartest.NewSidecar(t, chain, source)
	s.Start()
	s.Covered()
	s.Anchored()
	return e, chain, s
}

// heldLog is what the chain holds of a sidecar's log.
func heldLog(t *testing.T, chain *sidecartest.Chain, s *sidecartest.Sidecar) (log rules.Log) {
	t.Helper()
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) (err error) {
		var ok bool
		if log, ok, err = chain.Client(0).Log(ctx, s.LogID()); err == nil && !ok {
			err = errors.New("the log is not registered")
		}
		return err
	})
	return log
}

// refusesToAnchor demands that the sidecar says that it does not anchor any
// more, why, and what to do; that it taps on; and that the chain holds what it
// held.
func refusesToAnchor(t *testing.T, e *emr, chain *sidecartest.Chain, s *sidecartest.Sidecar, before rules.Log, id int, why string) {
	t.Helper()
	s.NotReady("anchoring has halted", why, "Stop the sidecar", "restore the newest store or replica", "members must vote a reset")
	if diary := s.Told(); !strings.Contains(diary, `"event":"anchoring halted"`) || !strings.Contains(diary, why) {
		t.Error("the diary does not say that anchoring has halted, and why")
	}
	e.exec(fmt.Sprintf(`INSERT INTO patients VALUES (%d, 'Tapped on', NULL, NULL)`, id))
	s.Recorded("patients", fmt.Sprint(id), 1)
	if after := heldLog(t, chain, s); after.Head != before.Head {
		t.Errorf("the chain held size %d, now %d: an old store was anchored", before.Head.Size, after.Head.Size)
	}
}

// TestAStoreFromAnOldBackupIsNotAnchored puts an older copy of the store in
// its place: shorter than what is anchored, then grown on its own beyond that.
// The newest store put back goes on, and nothing is missing.
func TestAStoreFromAnOldBackupIsNotAnchored(t *testing.T) {
	e, chain, s := startAnchored(t)
	s.Stop()
	older := s.CopyStore()
	s.Start()
	for n := range 40 {
		e.exec(fmt.Sprintf(`UPDATE patients SET phone = 'later %d' WHERE id = %d`, n, n+1))
	}
	s.Recorded("patients", "40", 2)
	s.Anchored()
	s.Stop()
	newest, anchored := s.CopyStore(), heldLog(t, chain, s)

	s.PutBackStore(older)
	s.Start()
	refusesToAnchor(t, e, chain, s, anchored, 6000, "The store is an older copy")
	s.Stop()

	// While the chain is away the copy grows beyond what is anchored.
	s.PutBackStore(older)
	chain.Node(0).Kill()
	s.Start()
	s.Covered()
	e.exec(`UPDATE results SET note = 'forked'`)
	s.Recorded("results", "1000", 2)
	chain.Start(0)
	refusesToAnchor(t, e, chain, s, anchored, 6001, "went on from an older copy")
	s.Stop()

	s.PutBackStore(newest)
	s.Start()
	s.Covered()
	s.Recorded("patients", "6001", 1)
	flowing(s)
	s.Ready()
	if report := s.Audit(); report.Verdict != "intact" {
		t.Errorf("audit with the newest store: %s, findings %+v", report.Verdict, report.Findings)
	}
}

// TestAFlippedByteInTheStoreIsNeverUsedSilently flips a byte of every file of
// the store, one at a time, in what is anchored and in what came after. The
// sidecar refuses to start or its scrub finds the damage, either with the name
// of a file and what to do; or the byte had no meaning, and all is intact.
func TestAFlippedByteInTheStoreIsNeverUsedSilently(t *testing.T) {
	e, chain, s := startAnchored(t)
	chain.Node(0).Kill() // what is logged now stays without an anchor
	e.exec(`UPDATE patients SET phone = 'not anchored' WHERE id < 50`)
	s.Recorded("patients", "49", 2)
	s.Stop()
	sound := s.CopyStore()
	places := []float64{0.2, 0.98}
	if full() {
		places = []float64{0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.98, 1}
	}
	outcomes := map[string]map[string]int{}
	for _, file := range filesOf(t, sound) {
		for _, place := range places {
			s.PutBackStore(sound)
			at, ok := flipByte(t, filepath.Join(s.Store(), file), place)
			if !ok {
				continue
			}
			outcome := storeOutcome(t, s, file, at)
			if outcomes[file] == nil {
				outcomes[file] = map[string]int{}
			}
			outcomes[file][outcome]++
		}
	}
	for file, counts := range outcomes {
		t.Logf("%s: %v", file, counts)
	}
	checkOutcomes(t, outcomes)
}

// filesOf lists the files of a store but for those that hold nothing of it:
// locks and the index's own diary.
func filesOf(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if base := filepath.Base(path); err == nil && d.Type().IsRegular() && base != "LOCK" && base != "LOG" && base != "LOG.old" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// flipByte changes the byte at a place from 0, the first, to 1, the last.
func flipByte(t *testing.T, path string, place float64) (at int, ok bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return 0, false
	}
	at = int(place * float64(len(b)-1))
	b[at] ^= 0x5a
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return at, true
}

// What comes of a flipped byte.
const (
	seenAtStart = "refused at start"
	seenByScrub = "found by the scrub or at use"
	unseen      = "no difference"
)

// storeOutcome starts a sidecar on a store with a flipped byte, and says what
// came of it.
func storeOutcome(t *testing.T, s *sidecartest.Sidecar, file string, at int) (outcome string) {
	t.Helper()
	before := len(s.Told())
	s.Start()
	c := s.Control()
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		select {
		case <-s.Process().Ended():
			outcome = seenAtStart
			return nil
		default:
		}
		status, err := c.Status(ctx)
		switch {
		case err != nil:
			return err
		case strings.Contains(strings.Join(status.NotReady, "\n"), "the record log takes nothing more"):
			outcome = seenByScrub
		case status.Log.Scrub.LastComplete != nil:
			outcome = unseen
		default:
			return fmt.Errorf("scrubbed up to %d of %d", status.Log.Scrub.Next, status.Log.Size)
		}
		return nil
	})
	told := s.Told()[before:]
	switch outcome {
	case seenAtStart:
		if code := s.Process().ExitCode(); code != 1 {
			t.Errorf("%s, byte %d: exit code %d", file, at, code)
		}
		checkDamageTold(t, file, at, told)
	case seenByScrub:
		checkDamageTold(t, file, at, told)
		s.Stop()
	default:
		if report := s.Audit(); report.Verdict != "intact" || report.Counts["intact"]+report.Counts["not yet anchored"] != 1200 {
			t.Errorf("%s, byte %d: used silently: audit %s, counts %v", file, at, report.Verdict, report.Counts)
		}
		s.Stop()
	}
	return outcome
}

// checkDamageTold demands the thing, the reason and the mend.
func checkDamageTold(t *testing.T, file string, at int, told string) {
	t.Helper()
	thing := filepath.Base(file)
	if dir := filepath.Dir(file); strings.HasSuffix(dir, ".db") {
		thing = filepath.Base(dir) // the index is one thing; which of its files is for its own words
	}
	for _, want := range []string{"record log is damaged", thing, "restore the log from its replica or backup"} {
		if !strings.Contains(told, want) {
			t.Errorf("%s, byte %d: nothing says %q: %s", file, at, want, told[max(0, len(told)-1500):])
		}
	}
}

// checkOutcomes demands that each part of the store was tried, and that none
// that the log cannot do without went unseen.
func checkOutcomes(t *testing.T, outcomes map[string]map[string]int) {
	t.Helper()
	parts := map[string]map[string]int{}
	for file, counts := range outcomes {
		part, _, _ := strings.Cut(filepath.Base(file), "-")
		if strings.HasSuffix(filepath.Dir(file), ".db") && filepath.Ext(file) != "" {
			part = filepath.Ext(file)
		}
		if parts[part] == nil {
			parts[part] = map[string]int{}
		}
		for outcome, n := range counts {
			parts[part][outcome] += n
		}
	}
	for _, part := range []string{"FORMAT", "entries", "tree", "CURRENT", "MANIFEST"} {
		if seen := parts[part][seenAtStart] + parts[part][seenByScrub]; seen == 0 || parts[part][unseen] != 0 {
			t.Errorf("%s: %v", part, parts[part])
		}
	}
	for _, outcome := range []string{seenAtStart, seenByScrub} {
		if parts["entries"][outcome] == 0 {
			t.Errorf("no flipped byte of the entries was %s: %v", outcome, parts["entries"])
		}
	}
}

// TestDamageHaltsTappingAndSaysSo finds damage while the sidecar works: it
// stays up, takes nothing more, and says so to whoever asks.
func TestDamageHaltsTappingAndSaysSo(t *testing.T) {
	e, _, s := startAnchored(t)
	s.Stop()
	sound := s.CopyStore()
	if _, ok := flipByte(t, filepath.Join(s.Store(), "segments", "entries-000000"), 0.3); !ok {
		t.Fatal("there are no entries")
	}
	s.RPC = "127.0.0.1:1" // no node: what the damaged store still anchored would make the sound copy an old one
	s.Start()
	status := s.NotReady("the record log takes nothing more", "entries-000000", "restore the log from its replica or backup")
	if !strings.Contains(status.Log.Scrub.Problem, "entries-000000") {
		t.Errorf("the scrub's problem is %q", status.Log.Scrub.Problem)
	}
	size := status.Log.Size
	e.exec(`UPDATE patients SET phone = 'unheard' WHERE id = 3`)
	status = s.NotReady("the source is not tapped")
	if status.Log.Size != size {
		t.Errorf("a damaged store went on from %d to %d", size, status.Log.Size)
	}
	if !strings.Contains(s.Told(), `"event":"store damaged"`) {
		t.Error("the diary does not tell of the damage")
	}
	s.Stop()

	s.RPC = ""
	s.PutBackStore(sound)
	s.Start()
	s.Recorded("patients", "3", 2)
	scrubbed := s.Until(func(status *api.Status) error {
		if status.Log.Scrub.LastComplete == nil {
			return fmt.Errorf("scrubbed up to %d of %d", status.Log.Scrub.Next, status.Log.Size)
		}
		return nil
	})
	if scrubbed.Log.Scrub.Problem != "" {
		t.Errorf("the sound store has a problem: %s", scrubbed.Log.Scrub.Problem)
	}
	s.Ready()
}
