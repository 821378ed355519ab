package vid

import "testing"

// The strings of BIP-350, "Test vectors for Bech32m".
func TestBech32m(t *testing.T) {
	valid := []string{
		"A1LQFN3A", "a1lqfn3a", "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
		"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
		"split1checkupstagehandshakeupstreamerranterredcaperredlc445v", "?1v759aa",
	}
	for _, text := range valid {
		prefix, symbols, err := decode(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := encode(prefix, symbols); got != text && text != "A1LQFN3A" {
			t.Errorf("%s is written as %s", text, got)
		}
	}
	invalid := []string{
		"\x201xj0phk", "\x7f1g6xzxy", "\x801vctc34", "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
		"qyrz8wqd2c9m", "1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0", "in1muywd", "mm1crxm3i", "au1s5cgom", "M1VUXWEZ", "16plkw9", "1p2gdwpf",
	}
	for _, text := range append(invalid, "a1lqfN3a") { // and of mixed case
		if _, _, err := decode(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	t.Logf("%d valid and %d invalid strings of BIP-350", len(valid), len(invalid))
}
