package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
	"github.com/emrbchain/emrbchain/plugins/taptest"
)

// tapVariable makes the test binary the tap's own process.
const tapVariable = "TEST_TAP_SQLITE"

// tapProcess reports whether this process is the tap that the conformance
// tests launch, and serves it until its host leaves.
func tapProcess() bool {
	if os.Getenv(tapVariable) == "" {
		return false
	}
	if err := tap.Serve(New()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// ward is the patients table as the conformance kit wants it: a row's number
// is its id, its content stands in weight, and name holds a secret.
type ward struct{ *emr }

const wardSecret = "Ada Lovelace"

func (w ward) Apply(ctx context.Context, commit bool, steps ...taptest.Step) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, s := range steps {
		switch s.Op {
		case tap.Insert:
			_, err = tx.ExecContext(ctx, "INSERT INTO patients (id, name, weight) VALUES (?, ?, ?)", s.Row, wardSecret, s.Content)
		case tap.Update:
			_, err = tx.ExecContext(ctx, "UPDATE patients SET id = ?, weight = ? WHERE id = ?", s.To, s.Content, s.Row)
		case tap.Delete:
			_, err = tx.ExecContext(ctx, "DELETE FROM patients WHERE id = ?", s.Row)
		}
		if err != nil {
			return err
		}
	}
	if !commit {
		return tx.Rollback()
	}
	return tx.Commit()
}

func (w ward) Rows(ctx context.Context) (map[int]int, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT id, CAST(weight AS INTEGER) FROM patients")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := make(map[int]int)
	for rows.Next() {
		var id, content int
		if err := rows.Scan(&id, &content); err != nil {
			return nil, err
		}
		list[id] = content
	}
	return list, rows.Err()
}

func (ward) Key(number int) []row.Value { return []row.Value{row.NewInt(int64(number))} }

func (ward) Read(cells []row.Value) (number, content int, err error) {
	if len(cells) != 6 {
		return 0, 0, fmt.Errorf("a row of %d cells", len(cells))
	}
	id, _ := cells[0].Int64()
	weight, _ := cells[4].Float()
	return int(id), int(weight), nil
}

// samples are a table with a column per declared type of typeRows, and a row
// for each of those.
func (w ward) samples() (list []taptest.Sample) {
	columns := make(map[string]string)
	definition := "CREATE TABLE samples (id INTEGER PRIMARY KEY"
	for _, r := range typeRows {
		if columns[r.declared] == "" {
			columns[r.declared] = "c" + strconv.Itoa(len(columns))
			definition += ", " + columns[r.declared] + " " + r.declared
		}
	}
	w.exec(definition + ")")
	for i, r := range typeRows {
		list = append(list, taptest.Sample{Name: r.declared + " " + r.literal, Table: "samples",
			Write: func(ctx context.Context) ([]row.Value, error) {
				_, err := w.db.ExecContext(ctx, fmt.Sprintf("INSERT INTO samples (id, %[1]s) VALUES (%[2]d, %[3]s) ON CONFLICT DO UPDATE SET %[1]s = %[3]s",
					columns[r.declared], i, r.literal))
				return []row.Value{row.NewInt(int64(i))}, err
			}})
	}
	return list
}

// forget makes the outbox forget what it holds, by changes that prune it.
func (w ward) forget(ctx context.Context) error {
	_, err := w.db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
		INSERT INTO other SELECT i FROM n; DELETE FROM other`)
	return err
}

func wardHarness(t *testing.T, journal string) taptest.Harness {
	w := ward{newEMR(t, "PRAGMA journal_mode = "+journal, patientsSQL, "CREATE TABLE other (id INTEGER PRIMARY KEY)")}
	samples := w.samples()
	w.install(1000)
	tables := []string{"patients", "samples", "other"}
	nowhere := tap.Config{Settings: []byte(`{"path": "` + w.path + `.none"}`), Tables: tables}
	return taptest.Harness{
		Assurance: tap.LastVersion, Table: "patients", Source: w, Samples: samples, Secrets: []string{wardSecret},
		Make:        func(context.Context) (tap.Tap, tap.Config, error) { return New(), w.config(tables...), nil },
		MakeRemote:  w.remote(tables),
		LoseHistory: w.forget,
		Bad: []taptest.BadConfig{{Name: "no such file", Config: nowhere}, {Name: "no such table", Config: w.config("none")},
			{Name: "unknown setting", Config: tap.Config{Settings: []byte(`{"file": "x"}`), Tables: tables}}},
	}
}

// remote launches the tap as a process of its own.
func (w ward) remote(tables []string) func(context.Context) (tap.Tap, tap.Config, error) {
	directory := w.t.TempDir()
	return func(ctx context.Context) (tap.Tap, tap.Config, error) {
		launched, err := host.Launch(ctx, host.Options{Name: "sqlite", Command: []string{os.Args[0]}, Directory: directory,
			Env: []string{tapVariable + "=1"}, Logger: zerolog.New(&lockedLog{})})
		if err != nil {
			return nil, tap.Config{}, err
		}
		return launched.Tap(), w.config(tables...), nil
	}
}

type lockedLog struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.Buffer.Write(b)
}

func TestConformance(t *testing.T) {
	for _, journal := range journals[:repeat(2, 1)] {
		t.Run(strings.ToLower(journal), func(t *testing.T) {
			taptest.Subtests(t, wardHarness(t, journal))
		})
	}
}
