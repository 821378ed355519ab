package adapter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// badTapName is the name under which this test program is a tap.
const badTapName = "bad-tap"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != badTapName {
		os.Exit(m.Run())
	}
	if err := playTap(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// playTap is the tap for MariaDB with the fault that a file names.
func playTap(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fault := string(text)
	switch fault {
	case "crash at once":
		os.Exit(7)
	case "version":
		fmt.Println("1|2|unix|/nowhere|grpc|")
		<-make(chan struct{}) // the sidecar ends it
	}
	return tap.Serve(&badTap{Tap: mysql.New(), fault: fault})
}

// faultAfter is how many changes a bad tap delivers before its fault shows.
const faultAfter = 25

// badTap is the tap for MariaDB with a fault.
type badTap struct {
	tap.Tap
	fault string
}

// Stream delivers what the real tap does, until the fault shows.
func (b *badTap) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	return b.Tap.Stream(ctx, from, &badSink{Sink: sink, fault: b.fault})
}

type badSink struct {
	tap.Sink
	fault   string
	changes int
}

func (b *badSink) Change(c tap.Change) error {
	if b.changes++; b.changes != faultAfter {
		return b.Sink.Change(c)
	}
	switch b.fault {
	case "crash":
		os.Exit(7)
	case "panic":
		panic("a row: " + plantedRow)
	case "hang":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) // cannot fail
	case "flood":
		go flood(os.Stderr)
		go flood(os.Stdout)
	case "malformed":
		if c.After != nil {
			c.After = c.After[1:]
		} else {
			c.Before = c.Before[1:]
		}
	case "unknown operation":
		c.Op = 77
	}
	return b.Sink.Change(c)
}

func flood(out io.Writer) {
	for n := 0; ; n++ {
		if _, err := fmt.Fprintln(out, "line", n, strings.Repeat("x", 3000)); err != nil {
			return
		}
	}
}

