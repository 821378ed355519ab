package clinic_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/adapter/internal/demo/clinic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func create(t *testing.T, seed uint64, size int) *clinic.Clinic {
	t.Helper()
	path := filepath.Join(t.TempDir(), "emr.db")
	if err := clinic.Create(t.Context(), path, seed, size); err != nil {
		t.Fatal(err)
	}
	c, err := clinic.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// dump returns every row of every table as text, by table.
func dump(t *testing.T, c *clinic.Clinic) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for table := range clinic.Tables() {
		all[table] = query(t, c, "SELECT * FROM "+table+" ORDER BY id")
	}
	return all
}

func query(t *testing.T, c *clinic.Clinic, statement string) (lines []string) {
	t.Helper()
	rows, err := c.DB().QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		cells := make([]any, len(columns))
		for i := range cells {
			cells[i] = new(any)
		}
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, cell := range cells {
			fmt.Fprintf(&b, "%v|", *cell.(*any))
		}
		lines = append(lines, b.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestSeedDecidesEveryRow(t *testing.T) {
	first := dump(t, create(t, 7, 40))
	if diff := cmp.Diff(first, dump(t, create(t, 7, 40))); diff != "" {
		t.Errorf("the same seed gives other rows:\n%s", diff)
	}
	if cmp.Equal(first["patients"], dump(t, create(t, 8, 40))["patients"]) {
		t.Error("another seed gives the same patients")
	}
}

func TestDefaultClinicIsAFewThousandPlausibleRows(t *testing.T) {
	c := create(t, 1, clinic.DefaultSize)
	total := 0
	for table, rows := range dump(t, c) {
		t.Logf("%s: %d rows", table, len(rows))
		if len(rows) < clinic.DefaultSize {
			t.Errorf("%s has only %d rows", table, len(rows))
		}
		total += len(rows)
	}
	if total < 2000 || total > 8000 {
		t.Errorf("%d rows", total)
	}
	for what, statement := range map[string]string{
		"rows of nobody":                  "PRAGMA foreign_key_check",
		"damaged file":                    "SELECT 1 FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
		"shared record numbers":           "SELECT mrn FROM patients GROUP BY mrn HAVING count(*) > 1",
		"children born after admission":   "SELECT id FROM patients WHERE date(birth_date, '+18 years') > registered_at OR birth_date IS NULL",
		"visits before registration":      "SELECT e.id FROM encounters e JOIN patients p ON p.id = e.patient_id WHERE e.started_at < p.registered_at",
		"results of another's visit":      "SELECT r.id FROM results r JOIN encounters e ON e.id = r.encounter_id WHERE e.patient_id <> r.patient_id",
		"flags that do not fit the value": "SELECT id FROM results WHERE flag <> CASE WHEN value < low THEN 'L' WHEN value > high THEN 'H' ELSE 'N' END",
		"impossible values":               "SELECT id FROM results WHERE value <= 0",
		"telephones of real people":       "SELECT id FROM patients WHERE phone NOT LIKE '555-01__'",
		"drugs without a dose":            "SELECT id FROM prescriptions WHERE dose_mg <= 0",
	} {
		if lines := query(t, c, statement); len(lines) > 0 {
			t.Errorf("%s: %d, such as %s", what, len(lines), lines[0])
		}
	}
}

func TestCreateKeepsWhatStandsThere(t *testing.T) {
	c := create(t, 1, 1)
	if err := clinic.Create(t.Context(), c.Path(), 1, 1); err == nil || !strings.Contains(err.Error(), "another path") {
		t.Error(err)
	}
	if n := len(query(t, c, "SELECT id FROM patients")); n != 1 {
		t.Errorf("%d patients are left", n)
	}
	if err := clinic.Create(t.Context(), filepath.Join(t.TempDir(), "x"), 1, 0); err == nil {
		t.Error("a clinic without patients")
	}
	if _, err := clinic.Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("opened what is not there")
	}
}

func TestCancelledCreateLeavesNoFile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "emr.db")
	if err := clinic.Create(ctx, path, 1, 10); err == nil {
		t.Fatal("no error")
	}
	if files, _ := filepath.Glob(path + "*"); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// An insider's change to an older row must not be overwritten by chance.
func TestTrafficWritesAllKindsAndLeavesOlderRowsAlone(t *testing.T) {
	c := create(t, 3, 30)
	before := dump(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- c.Traffic(ctx, time.Millisecond) }()
	for c.Written() < 300 && t.Context().Err() == nil {
		select {
		case err := <-stopped:
			t.Fatalf("stopped by itself: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Errorf("traffic that was told to stop: %v", err)
	}
	for table, rows := range dump(t, c) {
		if diff := cmp.Diff(before[table], rows[:min(len(rows), len(before[table]))]); diff != "" {
			t.Errorf("%s: older rows changed:\n%s", table, diff)
		}
		if table != "patients" && len(rows) == len(before[table]) {
			t.Errorf("%s: nothing new", table)
		}
	}
	if lines := query(t, c, "PRAGMA foreign_key_check"); len(lines) > 0 {
		t.Errorf("rows of nobody: %v", lines)
	}
	for what, statement := range map[string]string{
		"corrections": "SELECT id FROM prescriptions WHERE status = 'stopped' OR frequency = 'as directed'",
		"addenda":     "SELECT id FROM encounters WHERE note LIKE '%Addendum%'",
	} {
		if len(query(t, c, statement)) == 0 {
			t.Errorf("no %s", what)
		}
	}
}
