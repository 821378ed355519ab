package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../../.."

func TestTheHouseKeepsItsRules(t *testing.T) {
	packages, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 10 || !slices.ContainsFunc(packages, func(p *Package) bool { return p.Name() == "crypto/row" }) {
		t.Fatalf("only %d packages found", len(packages))
	}
	for _, v := range Check(packages) {
		t.Error(v)
	}
}

// Each package of the fixture breaks one rule, in the way that its comment
// says; the package kept breaks none.
func TestEveryRuleCanFail(t *testing.T) {
	packages, err := Load("testdata/broken")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range Check(packages) {
		got = append(got, v.Rule+" "+v.Package)
	}
	want := []string{
		"1 crypto/row", "pure crypto/vid",
		"2 plugins/mysql", "4 plugins/sqlite", "2 plugins/tap",
		"3 chain/app", "4 chain/node", "6 chain/node", "pure chain/rules",
		"5 adapter", "6 adapter/internal/control", "7 adapter/internal/control", "6 adapter/internal/httpapi",
		"6 adapter/cmd/emrbchain-verify",
		"7 adapter/internal/audit", "7 adapter/internal/evidence", "7 adapter/internal/recordlog", "8 adapter/internal/ingest",
		"comment adapter/internal/rows",
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEveryViolationTellsItsReason(t *testing.T) {
	for _, r := range rules() {
		if r.number == "" || len(r.reason) < 30 {
			t.Errorf("rule %q has no reason: %q", r.number, r.reason)
		}
	}
}

// The top level is fixed; beside it only files whose names start with a dot.
func TestTopLevelIsAsDesigned(t *testing.T) {
	allowed := []string{"adapter", "plugins", "chain", "crypto", "configs", "systemd", "go.mod", "go.sum", "README.md", "LICENSE"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		built := e.Name() == "bin" || e.Name() == "dist"
		if !slices.Contains(allowed, e.Name()) && !built && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s stands at the top level", filepath.Join(root, e.Name()))
		}
	}
}