// installBadTap makes the directory of an installed tap that is this program,
// and returns its manifest and the file that names its fault.
func installBadTap(t *testing.T, fault string) (manifest, role string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tap")
	role = filepath.Join(t.TempDir(), "fault")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{filepath.Join(dir, badTapName): program,
		filepath.Join(dir, "NOTES"): []byte("as installed\n"), role: []byte(fault)} {
		if err := os.WriteFile(path, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	manifest = filepath.Join(dir, "manifest.json")
	writeManifest(t, manifest, role, nil)
	return manifest, role
}

// writeManifest writes the manifest of a tap's directory as it is, changed.
func writeManifest(t *testing.T, path, role string, change func(*host.Manifest)) {
	t.Helper()
	m, err := host.NewManifest(path, "mysql", mysql.New().Describe().Version, []string{badTapName, role})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(m)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tapFault is one way in which a tap is bad, what the status says of it, and
// how it is brought about and mended.
type tapFault struct {
	name        string
	says        []string
	spoil, mend func(t *testing.T, manifest, role string)
}

// plays returns the fault of a tap that runs.
func plays(fault string, says ...string) tapFault {
	write := func(text string) func(*testing.T, string, string) {
		return func(t *testing.T, _, role string) {
			if err := os.WriteFile(role, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return tapFault{name: fault, says: says, spoil: write(fault), mend: write("good")}
}

func tapFaults() []tapFault {
	notes := func(text string) func(*testing.T, string, string) {
		return func(t *testing.T, manifest, _ string) {
			if err := os.WriteFile(filepath.Join(filepath.Dir(manifest), "NOTES"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []tapFault{
		{"wrong checksum", []string{"tap emr: NOTES is not the installed file: SHA-256 expected", "install its new manifest with it"},
			notes("changed\n"), notes("as installed\n")},
		{"another manifest version", []string{"tap emr: its manifest names version 99", "install the version of the tap"},
			func(t *testing.T, manifest, role string) {
				writeManifest(t, manifest, role, func(m *host.Manifest) { m.Protocol = 99 })
			},
			func(t *testing.T, manifest, role string) { writeManifest(t, manifest, role, nil) }},
		{"another tap's manifest", []string{"tap emr: its manifest is of mysql 9.9", "install the tap together with its own manifest"},
			func(t *testing.T, manifest, role string) {
				writeManifest(t, manifest, role, func(m *host.Manifest) { m.Version = "9.9" })
			},
			func(t *testing.T, manifest, role string) { writeManifest(t, manifest, role, nil) }},
		plays("crash at once", "tap emr: it ended before it was ready (exit status 7)", "see its output in the log"),
		plays("version", "tap emr: it speaks version 2 of the contract, this program version 1", "install the version of the tap"),
		plays("crash", "tap emr: its process ended (exit status 7)", "it is started again"),
		plays("panic", "tap emr:"),
		plays("malformed", "tap emr: tap breaks its contract", "update the tap"),
		plays("unknown operation", "tap emr: tap breaks its contract", "update the tap"),
		plays("hang", "tap emr: it did not answer 3 times in a row and was stopped", "it is started again"),
	}
}

// plantedRow stands in rows that pass while taps fail. No diary may hold it.
const plantedRow = "planted-row-value"

// TestABadTapLosesNothing runs a whole sidecar with a tap from outside that is
// bad in each way, one after the other, under a load. The status says which
// tap, why, and the mend; once it is mended the source is read on; and at the
// end the log is the source's own history, each change once, in order.
func TestABadTapLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	t.Parallel() // most of it is waiting
	server, source := mariadbSource(t, true)
	manifest, role := installBadTap(t, "good")
	source.Manifest = manifest
	chain := sidecartest.StartChain(t, 1)
	s := sidecartest.NewSidecar(t, chain, source)
	k := &killer{t: t, server: server, chain: chain, sidecar: s}
	start := k.sequence()
	s.Start()
	s.Covered()
	work := startWorkload(t, server, 1, 11)
	planted := 0
	for _, fault := range tapFaults() {
		t.Logf("tap: %s", fault.name)
		s.Stop()
		fault.spoil(t, manifest, role)
		s.Start()
		status := tapProblem(s, fault.says)
		planted++
		server.Exec(fmt.Sprintf(`INSERT INTO emr.patients VALUES (%d, '%s', NULL, NULL)`, 70_000+planted, plantedRow))
		fault.mend(t, manifest, role)
		s.Recorded("emr.patients", fmt.Sprint(70_000+planted), 1)
		if status.Ready || status.Source.Name != "emr" {
			t.Errorf("%s: status %+v", fault.name, status.Source)
		}
	}
	floods(t, s, role)
	work.stop()
	k.settle()
	if report := s.Audit(); report.Verdict != "intact" {
		t.Errorf("audit: %s, findings %+v", report.Verdict, report.Findings)
	}
	s.Stop()
	want := readHistory(t, server, start)
	log := s.OpenLog()
	defer func() { _ = log.Close() }() // only read
	if err := log.Check(t.Context(), 0, log.Size()); err != nil {
		t.Error(err)
	}
	got := streamed(t, log)
	compareHistories(t, want, got)
	sidecartest.KeepsSecret(t, s, []string{plantedRow, "test-only"})
	t.Logf("%d bad taps; %d changes logged once, in order", len(tapFaults())+1, len(got))
}

// tapProblem waits until the status tells the tap's problem in the words that
// it must have.
func tapProblem(s *sidecartest.Sidecar, says []string) *api.Status {
	return s.Until(func(status *api.Status) error {
		if status.Source.Problem == "" {
			return errors.New("the source has no problem")
		}
		for _, want := range says {
			if !strings.Contains(status.Source.Problem, want) || !strings.Contains(strings.Join(status.NotReady, "\n"), want) {
				return fmt.Errorf("waiting for %q in %q and %q", want, status.Source.Problem, status.NotReady)
			}
		}
		return nil
	})
}

// floods lets the tap print without end: the stream goes on, and the diary
// takes a bounded part of it and says that there was more.
func floods(t *testing.T, s *sidecartest.Sidecar, role string) {
	t.Helper()
	s.Stop()
	if err := os.WriteFile(role, []byte("flood"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(s.Told())
	s.Start()
	began := time.Now()
	sidecartest.Eventually(t, time.Minute, func(context.Context) error {
		if !strings.Contains(s.Told()[before:], "tap output dropped: too much at once") {
			return errors.New("nothing was dropped yet")
		}
		return nil
	})
	s.Covered()
	s.Stop() // reports what was dropped last
	told := []byte(s.Told()[before:])
	// 200 lines at once and 20 a second, of 2 KiB each and what stands around.
	if most := (200 + 20*int(time.Since(began)/time.Second+2)) * 3000; bytes.Count(told, []byte("xxx")) == 0 || len(told) > most {
		t.Errorf("the diary grew by %d bytes in %s", len(told), time.Since(began))
	}
	if err := os.WriteFile(role, []byte("good"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Start()
}
