package verifycmd_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence/verifycmd"
)

const vectors = "../testdata/"

func run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = verifycmd.Run("emrbchain-verify", args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestFingerprintComesFirst(t *testing.T) {
	for _, file := range []string{"committed.evidence", "refused/other-key.evidence"} {
		_, out, _ := run(vectors+file, "--trust", vectors+"trust.json")
		lines := strings.Split(out, "\n")
		if len(lines) < 2 || !strings.HasPrefix(lines[1], "Fingerprint: ") {
			t.Errorf("%s: the fingerprint is not at the top:\n%s", file, out)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for file, want := range map[string]string{
		"committed.evidence": "VERIFIED. COMMITTED: ", "intact.evidence": "VERIFIED. INTACT: ",
		"altered.evidence": `in "dose"`, "deleted.evidence": "VERIFIED. DELETED: ",
	} {
		code, out, errs := run("--trust="+vectors+"trust.json", vectors+file)
		if code != verifycmd.ExitVerified || !strings.Contains(out, want) || errs != "" {
			t.Errorf("%s: exit %d, %q not in\n%s%s", file, code, want, out, errs)
		}
		for _, title := range []string{"\nChecked\n", "\nWhat it says\n", "\nWhat it does not say\n"} {
			if !strings.Contains(out, title) {
				t.Errorf("%s: no section %q", file, title)
			}
		}
	}
}

func TestRefusalHasReasonAndExitOne(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	trust, evidence := vectors+"trust.json", vectors+"committed.evidence"
	for name, args := range map[string][]string{
		"refused evidence":  {vectors + "refused/before-holds-version.evidence", "--trust", trust},
		"no evidence":       {filepath.Join(dir, "none"), "--trust", trust},
		"empty evidence":    {write("empty", ""), "--trust", trust},
		"other file":        {trust, "--trust", trust},
		"no trust file":     {evidence, "--trust", filepath.Join(dir, "none")},
		"bad trust file":    {evidence, "--trust", write("bad.json", "{}")},
		"unknown field":     {evidence, "--trust", write("field.json", `{"format":"emrbchain/trust/v1","x":1}`)},
		"evidence as trust": {evidence, "--trust", evidence},
	} {
		code, out, errs := run(args...)
		_, reason, found := strings.Cut(out, "NOT VERIFIED: ")
		if code != verifycmd.ExitRefused || !found || len(reason) < 10 || errs != "" {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"file"}, {"--trust", "t"}, {"a", "b", "--trust", "t"}, {"a", "--nonsense"}} {
		if code, _, errs := run(args...); code != verifycmd.ExitUsage || !strings.Contains(errs, "usage: ") {
			t.Errorf("%q: exit %d\n%s", args, code, errs)
		}
	}
	if code, out, _ := run("--help"); code != 0 || !strings.HasPrefix(out, "usage: ") {
		t.Errorf("--help: exit %d\n%s", code, out)
	}
}

func TestJSON(t *testing.T) {
	type outcome struct {
		Verified bool
		Error    string
		Trust    struct{ Fingerprint string }
		Result   struct {
			Claim, Table, Key string
			Columns           []struct {
				Name    string
				Altered bool
			}
		}
	}
	var good, bad outcome
	code, out, _ := run(vectors+"altered.evidence", "--trust", vectors+"trust.json", "--json")
	if err := json.Unmarshal([]byte(out), &good); err != nil {
		t.Fatal(err)
	}
	if code != 0 || !good.Verified || good.Result.Claim != "altered" || good.Result.Table != "prescriptions" ||
		good.Result.Key != "42" || !good.Result.Columns[3].Altered || len(good.Trust.Fingerprint) != 79 {
		t.Errorf("exit %d: %+v", code, good)
	}
	code, out, _ = run(vectors+"refused/other-key.evidence", "--json", "--trust", vectors+"trust.json")
	if err := json.Unmarshal([]byte(out), &bad); err != nil {
		t.Fatal(err)
	}
	if code != 1 || bad.Verified || bad.Error == "" || bad.Trust.Fingerprint != good.Trust.Fingerprint {
		t.Errorf("exit %d: %+v", code, bad)
	}
}
