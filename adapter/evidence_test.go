package adapter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

// stranger has the verifier, a trust file, and no network where the test may
// take it away.
type stranger struct {
	t       *testing.T
	sidecar *sidecartest.Sidecar
	dir     string
	program string
	trust   string
}

func newStranger(t *testing.T, s *sidecartest.Sidecar) *stranger {
	t.Helper()
	dir := t.TempDir()
	o := &stranger{t: t, sidecar: s, dir: dir, program: filepath.Join(dir, "emrbchain-verify"), trust: filepath.Join(dir, "trust.json")}
	build := exec.Command("go", "build", "-o", o.program, "./cmd/emrbchain-verify")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the verifier: %v\n%s", err, out)
	}
	if out, err := o.command("trust", "export", "--socket", s.Socket(), "-o", o.trust); err != nil {
		t.Fatalf("trust export: %v\n%s", err, out)
	}
	return o
}

func (o *stranger) command(args ...string) (string, error) {
	out, err := exec.Command(sidecartest.Program(o.t), args...).CombinedOutput()
	return string(out), err
}

// prove makes an evidence file of a row as soon as it can be made.
func (o *stranger) prove(table, key string) (file string) {
	o.t.Helper()
	file = filepath.Join(o.dir, table+"-"+key+".evidence")
	sidecartest.Eventually(o.t, time.Minute, func(context.Context) error {
		out, err := o.command("prove", "--socket", o.sidecar.Socket(), "--table", table, "--key", key, "-o", file)
		if err != nil {
			return fmt.Errorf("prove: %w: %s", err, out)
		}
		return nil
	})
	return file
}

// verdict is what the verifier prints for a machine.
type verdict struct {
	Verified bool   `json:"verified"`
	Error    string `json:"error"`
	code     int
}

// verify runs the verifier, without a network if that can be taken away.
func (o *stranger) verify(file string) verdict {
	o.t.Helper()
	args := []string{o.program, file, "--trust", o.trust, "--json"}
	if os.Geteuid() == 0 {
		args = append([]string{"unshare", "-n"}, args...)
	}
	out, err := exec.Command(args[0], args[1:]...).Output()
	var v verdict
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		v.code = exit.ExitCode()
	} else if err != nil {
		o.t.Fatal(err)
	}
	if err := json.Unmarshal(out, &v); err != nil {
		o.t.Fatalf("the verifier printed no JSON: %v\n%s", err, out)
	}
	return v
}

// check verifies a file in this process, where it tells more.
func (o *stranger) check(file []byte) (*evidence.Result, error) {
	o.t.Helper()
	text, err := os.ReadFile(o.trust)
	if err != nil {
		o.t.Fatal(err)
	}
	trust, err := receipt.ParseTrust(text)
	if err != nil {
		o.t.Fatal(err)
	}
	e, err := evidence.Parse(file)
	if err != nil {
		return nil, err
	}
	return e.Verify(trust)
}

// refuses demands that each step-th byte, changed, makes the file fail with a
// reason.
func (o *stranger) refuses(file []byte, step int) (tried int) {
	o.t.Helper()
	for i := 0; i < len(file); i += step {
		file[i] ^= 0x20
		if _, err := o.check(file); err == nil || err.Error() == "" {
			o.t.Errorf("byte %d of %d changed: %v", i, len(file), err)
		}
		file[i] ^= 0x20
		tried++
	}
	return tried
}

// TestAStrangerChecksEvidenceOffline proves an intact, an altered and a
// deleted row with the real programs, and spoils the files.
func TestAStrangerChecksEvidenceOffline(t *testing.T) {
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	e.exec(`UPDATE results SET value = 7, note = 'corrected' WHERE id = 5`)
	sidecar.Recorded("results", "5", 2)
	e.unrecorded(`UPDATE results SET value = 1, note = 'forged' WHERE id = 5`)
	e.unrecorded(`DELETE FROM patients WHERE id = 7`)
	found.expect("altered results 5 note,value", "deleted patients 7 ")
	sidecar.Anchored()
	o := newStranger(t, sidecar)
	total := 0
	for _, c := range []struct {
		table, key string
		claim      evidence.Claim
		altered    string
		audit      string // its verdict
	}{
		{"patients", "3", evidence.Committed, "", "intact"},
		{"results", "5", evidence.Altered, "value,note", "altered"},
		{"patients", "7", evidence.Deleted, "", "deleted"},
	} {
		total += o.show(c.table, c.key, c.claim, c.altered, c.audit)
	}
	t.Logf("3 files verified offline; refused in %d of %d changes of one byte", total, total)
}

// show proves one row, and demands that the verifier says so and refuses the
// file once a byte of it is changed.
func (o *stranger) show(table, key string, claim evidence.Claim, altered, audit string) (tried int) {
	o.t.Helper()
	file := o.prove(table, key)
	if v := o.verify(file); !v.Verified || v.code != 0 {
		o.t.Fatalf("%s: not verified, exit %d: %s", file, v.code, v.Error)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		o.t.Fatal(err)
	}
	result, err := o.check(text)
	if err != nil {
		o.t.Fatal(err)
	}
	if result.Claim != claim || alteredColumns(result) != altered || result.Table != table {
		o.t.Errorf("%s %s: claim %v, altered %q", result.Table, result.Key, result.Claim, alteredColumns(result))
	}
	if result.After.Height >= result.Before.Height || result.Audit == nil || result.Audit.Verdict != audit {
		o.t.Errorf("%s %s: between %+v and %+v, audit %+v", table, key, result.After, result.Before, result.Audit)
	}
	text[len(text)/2] ^= 1
	spoiled := file + ".spoiled"
	if err := os.WriteFile(spoiled, text, 0o600); err != nil {
		o.t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if v := o.verify(spoiled); v.Verified || v.code != 1 || v.Error == "" {
		o.t.Errorf("a spoiled file: verified %v, exit %d, reason %q", v.Verified, v.code, v.Error)
	}
	step := 41
	if full() && claim == evidence.Altered {
		step = 1
	}
	return o.refuses(text, step)
}

func alteredColumns(r *evidence.Result) string {
	var names []string
	for _, c := range r.Columns {
		if c.Altered {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ",")
}
