// Package archtest holds the house together: which part may import which.
//
// Each rule is data with its reason, so that whoever breaks one reads why it
// stands instead of moving it. The rules are those of the design, in its order.
// The test of this package reads the real imports with `go list` and fails on
// each that no rule allows; fixtures in testdata show for every rule that it can
// fail.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
)

const module = "github.com/emrbchain/emrbchain/"

// Package is what go list tells of a package of ours.
type Package struct {
	Dir          string
	ImportPath   string
	Doc          string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string // all that the package is linked with
}

// Name returns the package's path below the module.
func (p *Package) Name() string { return strings.TrimPrefix(p.ImportPath, module) }

// A Violation is one import, or missing comment, that a rule forbids.
type Violation struct {
	Rule    string
	Package string // below the module
	Import  string // as it is written; empty where none is concerned
	Reason  string
}

func (v Violation) String() string {
	if v.Import == "" {
		return fmt.Sprintf("rule %s: %s: %s", v.Rule, v.Package, v.Reason)
	}
	return fmt.Sprintf("rule %s: %s imports %s: %s", v.Rule, v.Package, v.Import, v.Reason)
}

// Load lists the packages of the module in a directory. A package that does not
// compile is listed all the same.
func Load(directory string) ([]*Package, error) {
	command := exec.Command("go", "list", "-e",
		"-json=Dir,ImportPath,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Deps", "./...")
	command.Dir = directory
	var errors bytes.Buffer
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages: %w: %s", err, &errors)
	}
	return parse(out)
}

func parse(out []byte) (packages []*Package, err error) {
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(Package)
		switch err := decoder.Decode(p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("read list of packages: %w", err)
		}
		packages = append(packages, p)
	}
}

// Check returns what breaks a rule.
func Check(packages []*Package) (violations []Violation) {
	for _, p := range packages {
		for _, r := range rules() {
			if !r.concerns(p.Name()) {
				continue
			}
			for _, imported := range r.reads(p) {
				if r.forbids(p.Name(), short(imported)) {
					violations = append(violations, Violation{r.number, p.Name(), imported, r.reason})
				}
			}
		}
		if strings.TrimSpace(p.Doc) == "" && len(p.GoFiles) > 0 {
			violations = append(violations, Violation{"comment", p.Name(), "", "a package teaches what it is in a comment above its package clause"})
		}
	}
	return violations
}

// short returns an import as rules write it: ours below the module, the standard
// library's below std, any other in full.
func short(imported string) string {
	if ours, ok := strings.CutPrefix(imported, module); ok {
		return ours
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "std/" + imported
	}
	return imported
}

// under reports whether a package is one of the trees, or stands in one.
func under(name string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return name == tree || strings.HasPrefix(name, tree+"/")
	})
}

// isHelper reports whether a package only helps tests, by its name: mariadbtest,
// memtap. The conformance kit is part of the product.
func isHelper(name string) bool {
	return name != "plugins/taptest" && (strings.HasSuffix(path.Base(name), "test") || path.Base(name) == "memtap")
}
