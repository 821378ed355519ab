package sidecartest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// Table is a table to tap; Patient, a column or a path in YAML, is empty for a
// table that is nobody's.
type Table struct{ Name, Patient string }

// Source is a database to tap.
type Source struct {
	Tap      string
	Manifest string            // of the tap's program; empty: the built-in tap
	Settings map[string]string // a line of the settings each
	Tables   []Table
}

// Sidecar is a sidecar's directory and, while it runs, its process.
type Sidecar struct {
	t         testing.TB
	chain     *Chain
	dir       string
	logID     string
	Token     string
	Address   string
	Cadence   time.Duration
	Bucket    int
	Every     time.Duration // of scheduled audits; 0: a day
	ChunkRows int           // rows per scan; 0: the default
	MaxRows   int           // a second, read at most; 0: no limit
	Patients  string        // the section patients, in YAML; empty: none
	RPC       string        // of the node to use; empty: validator 0's
	Peers     string        // the section peers, in YAML; empty: none
	member    string        // whose it is
	source    Source
	process   *Process
}

// NewSidecar makes keys, store and configuration of a sidecar of Member's.
func NewSidecar(t testing.TB, chain *Chain, source Source) *Sidecar {
	t.Helper()
	return NewSidecarOf(t, chain, Member, source)
}

// NewSidecarOf makes keys, store and configuration of a member's sidecar.
func NewSidecarOf(t testing.TB, chain *Chain, member string, source Source) *Sidecar {
	t.Helper()
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	s := &Sidecar{t: t, chain: chain, dir: t.TempDir(), logID: hex.EncodeToString(id), Token: rand.Text(),
		Cadence: time.Second, Bucket: 16, source: source, member: member}
	origin := merkle.Origin(ChainID, s.logID, 0)
	wrapping, err := keys.NewWrapping(rand.Reader)
	s.must(err)
	logKey, err := keys.GenerateLogKey(rand.Reader, origin)
	s.must(err)
	s.write("wrapping.key", wrapping.Format())
	s.write("log.key", logKey.Format())
	s.write("member.key", keys.FormatMember(chain.members[member]))
	s.write("http.token", []byte(s.Token+"\n"))
	s.must(recordlog.Create(s.File("log"), origin, recordlog.Options{Wrapping: wrapping}))
	s.Address = FreeAddress(t)
	return s
}

// given are the addresses that FreeAddress gave out.
var given sync.Map

// FreeAddress returns an address on loopback where nobody listens, and which it
// never gives out again.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		_, taken := given.LoadOrStore(address, true)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if !taken {
			return address
		}
	}
}

func (s *Sidecar) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Sidecar) write(name string, text []byte) {
	s.t.Helper()
	s.must(os.WriteFile(s.File(name), text, 0o600))
}

// File is the path of a file in the sidecar's directory.
func (s *Sidecar) File(name string) string { return filepath.Join(s.dir, name) }

// LogID is the id of the sidecar's log.
func (s *Sidecar) LogID() string { return s.logID }

// Config writes the configuration file and returns its path.
func (s *Sidecar) Config() string {
	s.t.Helper()
	rpc := s.RPC
	if rpc == "" {
		rpc = s.chain.RPC(0)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "log:\n  directory: %s\n  wrapping_key_file: %s\n  log_key_file: %s\n",
		s.File("log"), s.File("wrapping.key"), s.File("log.key"))
	fmt.Fprintf(&b, "chain:\n  id: %s\n  rpc: http://%s\n  member: %s\n  member_key_file: %s\n  log_id: %s\n  cadence: %s\n  pad_to: %d\n",
		ChainID, rpc, s.member, s.File("member.key"), s.logID, s.Cadence, s.Bucket)
	fmt.Fprintf(&b, "source:\n  name: emr\n  tap: %s\n", s.source.Tap)
	if s.source.Manifest != "" {
		fmt.Fprintf(&b, "  manifest: %s\n", s.source.Manifest)
	}
	if s.MaxRows != 0 {
		fmt.Fprintf(&b, "  max_rows_per_second: %d\n", s.MaxRows)
	}
	b.WriteString("  settings:\n")
	for name, value := range s.source.Settings {
		fmt.Fprintf(&b, "    %s: %s\n", name, value)
	}
	b.WriteString("  tables:\n")
	for _, t := range s.source.Tables {
		if t.Patient == "" {
			fmt.Fprintf(&b, "    - {name: %s, nobody: true}\n", t.Name)
		} else {
			fmt.Fprintf(&b, "    - {name: %s, patient: %s}\n", t.Name, t.Patient)
		}
	}
	if s.Every == 0 {
		s.Every = 24 * time.Hour
	}
	b.WriteString(s.Patients)
	b.WriteString(s.Peers)
	fmt.Fprintf(&b, "audit:\n  every: %s\n", s.Every)
	if s.ChunkRows != 0 {
		fmt.Fprintf(&b, "  chunk_rows: %d\n", s.ChunkRows)
	}
	fmt.Fprintf(&b, "http:\n  listen: %s\n  token_file: %s\ncontrol:\n  socket: %s\nlogging:\n  level: info\n  format: json\n",
		s.Address, s.File("http.token"), s.Socket())
	s.write("emrbchain.yaml", []byte(b.String()))
	return s.File("emrbchain.yaml")
}

