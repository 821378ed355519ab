package receipt_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
)

// oracle verifies a receipt without links as CometBFT's light client and ics23
// do.
func oracle(r *receipt.Receipt, trust receipt.Trust) bool {
	block, err := receipttest.Decode(r.Block)
	if err != nil || block.ValidateBasic(trust.ChainID) != nil {
		return false
	}
	if !bytes.Equal(block.ValidatorsHash, trust.ValidatorsHash[:]) {
		return false
	}
	err = block.ValidatorSet.VerifyCommitLightAllSignatures(trust.ChainID, block.Commit.BlockID, block.Height, block.Commit)
	if err != nil {
		return false
	}
	var proof ics23.CommitmentProof
	if proof.Unmarshal(r.Proof) != nil {
		return false
	}
	if r.Value == nil {
		return ics23.VerifyNonMembership(ics23.IavlSpec, block.AppHash.Bytes(), &proof, r.Key)
	}
	return ics23.VerifyMembership(ics23.IavlSpec, block.AppHash.Bytes(), &proof, r.Key, r.Value)
}

// TestHashesAreCometBFTs compares our header and validator set hashes with
// CometBFT's own over many shapes of sets.
func TestHashesAreCometBFTs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		powers := rapid.SliceOfN(rapid.Int64Range(1, 1<<40), 1, 9).Draw(rt, "powers")
		c := receipttest.New(t, "test-chain", powers...)
		trust := c.Trust(1)
		block, err := receipttest.Decode(c.LightBlock(1))
		if err != nil {
			rt.Fatal(err)
		}
		if got := hex.EncodeToString(trust.HeaderHash[:]); got != hex.EncodeToString(block.Hash()) {
			rt.Errorf("header hash %s, want %x", got, block.Hash())
		}
		if got := hex.EncodeToString(trust.ValidatorsHash[:]); got != hex.EncodeToString(block.ValidatorSet.Hash()) {
			rt.Errorf("validators hash %s, want %x", got, block.ValidatorSet.Hash())
		}
	})
}

// An honest or short-of-signatures receipt gets the same answer from us and
// from the oracle.
func TestSameAnswerAsOracle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		powers := rapid.SliceOfN(rapid.Int64Range(1, 50), 1, 7).Draw(rt, "powers")
		c := sampleChain(t, powers...)
		trust := c.Trust(1)
		c.Absent = rapid.IntRange(0, len(powers)/2).Draw(rt, "absent")
		c.Nil = rapid.IntRange(0, len(powers)/2).Draw(rt, "nil")
		r := c.Receipt([]byte(rapid.SampledFrom([]string{"a/3", "a/5", "zz"}).Draw(rt, "key")))
		_, err := r.Verify(trust)
		if want := oracle(r, trust); (err == nil) != want {
			rt.Errorf("powers %v, %d absent, %d nil: we say %v, the oracle %v", powers, c.Absent, c.Nil, err, want)
		}
	})
}

