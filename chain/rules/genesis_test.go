package rules_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/rules"
)

func TestGenesisHasOneForm(t *testing.T) {
	a := rules.Member{ID: "alder", Name: "Alder & Söhne <1>", Key: memberKey(1).Public().(ed25519.PublicKey)}
	b := rules.Member{ID: "birch", Name: "Birch", Key: memberKey(2).Public().(ed25519.PublicKey)}
	one, err := rules.Genesis{Members: []rules.Member{b, a}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	two, err := rules.Genesis{Members: []rules.Member{a, b}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Errorf("the order of members shows:\n%s\n%s", one, two)
	}
	indented := new(bytes.Buffer)
	if err := json.Indent(indented, one, "", "  "); err != nil {
		t.Fatal(err)
	}
	g, err := rules.ParseGenesis(indented.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rules.Genesis{Members: []rules.Member{a, b}}, g); diff != "" {
		t.Errorf("genesis (-want +got):\n%s", diff)
	}
	for i, m := range g.Members {
		back, err := rules.ParseMember(m.Append(nil))
		if err != nil || cmp.Diff(m, back) != "" {
			t.Errorf("member %d comes back as %+v: %v", i, back, err)
		}
	}
}

func TestBadGenesis(t *testing.T) {
	key := func(seed byte) ed25519.PublicKey { return memberKey(seed).Public().(ed25519.PublicKey) }
	for name, g := range map[string][]rules.Member{
		"no members":         {},
		"upper case id":      {{ID: "Alder", Name: "x", Key: key(1)}},
		"empty id":           {{ID: "", Name: "x", Key: key(1)}},
		"id ends in hyphen":  {{ID: "a-", Name: "x", Key: key(1)}},
		"long id":            {{ID: strings.Repeat("a", 41), Name: "x", Key: key(1)}},
		"no name":            {{ID: "a", Key: key(1)}},
		"control characters": {{ID: "a", Name: "x\ny", Key: key(1)}},
		"short key":          {{ID: "a", Name: "x", Key: key(1)[:31]}},
		"twice the id":       {{ID: "a", Name: "x", Key: key(1)}, {ID: "a", Name: "y", Key: key(2)}},
		"twice the key":      {{ID: "a", Name: "x", Key: key(1)}, {ID: "b", Name: "y", Key: key(1)}},
	} {
		if _, err := (rules.Genesis{Members: g}).JSON(); !errors.Is(err, rules.ErrGenesis) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := rules.Genesis{Members: []rules.Member{{ID: "a", Name: "x", Key: key(1)}, {ID: "b", Name: "y", Key: key(2)}}}.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"nothing":        "",
		"no object":      "[]",
		"unknown field":  strings.Replace(string(good), `"name"`, `"power":1,"name"`, 1),
		"other order":    strings.Replace(strings.Replace(strings.Replace(string(good), `"a"`, `"_"`, 1), `"b"`, `"a"`, 1), `"_"`, `"b"`, 1),
		"something more": string(good) + "{}",
		"field twice":    strings.Replace(string(good), `"name":"x"`, `"name":"z","name":"x"`, 1),
	} {
		if _, err := rules.ParseGenesis([]byte(b)); !errors.Is(err, rules.ErrGenesis) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
