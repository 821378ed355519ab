package taptest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/internal/memtap"
	"github.com/emrbchain/emrbchain/plugins/tap"
	"github.com/emrbchain/emrbchain/plugins/taptest"
)

// sourceVariable makes the test binary a tap of the source on a socket, and
// assuranceVariable says what it promises.
const (
	sourceVariable    = "TEST_TAP_SOURCE"
	assuranceVariable = "TEST_TAP_ASSURANCE"
)

func TestMain(m *testing.M) {
	socket := os.Getenv(sourceVariable)
	if socket == "" {
		goleak.VerifyTestMain(m)
		return
	}
	backend, err := memtap.Dial(socket)
	if err == nil {
		assurance := tap.Assurance(os.Getenv(assuranceVariable)[0] - '0')
		err = tap.Serve(memtap.New(backend, assurance, memtap.Patients(), samples(), visits(assurance)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// secret stands in every row, and must stand in nothing that is told.
const secret = "Ada Lovelace"

// samples is a table with a column that takes any type.
func samples() tap.Table {
	return tap.Table{Name: "samples", Key: []int{0},
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "value", Type: row.Any}}}
}

// visits is a table without a key, which only a tap of every version can cover.
func visits(a tap.Assurance) tap.Table {
	t := tap.Table{Name: "visits", Columns: []row.Column{{Name: "patient", Type: row.Int}, {Name: "reason", Type: row.Text}}}
	if a != tap.EveryVersion {
		t.Refused = "it has no key: give it one"
	}
	return t
}

// keyless is the table of visits as the kit wants it.
func (c clinic) keyless() *taptest.Keyless {
	cells := []row.Value{row.NewInt(7), row.NewText("utf8", []byte(secret))}
	return &taptest.Keyless{Table: "visits",
		Insert: func(_ context.Context, n int) error {
			return c.Do(func(w *memtap.Writer) error {
				for range n {
					if err := w.Insert("visits", cells); err != nil {
						return err
					}
				}
				return nil
			})
		},
		Delete: func(context.Context) error {
			return c.Do(func(w *memtap.Writer) error { return w.Delete("visits", cells) })
		},
	}
}

// clinic is the memory source as the kit wants it.
type clinic struct{ *memtap.Source }

func (c clinic) Apply(_ context.Context, commit bool, steps ...taptest.Step) error {
	errRollback := errors.New("rolled back")
	err := c.Do(func(w *memtap.Writer) error {
		for _, s := range steps {
			if err := apply(w, s); err != nil {
				return err
			}
		}
		if !commit {
			return errRollback
		}
		return nil
	})
	if !commit && errors.Is(err, errRollback) {
		return nil
	}
	return err
}

func apply(w *memtap.Writer, s taptest.Step) error {
	cells := memtap.Patient(int64(s.To), int64(s.Content), secret)
	switch s.Op {
	case tap.Insert:
		return w.Insert("patients", cells)
	case tap.Update:
		return w.Update("patients", memtap.PatientKey(int64(s.Row)), cells)
	}
	return w.Delete("patients", memtap.PatientKey(int64(s.Row)))
}

func (c clinic) Rows(ctx context.Context) (map[int]int, error) {
	view, err := c.View(ctx, "patients")
	if err != nil {
		return nil, err
	}
	out := map[int]int{}
	for _, image := range view.Rows {
		number, content, err := c.Read(image.Cells())
		if err != nil {
			return nil, err
		}
		out[number] = content
	}
	return out, nil
}

func (clinic) Key(number int) []row.Value { return memtap.PatientKey(int64(number)) }

func (clinic) Read(cells []row.Value) (number, content int, err error) {
	if len(cells) != 3 {
		return 0, 0, errors.New("not a row of patients")
	}
	n, _ := cells[0].Int64()
	c, _ := cells[1].Int64()
	return int(n), int(c), nil
}

// sample writes one value of a type into the table of samples.
func (c clinic) sample(name string, id int64, value row.Value) taptest.Sample {
	return taptest.Sample{Name: name, Table: "samples", Write: func(context.Context) ([]row.Value, error) {
		key := []row.Value{row.NewInt(id)}
		err := c.Do(func(w *memtap.Writer) error {
			if err := w.Insert("samples", []row.Value{key[0], value}); err == nil {
				return nil
			}
			return w.Update("samples", key, []row.Value{key[0], value})
		})
		return key, err
	}}
}

func goodConfig() tap.Config {
	return tap.Config{Settings: json.RawMessage(`{"source":"clinic"}`), Tables: []string{"patients", "samples", "visits"}}
}

// harness is that of the memory tap, wrapped as a test wants it.
func harness(assurance tap.Assurance, wrap func(*memtap.Tap) tap.Tap) taptest.Harness {
	source := memtap.NewSource("clinic", memtap.Patients(), samples(), visits(tap.EveryVersion))
	c := clinic{source}
	wrong := goodConfig()
	wrong.Settings = json.RawMessage(`{"source":"elsewhere"}`)
	h := taptest.Harness{
		Assurance: assurance, Table: "patients", Source: c, Secrets: []string{secret},
		Make: func(context.Context) (tap.Tap, tap.Config, error) {
			return wrap(memtap.New(source, assurance, memtap.Patients(), samples(), visits(assurance))), goodConfig(), nil
		},
		Bad:         []taptest.BadConfig{{Name: "another source", Config: wrong}},
		LoseHistory: func(context.Context) error { source.Forget(); return nil },
		Samples: []taptest.Sample{
			c.sample("null", 1, row.Null()), c.sample("int", 2, row.NewUint(1<<63)), c.sample("bool", 3, row.NewBool(true)),
			c.sample("float", 4, row.NewFloat64(-0.5)), c.sample("text", 5, row.NewText("latin1", []byte("M\xfcller"))),
			c.sample("set", 6, row.NewSet("utf8", [][]byte{[]byte("a"), nil})), c.sample("enum", 7, row.NewEnumError("utf8")),
		},
	}
	if assurance == tap.EveryVersion {
		h.Keyless = c.keyless()
	}
	return h
}

func plain(t *memtap.Tap) tap.Tap { return t }

// remotely adds the way over a child process.
func remotely(t *testing.T, h *taptest.Harness) {
	t.Helper()
	directory := t.TempDir()
	socket := filepath.Join(directory, "source")
	server, err := memtap.Serve(h.Source.(clinic).Source, socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var log lockedLog
	h.Output = log.String
	h.MakeRemote = func(ctx context.Context) (tap.Tap, tap.Config, error) {
		launched, err := host.Launch(ctx, host.Options{Name: "memory", Command: []string{self}, Directory: directory,
			Env:    []string{sourceVariable + "=" + socket, fmt.Sprintf("%s=%d", assuranceVariable, h.Assurance)},
			Logger: zerolog.New(&log)})
		if err != nil {
			return nil, tap.Config{}, err
		}
		return launched.Tap(), goodConfig(), nil
	}
}

type lockedLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
