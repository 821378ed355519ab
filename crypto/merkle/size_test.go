package merkle

import "testing"

// A size that no log reaches must be refused, not computed with: tlog's search
// for a power of two does not end above 2^62.
func TestSizesBeyondTheLimitAreRefused(t *testing.T) {
	proof := make([]Hash, 3)
	for _, size := range []uint64{MaxSize + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		if VerifyInclusion(proof, size, Hash{}, 1, Hash{}) == nil {
			t.Errorf("inclusion at size %d", size)
		}
		if VerifyConsistency(proof, size, Hash{}, 3, Hash{}) == nil {
			t.Errorf("consistency to size %d", size)
		}
		if _, err := parseText(Checkpoint{Origin: "o", Size: size}.Text()); err == nil {
			t.Errorf("checkpoint of size %d", size)
		}
	}
	if VerifyInclusion(proof, MaxSize, Hash{}, 1, Hash{}) == nil {
		t.Error("inclusion at the limit")
	}
}