// spoilers change one field of a light block, as a forger would who can
// compute every hash but has no validator's key.
var spoilers = map[string]func(b *cmtproto.LightBlock, n byte){
	"version":       func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.Version.Block += uint64(n) },
	"app version":   func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.Version.App += uint64(n) },
	"chain":         func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.ChainID += string(rune('a' + n%26)) },
	"height":        func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.Height -= int64(n) },
	"heights":       func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.Height++; b.SignedHeader.Commit.Height++ },
	"time":          func(b *cmtproto.LightBlock, n byte) { h := b.SignedHeader.Header; h.Time = h.Time.Add(-1) },
	"app hash":      func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.AppHash[n%32] ^= 1 },
	"last block":    func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.LastBlockId.Hash = nil },
	"data hash":     func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.DataHash = nil },
	"proposer":      func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header.ProposerAddress[n%20] ^= 1 },
	"commit height": func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Commit.Height += int64(n) },
	"round":         func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Commit.Round -= int32(n) },
	"block hash":    func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Commit.BlockID.Hash[n%32] ^= 1 },
	"parts": func(b *cmtproto.LightBlock, n byte) {
		b.SignedHeader.Commit.BlockID.PartSetHeader.Total = uint32(n) + 2
	},
	"parts hash":     func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Commit.BlockID.PartSetHeader.Hash = nil },
	"flag":           func(b *cmtproto.LightBlock, n byte) { vote(b, n).BlockIdFlag = cmtproto.BlockIDFlag(n % 5) },
	"vote address":   func(b *cmtproto.LightBlock, n byte) { vote(b, n).ValidatorAddress[n%20] ^= 1 },
	"vote time":      func(b *cmtproto.LightBlock, n byte) { v := vote(b, n); v.Timestamp = v.Timestamp.Add(1) },
	"signature":      func(b *cmtproto.LightBlock, n byte) { vote(b, n).Signature[n%64] ^= 1 },
	"long signature": func(b *cmtproto.LightBlock, n byte) { v := vote(b, n); v.Signature = append(v.Signature, n) },
	"no signature":   func(b *cmtproto.LightBlock, n byte) { vote(b, n).Signature = nil },
	"votes swapped": func(b *cmtproto.LightBlock, n byte) {
		s := b.SignedHeader.Commit.Signatures
		s[0], s[len(s)-1] = s[len(s)-1], s[0]
	},
	"vote less": func(b *cmtproto.LightBlock, n byte) {
		b.SignedHeader.Commit.Signatures = b.SignedHeader.Commit.Signatures[1:]
	},
	"vote more": func(b *cmtproto.LightBlock, n byte) {
		b.SignedHeader.Commit.Signatures = append(b.SignedHeader.Commit.Signatures, *vote(b, n))
	},
	"power":          func(b *cmtproto.LightBlock, n byte) { validator(b, n).VotingPower += int64(n) },
	"negative power": func(b *cmtproto.LightBlock, n byte) { validator(b, n).VotingPower = -int64(n) },
	"huge power":     func(b *cmtproto.LightBlock, n byte) { validator(b, n).VotingPower = 1<<62 + int64(n) },
	"key":            func(b *cmtproto.LightBlock, n byte) { validator(b, n).PubKey.GetEd25519()[n%32] ^= 1 },
	"validator less": func(b *cmtproto.LightBlock, n byte) { b.ValidatorSet.Validators = b.ValidatorSet.Validators[1:] },
	"validator twice": func(b *cmtproto.LightBlock, n byte) {
		b.ValidatorSet.Validators = append(b.ValidatorSet.Validators, validator(b, n))
	},
	"no validators": func(b *cmtproto.LightBlock, n byte) { b.ValidatorSet.Validators = nil },
	"no commit":     func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Commit = nil },
	"no header":     func(b *cmtproto.LightBlock, n byte) { b.SignedHeader.Header = nil },
}

func vote(b *cmtproto.LightBlock, n byte) *cmtproto.CommitSig {
	votes := b.SignedHeader.Commit.Signatures
	return &votes[int(n)%len(votes)]
}

func validator(b *cmtproto.LightBlock, n byte) *cmtproto.Validator {
	return b.ValidatorSet.Validators[int(n)%len(b.ValidatorSet.Validators)]
}

// rehash makes a spoiled block consistent again in all that needs no key.
func rehash(b *cmtproto.LightBlock) {
	block, err := types.LightBlockFromProto(b)
	if err != nil || block.SignedHeader == nil || block.Header == nil || block.Commit == nil {
		return
	}
	b.SignedHeader.Header.ValidatorsHash = block.ValidatorSet.Hash()
	block.ValidatorsHash = block.ValidatorSet.Hash()
	b.SignedHeader.Commit.BlockID.Hash = block.Header.Hash()
}

// Whatever a forger changes in a light block, hashed anew or not, we never
// accept what CometBFT refuses.
func TestNeverAcceptsWhatTheOracleRefuses(t *testing.T) {
	c := sampleChain(t, 10, 20, 30, 40, 5)
	trust := c.Trust(1)
	c.Absent, c.Nil = 1, 1
	good := c.Receipt([]byte("a/3"))
	for name, spoil := range spoilers {
		for n := range byte(12) {
			for _, consistent := range []bool{false, true} {
				var block cmtproto.LightBlock
				if err := block.Unmarshal(good.Block); err != nil {
					t.Fatal(err)
				}
				if !spoilable(spoil, &block, n) {
					continue
				}
				if consistent {
					rehash(&block)
				}
				raw, err := block.Marshal()
				if err != nil {
					continue
				}
				compare(t, name, good, raw, trust)
			}
		}
	}
}

