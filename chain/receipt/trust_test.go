package receipt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
)

func TestTrustFileRoundTrip(t *testing.T) {
	want := receipttest.New(t, "test-chain", receipttest.Equal(4)...).Trust(1)
	b, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := receipt.ParseTrust(b)
	if err != nil || got != want {
		t.Errorf("ParseTrust(JSON) = %+v, %v; want %+v", got, err, want)
	}
}

func TestFingerprintCoversEveryField(t *testing.T) {
	trust := receipttest.New(t, "test-chain", receipttest.Equal(4)...).Trust(1)
	seen := map[string]bool{trust.Fingerprint(): true}
	for name, change := range map[string]func(*receipt.Trust){
		"chain":      func(t *receipt.Trust) { t.ChainID += "x" },
		"height":     func(t *receipt.Trust) { t.Height++ },
		"header":     func(t *receipt.Trust) { t.HeaderHash[31] ^= 1 },
		"validators": func(t *receipt.Trust) { t.ValidatorsHash[0] ^= 1 },
		"as of":      func(t *receipt.Trust) { t.AsOf = t.AsOf.Add(1e9) },
	} {
		changed := trust
		change(&changed)
		if f := changed.Fingerprint(); seen[f] {
			t.Errorf("another %s, the same fingerprint", name)
		} else {
			seen[f] = true
		}
	}
	for f := range seen {
		if groups := strings.Split(f, " "); len(groups) != 16 || len(groups[0]) != 4 {
			t.Errorf("fingerprint %q is not 16 groups of 4 digits", f)
		}
	}
}

func TestBadTrustFiles(t *testing.T) {
	b, err := receipttest.New(t, "test-chain", 1).Trust(1).JSON()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, bad := range map[string]string{
		"empty":         "",
		"no object":     "[]",
		"other format":  strings.Replace(good, "trust/v1", "trust/v2", 1),
		"unknown field": strings.Replace(good, "{", `{"more": 1,`, 1),
		"trailing":      good + "{}",
		"no height":     strings.Replace(good, `"height": 1`, `"height": 0`, 1),
		"short hash":    strings.Replace(good, `"header_hash": "`, `"header_hash": "00`, 1),
		"no chain":      strings.Replace(good, "test-chain", "", 1),
		"no hash":       strings.Replace(good, "header_hash", "validators_hash", 1),
	} {
		if _, err := receipt.ParseTrust([]byte(bad)); !errors.Is(err, receipt.ErrTrust) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTrustInUnsignedBlockIsRefused(t *testing.T) {
	c := receipttest.New(t, "test-chain", receipttest.Equal(4)...)
	c.Absent = 2
	c.Block()
	if _, err := receipt.NewTrust(c.LightBlock(2)); !errors.Is(err, receipt.ErrUntrusted) {
		t.Errorf("block signed by two of four: %v", err)
	}
}

// FuzzTrust: what is read as a trust file is written and read as the same one.
func FuzzTrust(f *testing.F) {
	b, err := receipttest.New(f, "test-chain", receipttest.Equal(4)...).Trust(1).JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		trust, err := receipt.ParseTrust(b)
		if err != nil {
			if !errors.Is(err, receipt.ErrTrust) {
				t.Error(err)
			}
			return
		}
		written, err := trust.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := receipt.ParseTrust(written); err != nil || again.Fingerprint() != trust.Fingerprint() {
			t.Errorf("written as another: %v", err)
		}
	})
}