// Socket is the path of the control socket.
func (s *Sidecar) Socket() string { return s.File("control.sock") }

// Start starts the sidecar's process.
func (s *Sidecar) Start() {
	s.t.Helper()
	s.process = StartProcess(s.t, s.File("sidecar.log"), Program(s.t), "run", "--config", s.Config())
}

// Process is the running process.
func (s *Sidecar) Process() *Process { return s.process }

// Stop stops the sidecar as its operator would.
func (s *Sidecar) Stop() {
	s.t.Helper()
	s.process.Stop()
}

// Kill kills the sidecar's process.
func (s *Sidecar) Kill() { s.process.Kill() }

// KillTap kills the tap's process and reports whether there was one.
func (s *Sidecar) KillTap() bool {
	children := Children(s.process.PID())
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	return len(children) > 0
}

// Control returns a client of the sidecar.
func (s *Sidecar) Control() *control.Client {
	c := control.NewClient(s.Socket())
	s.t.Cleanup(c.Close)
	return c
}

// Covered waits until every table is covered and the stream runs.
func (s *Sidecar) Covered() *api.Status {
	s.t.Helper()
	c := s.Control()
	var status *api.Status
	Eventually(s.t, 2*time.Minute, func(ctx context.Context) (err error) {
		if status, err = c.Status(ctx); err != nil {
			return err
		}
		if len(status.Source.Tables) < len(s.source.Tables) || status.Source.State != "streaming" {
			return fmt.Errorf("the source is %s: %s", status.Source.State, status.Source.Problem)
		}
		for _, t := range status.Source.Tables {
			if !t.Covered && !strings.Contains(t.Reason, ";") {
				return fmt.Errorf("table %s is %s", t.Name, t.Reason)
			}
		}
		return nil
	})
	return status
}

// Anchored waits until everything that the log holds now is anchored.
func (s *Sidecar) Anchored() *api.Status {
	s.t.Helper()
	c := s.Control()
	var first, status *api.Status
	Eventually(s.t, 2*time.Minute, func(ctx context.Context) (err error) {
		if status, err = c.Status(ctx); err != nil {
			return err
		}
		if first == nil {
			first = status
		}
		if a := status.Chain.Anchored; a == nil || a.Size < first.Log.Size {
			return fmt.Errorf("not anchored yet: %s", status.Chain.Problem)
		}
		return nil
	})
	return status
}

// Recorded waits until the log holds a version of a row.
func (s *Sidecar) Recorded(table, key string, version uint64) {
	s.t.Helper()
	c := s.Control()
	Eventually(s.t, 2*time.Minute, func(ctx context.Context) error {
		v, err := c.RowVerdict(ctx, table, key)
		if err != nil {
			return err
		}
		if v.Version < version {
			return fmt.Errorf("%s %s has version %d, waiting for %d", table, key, v.Version, version)
		}
		return nil
	})
}

// Gap waits until the log has recorded a gap since the sidecar was made, and
// every table is covered again.
func (s *Sidecar) Gap() {
	s.t.Helper()
	Eventually(s.t, 2*time.Minute, func(context.Context) error {
		if !strings.Contains(s.process.Diary(1<<20), `"event":"gap"`) {
			return errors.New("no gap is recorded yet")
		}
		return nil
	})
	s.Covered()
}

// Audit audits all tables.
func (s *Sidecar) Audit() *api.AuditReport {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	report, err := s.Control().Audit(ctx, api.AuditRequest{})
	if err != nil {
		s.t.Fatalf("audit: %v", err)
	}
	return report
}

// OpenLog opens the store of a sidecar that does not run.
func (s *Sidecar) OpenLog() *recordlog.Log {
	s.t.Helper()
	f, err := os.Open(s.File("wrapping.key"))
	s.must(err)
	defer func() { _ = f.Close() }() // only read
	wrapping, err := keys.ParseWrapping(f)
	s.must(err)
	log, err := recordlog.Open(s.File("log"), recordlog.Options{Wrapping: wrapping, Logger: zerolog.Nop()})
	s.must(err)
	return log
}
