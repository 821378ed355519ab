package demo

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/demo/clinic"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

// outboxKeeps is how many changes the demo's outboxes keep for their taps.
const outboxKeeps = 50_000

// hospital is one hospital: its EMR, its people, and the sidecar beside it.
type hospital struct {
	name     string
	dir      string
	program  []string
	emr      *clinic.Clinic
	logID    string
	logKey   *keys.LogKey
	token    string
	address  string
	control  *control.Client
	process  *exec.Cmd
	exited   chan error
	diary    *os.File
	traffic  context.CancelFunc
	worked   chan error
	patients int
}

// database is where the hospital's EMR keeps its records.
func (h *hospital) database() string { return filepath.Join(h.dir, "emr.db") }

func (h *hospital) file(name string) string { return filepath.Join(h.dir, name) }

// newHospital makes an EMR with its history, installs the tap's triggers as
// the EMR's owner would, and gives the sidecar its keys, store and
// configuration.
func newHospital(ctx context.Context, dir, name string, seed uint64, o Options, n *network) (*hospital, error) {
	h := &hospital{name: name, dir: filepath.Join(dir, name), program: o.Program, patients: clinic.DefaultSize}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, err
	}
	if err := clinic.Create(ctx, h.database(), seed, h.patients); err != nil {
		return nil, err
	}
	if err := h.openEMR(ctx, true); err != nil {
		return nil, err
	}
	return h, h.initialise(n)
}

// openEMR opens the EMR, and installs the triggers if asked to.
func (h *hospital) openEMR(ctx context.Context, install bool) error {
	emr, err := clinic.Open(h.database())
	if err != nil {
		return err
	}
	h.emr = emr
	if !install {
		return nil
	}
	tables, err := sqlite.ReadTables(ctx, emr.DB(), tableNames()...)
	if err != nil {
		return fmt.Errorf("describe the EMR's tables: %w", err)
	}
	_, err = emr.DB().ExecContext(ctx, sqlite.InstallSQL(tables, outboxKeeps))
	return err
}

func tableNames() []string {
	names := make([]string, 0, len(clinic.Tables()))
	for name := range clinic.Tables() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// initialise makes keys, store and configuration, as init does.
func (h *hospital) initialise(n *network) error {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	h.logID = hex.EncodeToString(id)
	origin := merkle.Origin(chainID, h.logID, 0)
	wrapping, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		return err
	}
	if h.logKey, err = keys.GenerateLogKey(rand.Reader, origin); err != nil {
		return err
	}
	h.token = rand.Text()
	files := map[string][]byte{"wrapping.key": wrapping.Format(), "log.key": h.logKey.Format(),
		"member.key": keys.FormatMember(n.members[h.name]), "http.token": []byte(h.token + "\n")}
	for name, text := range files {
		if err := os.WriteFile(h.file(name), text, 0o600); err != nil {
			return err
		}
	}
	if err := recordlog.Create(h.file("log"), origin, recordlog.Options{Wrapping: wrapping}); err != nil {
		return err
	}
	if h.address, err = freeAddress(); err != nil {
		return err
	}
	return os.WriteFile(h.file("emrbchain.yaml"), []byte(h.configuration(n.nodes[0].RPCAddr())), 0o600)
}

// configuration is the sidecar's configuration file.
func (h *hospital) configuration(rpc string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "log:\n  directory: %s\n  wrapping_key_file: %s\n  log_key_file: %s\n",
		h.file("log"), h.file("wrapping.key"), h.file("log.key"))
	fmt.Fprintf(&b, "chain:\n  id: %s\n  rpc: http://%s\n  member: %s\n  member_key_file: %s\n  log_id: %s\n  cadence: 1s\n  pad_to: 64\n",
		chainID, rpc, h.name, h.file("member.key"), h.logID)
	fmt.Fprintf(&b, "source:\n  name: %s\n  tap: sqlite\n  settings:\n    path: %s\n  tables:\n", h.name, h.database())
	for _, name := range tableNames() {
		fmt.Fprintf(&b, "    - name: %s\n      patient: %s\n", name, clinic.Tables()[name])
	}
	fmt.Fprintf(&b, "http:\n  listen: %s\n  token_file: %s\ncontrol:\n  socket: %s\nlogging:\n  level: info\n  format: json\n",
		h.address, h.file("http.token"), h.file("control.sock"))
	return b.String()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start starts the sidecar's process.
func (h *hospital) start() error {
	diary, err := os.OpenFile(h.file("sidecar.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	args := append(slices.Clone(h.program[1:]), "run", "--config", h.file("emrbchain.yaml"))
	h.process = exec.Command(h.program[0], args...)
	h.process.Stdout, h.process.Stderr = diary, diary
	if err := h.process.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the sidecar: %w", err), diary.Close())
	}
	h.diary = diary
	h.exited = make(chan error, 1)
	go func(p *exec.Cmd, exited chan<- error) { exited <- p.Wait() }(h.process, h.exited)
	h.control = control.NewClient(h.file("control.sock"))
	return nil
}

// stopTime is how long a sidecar may take to stop.
const stopTime = 20 * time.Second

// stop stops the sidecar's process.
func (h *hospital) stop() error {
	if h.process == nil {
		return nil
	}
	h.control.Close()
	_ = h.process.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	var err error
	select {
	case err = <-h.exited:
	case <-time.After(stopTime):
		_ = h.process.Process.Kill()
		err = fmt.Errorf("the sidecar of %s did not stop within %s", h.name, stopTime)
		<-h.exited
	}
	h.process = nil
	return errors.Join(err, h.diary.Close())
}

// work lets the clinic work.
func (h *hospital) work(ctx context.Context) {
	ctx, h.traffic = context.WithCancel(ctx)
	h.worked = make(chan error, 1)
	go func() { h.worked <- h.emr.Traffic(ctx, 30*time.Millisecond) }()
}

// rest stops the clinic's work.
func (h *hospital) rest() error {
	if h.traffic == nil {
		return nil
	}
	h.traffic()
	h.traffic = nil
	if err := <-h.worked; err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the clinic's work: %w", err)
	}
	return nil
}

func (h *hospital) db() *sql.DB { return h.emr.DB() }

func (h *hospital) end() {
	_ = h.rest() // the demo is over
	_ = h.stop()
	if h.emr != nil {
		_ = h.emr.Close()
	}
}