// spoilable applies a spoiler; some do not fit an absent vote.
func spoilable(spoil func(*cmtproto.LightBlock, byte), b *cmtproto.LightBlock, n byte) (ok bool) {
	defer func() { ok = recover() == nil }()
	spoil(b, n)
	return true
}

// compare verifies a receipt with another block, as it is and normalised.
func compare(t *testing.T, name string, good *receipt.Receipt, block []byte, trust receipt.Trust) {
	t.Helper()
	candidates := []*receipt.Receipt{{Block: block, Key: good.Key, Value: good.Value, Proof: good.Proof}}
	if r, err := receipt.New(block, good.Key, good.Value, good.Proof, nil); err == nil {
		candidates = append(candidates, r)
	}
	for _, r := range candidates {
		if _, err := r.Verify(trust); err == nil && !oracle(r, trust) {
			t.Errorf("%s: we accept what the oracle refuses", name)
		} else if err == nil && !bytes.Equal(r.Block, good.Block) && name != "flag" {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzReceipt looks for bytes that we accept and CometBFT or ics23 refuses, or
// that make us panic.
func FuzzReceipt(f *testing.F) {
	c := sampleChain(f, 10)
	trust := c.Trust(1)
	f.Add(c.Receipt([]byte("a/3")).Append(nil))
	f.Add(c.Receipt([]byte("a/5")).Append(nil))
	f.Add(c.Receipt([]byte("zz")).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := receipt.Parse(b)
		if err != nil {
			return
		}
		if _, err := r.Verify(trust); err == nil && !oracle(r, trust) {
			t.Error("we accept what the oracle refuses")
		}
	})
}

// FuzzLightBlock does the same with a light block alone, which goes deeper
// into its protobuf.
func FuzzLightBlock(f *testing.F) {
	c := sampleChain(f, 10, 10)
	trust := c.Trust(1)
	good := c.Receipt([]byte("a/3"))
	f.Add(good.Block)
	f.Add(c.LightBlock(2))
	f.Fuzz(func(t *testing.T, block []byte) {
		r, err := receipt.New(block, good.Key, good.Value, good.Proof, nil)
		if err != nil {
			return
		}
		if _, err := r.Verify(trust); err == nil && !oracle(r, trust) {
			t.Error("we accept what the oracle refuses")
		}
	})
}

// FuzzProof does the same with a state proof: ics23 panics on some that its
// own specification refuses.
func FuzzProof(f *testing.F) {
	c := sampleChain(f, 10)
	trust := c.Trust(1)
	present, absent := c.Receipt([]byte("a/3")), c.Receipt([]byte("a/5"))
	f.Add(present.Proof)
	f.Add(absent.Proof)
	f.Fuzz(func(t *testing.T, proof []byte) {
		for _, r := range []*receipt.Receipt{present, absent} {
			changed := *r
			changed.Proof = proof
			if _, err := changed.Verify(trust); err == nil && !bytes.Equal(proof, r.Proof) {
				t.Error("another proof accepted")
			}
		}
	})
}

func TestStateProofOfAnotherTreeIsRefused(t *testing.T) {
	c := sampleChain(t, 10)
	trust := c.Trust(1)
	good := c.Receipt([]byte("a/3"))
	other := receipttest.New(t, "test-chain", 10)
	other.Set([]byte("a/3"), []byte("forged"))
	forged := other.Receipt([]byte("a/3"))
	forged.Block = good.Block
	if _, err := forged.Verify(trust); err == nil {
		t.Error("value of another tree accepted")
	}
	absent := other.Receipt([]byte("a/2"))
	absent.Block, absent.Key = good.Block, []byte("a/2")
	if _, err := absent.Verify(trust); err == nil {
		t.Error("absence in another tree accepted")
	}
}
