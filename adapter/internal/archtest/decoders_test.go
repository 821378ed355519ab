package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// primitives are what decoders are made of: who calls one decodes bytes.
var primitives = []string{"dcbor.NewReader", "json.Unmarshal", "json.NewDecoder", "pem.Decode", "keys.ReadBlock", "note.Open", "note.ParseNote", "proto.Unmarshal", "kem.NewPublicKey", "kem.NewPrivateKey"}

// others are the packages that decode what other members wrote: messages, what a
// node says, evidence, key files that are handed over. Each decoder in them is
// fuzzed.
var others = []string{
	"adapter/internal/evidence", "adapter/internal/search",
	"chain/receipt", "chain/rules",
	"crypto/commit", "crypto/keys", "crypto/merkle", "crypto/order", "crypto/row", "crypto/seal", "crypto/vid",
}

// own are the packages that decode nothing of other members, and what they decode.
var own = map[string]string{
	"adapter":                    "holds in the record log",
	"adapter/internal/authority": "its state in the record log",
	"adapter/internal/anchoring": "its state in the record log",
	"adapter/internal/audit":     "its state and entries in the record log",
	"adapter/internal/cause":     "what ingest put into the record log",
	"adapter/internal/config":    "the operator's configuration",
	"adapter/internal/control":   "the local socket, of this host's users",
	"adapter/internal/findings":  "entries of the record log",
	"adapter/internal/ingest":    "its state in the record log",
	"adapter/internal/patients":  "its index in the record log",
	"adapter/internal/recordlog": "its own files",
	"adapter/internal/rowkey":    "keys that the operator types",
	"adapter/internal/rows":      "cells of the source and owners of the record log",
	"chain/node":                 "its own key files",
	"chain/receipt/receipttest":  "made by tests",
	"plugins/host":               "manifests of the operator's plugins",
	"plugins/internal/memtap":    "made by tests",
	"plugins/internal/wire":      "messages of this host's taps",
	"plugins/mssql":              "its settings",
	"plugins/mysql":              "its settings and the source's log",
	"plugins/sqlite":             "its settings and positions",
	"plugins/taptest":            "made by tests",
	"adapter/internal/archtest":  "what the go command lists",
}

// notOthers are decoders in packages of others' bytes that read none: what
// they read is the operator's, or this site's own.
var notOthers = map[string]string{
	"crypto/commit.ParseColumns": "the record log's list of columns",
}

// pack is what the functions of a package name, and where fuzzing begins.
type pack struct {
	names    map[string]map[string]bool // by function: every name in its body
	decoders map[string]bool
	fuzzed   map[string]bool // names in the bodies that targets run
}

func readPack(t *testing.T, dir string) (p pack, err error) {
	t.Helper()
	p = pack{names: map[string]map[string]bool{}, decoders: map[string]bool{}, fuzzed: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return p, err
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return p, err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				p.add(f, strings.HasSuffix(file, "_test.go"))
			}
		}
	}
	return p, nil
}

func (p *pack) add(f *ast.FuncDecl, test bool) {
	names := p.names[f.Name.Name]
	if names == nil {
		names = map[string]bool{}
		p.names[f.Name.Name] = names
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			names[n.Name] = true
		case *ast.CallExpr:
			callee, of := selector(n.Fun)
			if !test && slices.Contains(primitives, of+"."+callee) {
				p.decoders[f.Name.Name] = true
			}
			if test && callee == "Fuzz" && len(n.Args) == 1 {
				ast.Inspect(n.Args[0], func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						p.fuzzed[id.Name] = true
					}
					return true
				})
			}
		}
		return true
	})
}

func selector(e ast.Expr) (name, of string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if x, ok := s.X.(*ast.Ident); ok {
		of = x.Name
	}
	return s.Sel.Name, of
}

// reached returns the functions that targets run, by name.
func (p *pack) reached() map[string]bool {
	out := map[string]bool{}
	todo := slices.Collect(maps.Keys(p.fuzzed))
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.names[name] == nil || out[name] {
			continue
		}
		out[name] = true
		todo = slices.AppendSeq(todo, maps.Keys(p.names[name]))
	}
	return out
}

// TestEveryDecoderOfOthersBytesIsFuzzed: a package that decodes says whose bytes,
// and if they are another member's, each of its decoders is run by a fuzz target.
func TestEveryDecoderOfOthersBytesIsFuzzed(t *testing.T) {
	decoders := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if n := d.Name(); n == "testdata" || n == "node_modules" || len(n) > 2 && n[0] == '.' {
			return filepath.SkipDir
		}
		p, err := readPack(t, path)
		if err != nil || len(p.decoders) == 0 {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if !slices.Contains(others, name) {
			if own[name] == "" {
				t.Errorf("%s decodes in %v: name it in others if another member wrote the bytes, with a fuzz target for each, or in own", name, slices.Sorted(maps.Keys(p.decoders)))
			}
			return nil
		}
		reached := p.reached()
		for _, f := range slices.Sorted(maps.Keys(p.decoders)) {
			if notOthers[name+"."+f] != "" {
				continue
			}
			decoders++
			if !reached[f] {
				t.Errorf("%s.%s decodes another member's bytes, and no fuzz target runs it", name, f)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if decoders < 20 {
		t.Errorf("only %d decoders found", decoders)
	}
	t.Logf("%d decoders of others' bytes", decoders)
	t.Logf("packages: %s", strings.Join(others, " "))
}
