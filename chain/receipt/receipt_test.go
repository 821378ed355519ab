package receipt_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
)

// keys of the sample state; "a/5" is absent, between two that are present.
func sampleChain(t testing.TB, powers ...int64) *receipttest.Chain {
	t.Helper()
	c := receipttest.New(t, "test-chain", powers...)
	for _, k := range []string{"a/1", "a/2", "a/3", "a/4", "a/6", "a/7", "b/1"} {
		c.Set([]byte(k), []byte("value of "+k))
	}
	return c
}

func TestReceiptOfPresenceAndAbsence(t *testing.T) {
	for _, n := range []int{1, 4, 21} {
		for key, present := range map[string]bool{"a/3": true, "a/5": false, "0": false, "z": false} {
			c := sampleChain(t, receipttest.Equal(n)...)
			r := c.Receipt([]byte(key))
			parsed, err := receipt.Parse(r.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, parsed); diff != "" && len(r.Links) > 0 {
				t.Errorf("Parse(Append) (-want +got):\n%s", diff)
			}
			got, err := parsed.Verify(c.Trust(1))
			if err != nil {
				t.Fatalf("%d validators, key %q: %v", n, key, err)
			}
			height, last := c.Next()
			want := receipt.Result{ChainID: "test-chain", Height: height - 1, Time: last.Add(-1e9), Present: present,
				Validators: n, Signed: n, Power: int64(n) * 10, SignedPower: int64(n) * 10, Tolerates: (n - 1) / 3}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Verify (-want +got):\n%s", diff)
			}
		}
	}
}

func TestReceiptNeedsMoreThanTwoThirds(t *testing.T) {
	cases := []struct {
		powers      []int64
		absent, nil int
		ok          bool
	}{
		{receipttest.Equal(1), 0, 0, true},
		{receipttest.Equal(1), 1, 0, false},
		{receipttest.Equal(3), 0, 0, true},
		{receipttest.Equal(3), 1, 0, false}, // exactly 2/3
		{receipttest.Equal(4), 1, 0, true},
		{receipttest.Equal(4), 0, 1, true},
		{receipttest.Equal(4), 1, 1, false},
		{receipttest.Equal(21), 6, 0, true},
		{receipttest.Equal(21), 6, 1, false},
		{[]int64{1, 1, 7, 1}, 1, 1, true}, // sorted by power: the two of power 1 are silent
	}
	for _, c := range cases {
		chain := sampleChain(t, c.powers...)
		trust := chain.Trust(1)
		chain.Absent, chain.Nil = c.absent, c.nil
		_, err := chain.Receipt([]byte("a/3")).Verify(trust)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, receipt.ErrUntrusted) {
			t.Errorf("powers %v, %d absent, %d nil: %v", c.powers, c.absent, c.nil, err)
		}
	}
}

func TestTolerates(t *testing.T) {
	for _, c := range []struct {
		powers []int64
		want   int
	}{
		{[]int64{1}, 0}, {[]int64{1, 1}, 0}, {[]int64{1, 1, 1}, 0}, {[]int64{1, 1, 1, 1}, 1},
		{receipttest.Equal(6), 1}, {receipttest.Equal(7), 2}, {receipttest.Equal(21), 6},
		{[]int64{4, 1, 1, 1, 1, 1, 1}, 0}, // one holds 1/3 or more
	} {
		chain := sampleChain(t, c.powers...)
		got, err := chain.Receipt([]byte("a/3")).Verify(chain.Trust(1))
		if err != nil || got.Tolerates != c.want {
			t.Errorf("powers %v: tolerates %d, %v; want %d", c.powers, got.Tolerates, err, c.want)
		}
	}
}

// chainOfSets has four validators, then five, then six.
func chainOfSets(t testing.TB) *receipttest.Chain {
	c := sampleChain(t, receipttest.Equal(4)...)
	c.Block()
	c.SetValidators(receipttest.Equal(5)...)
	c.Block()
	c.Block()
	c.SetValidators(receipttest.Equal(6)...)
	c.Block()
	return c
}

func TestLinksCarryTrustOverValidatorChanges(t *testing.T) {
	c := chainOfSets(t)
	r := c.Receipt([]byte("a/3"))
	got, err := r.Verify(c.Trust(1))
	if err != nil {
		t.Fatal(err)
	}
	if got.Validators != 6 || got.Links != 2 {
		t.Errorf("%d validators after %d links, want 6 after 2", got.Validators, got.Links)
	}
	refused := map[string]func(r *receipt.Receipt){
		"no links":        func(r *receipt.Receipt) { r.Links = nil },
		"one missing":     func(r *receipt.Receipt) { r.Links = r.Links[:1] },
		"first missing":   func(r *receipt.Receipt) { r.Links = r.Links[1:] },
		"other order":     func(r *receipt.Receipt) { r.Links = [][]byte{r.Links[1], r.Links[0]} },
		"one twice":       func(r *receipt.Receipt) { r.Links = [][]byte{r.Links[0], r.Links[0], r.Links[1]} },
		"one that is not": func(r *receipt.Receipt) { r.Links = append(r.Links, r.Block) },
	}
	for name, change := range refused {
		changed := *r
		change(&changed)
		if _, err := changed.Verify(c.Trust(1)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTrustFromAnyHeight(t *testing.T) {
	c := chainOfSets(t)
	r := c.Receipt([]byte("a/3"))
	height, _ := c.Next()
	late := c.Trust(height - 1) // of the receipt's own header: needs no links
	if _, err := r.Verify(late); err == nil {
		t.Error("links from before the trusted height accepted")
	}
	r.Links = nil
	if _, err := r.Verify(late); err != nil {
		t.Error(err)
	}
	c.Block()
	later := c.Trust(height) // above the receipt, same validators
	if _, err := r.Verify(later); err != nil {
		t.Error(err)
	}
}

func TestOtherTrustRefused(t *testing.T) {
	c := sampleChain(t, receipttest.Equal(4)...)
	r := c.Receipt([]byte("a/3"))
	for name, change := range map[string]func(*receipt.Trust){
		"chain":      func(t *receipt.Trust) { t.ChainID = "other" },
		"validators": func(t *receipt.Trust) { t.ValidatorsHash[0] ^= 1 },
		"format":     func(t *receipt.Trust) { t.Format = "" },
		"header":     func(t *receipt.Trust) { t.Height = 3; t.HeaderHash[0] ^= 1 },
	} {
		trust := c.Trust(1)
		if name == "header" {
			trust.Height = 3
			if _, err := r.Verify(c.Trust(3)); err != nil {
				t.Fatal(err)
			}
		}
		change(&trust)
		if _, err := r.Verify(trust); err == nil {
			t.Errorf("other %s accepted", name)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, n := range []int{4, 21} {
		c := receipttest.New(t, "test-chain", receipttest.Equal(n)...)
		for i := range 2000 {
			c.Set([]byte{'a', '/', byte(i >> 8), byte(i)}, make([]byte, 48))
		}
		present, absent := c.Receipt([]byte{'a', '/', 3, 7}), c.Receipt([]byte{'a', '/', 3, 7, 0})
		t.Logf("%d validators, 2,000 keys: light block %d B, receipt of presence %d B, of absence %d B",
			n, len(present.Block), len(present.Append(nil)), len(absent.Append(nil)))
	}
}
