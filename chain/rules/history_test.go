package rules_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// A naive is the naive model of one log: all its anchored leaves, and what each
// rule means in terms of them.
type naive struct {
	registered bool
	held       []string         // the leaves under the head
	anchored   map[int][]string // by size
	beat       int64
}

// anchor says what must become of a checkpoint over leaves with a proof from
// the given size of the submitter's own tree.
func (m *naive) anchor(leaves []string, from int) (string, error) {
	n := len(leaves)
	switch {
	case !m.registered:
		return "", rules.ErrUnknownLog
	case n == len(m.held) && same(leaves, m.held):
		return rules.InfoAlreadyAnchored, nil
	case n == len(m.held):
		return "", rules.ErrForked
	case n < len(m.held):
		old, ok := m.anchored[n]
		if !ok {
			return "", rules.ErrRewound
		}
		if !same(old, leaves) {
			return "", rules.ErrForked
		}
		return "", rules.ErrReplayed
	case from != len(m.held):
		return "", rules.ErrOldSize
	case !same(leaves[:len(m.held)], m.held):
		return "", rules.ErrBadProof
	}
	m.held = append([]string(nil), leaves...)
	m.anchored[n] = m.held
	return rules.InfoAnchored, nil
}

func (m *naive) heartbeat(named, block int64) (string, error) {
	switch {
	case !m.registered:
		return "", rules.ErrUnknownLog
	case named >= block:
		return "", rules.ErrHeartbeatAhead
	case named <= m.beat || named < block-rules.HeartbeatWindow:
		return "", rules.ErrStaleHeartbeat
	}
	m.beat = named
	return rules.InfoSeen, nil
}

func same(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// TestRandomHistoriesAgreeWithTheModel drives two branches of one log, which
// share a prefix and then differ, through random submissions in random order.
func TestRandomHistoriesAgreeWithTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, m := newState(t), &naive{anchored: map[int][]string{0: nil}}
		fork := rapid.IntRange(0, 12).Draw(rt, "fork")
		branches := []*tree{newTree(t, chainID, logA, 0, 7), newTree(t, chainID, logA, 0, 7)}
		leaves := make([][]string, len(branches))
		for i, b := range branches {
			for n := range 12 {
				leaf := fmt.Sprint("leaf ", n)
				if n >= fork {
					leaf = fmt.Sprint("branch ", i, " leaf ", n)
				}
				leaves[i] = append(leaves[i], leaf)
				b.grow(t, leaf)
			}
		}
		block := int64(1)
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			block += rapid.Int64Range(1, 600).Draw(rt, "blocks")
			i := rapid.IntRange(0, 1).Draw(rt, "branch")
			var tx rules.Transaction
			var info string
			var want error
			switch rapid.SampledFrom([]string{"anchor", "anchor", "anchor", "next", "next", "beat", "register"}).Draw(rt, "do") {
			case "anchor":
				to := rapid.IntRange(0, 12).Draw(rt, "to")
				from := rapid.IntRange(0, to).Draw(rt, "from")
				tx = branches[i].anchor(t, uint64(from), uint64(to))
				info, want = m.anchor(leaves[i][:to], from)
			case "next": // what an honest log does
				from := len(m.held)
				to := rapid.IntRange(from, 12).Draw(rt, "next")
				tx = branches[i].anchor(t, uint64(from), uint64(to))
				info, want = m.anchor(leaves[i][:to], from)
			case "beat":
				named := block + rapid.Int64Range(-1200, 2).Draw(rt, "named")
				tx = branches[i].beat(t, 0, named)
				info, want = m.heartbeat(named, block)
			case "register":
				tx = branches[0].register(t, "alder", memberKey(1))
				if info = rules.InfoRegistered; m.registered {
					info, want = "", rules.ErrLogExists
				}
				m.registered = true
			}
			got, err := rules.Apply(s, at(block), tx.Append(nil))
			if got.Info != info || !errors.Is(err, want) {
				rt.Fatalf("block %d: %q, %v; the model says %q, %v", block, got.Info, err, info, want)
			}
		}
		agree(t, rt, s, m)
	})
}

// agree compares the state with the model.
func agree(t *testing.T, rt *rapid.T, s rules.State, m *naive) {
	if !m.registered {
		return
	}
	l := logOf(t, s, logA)
	if l.Head.Size != uint64(len(m.held)) || l.Beat != m.beat {
		rt.Fatalf("head %d, beat %d; the model has %d, %d", l.Head.Size, l.Beat, len(m.held), m.beat)
	}
	for size := range 13 {
		b, err := s.Get(rules.AnchorKey(logA, 0, uint64(size)))
		if err != nil {
			rt.Fatal(err)
		}
		leaves, want := m.anchored[size]
		if (b != nil) != want {
			rt.Fatalf("anchor of size %d: in the state %v, in the model %v", size, b != nil, want)
		}
		if !want {
			continue
		}
		a, err := rules.ParseAnchor(b)
		if err != nil || a.Root != rootOf(leaves) {
			rt.Fatalf("anchor of size %d: %+v, %v", size, a, err)
		}
	}
}

// rootOf is RFC 6962, section 2.1, word for word.
func rootOf(leaves []string) merkle.Hash {
	switch n := len(leaves); n {
	case 0:
		return sha(nil)
	case 1:
		return sha([]byte{0}, []byte(leaves[0]))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := rootOf(leaves[:k]), rootOf(leaves[k:])
		return sha([]byte{1}, left[:], right[:])
	}
}

func sha(parts ...[]byte) merkle.Hash { return sha256.Sum256(bytes.Join(parts, nil)) }
