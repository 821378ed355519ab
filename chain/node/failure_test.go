package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// broken is an application whose disk is full from the first block on.
type broken struct{ abci.BaseApplication }

func (broken) FinalizeBlock(context.Context, *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	return nil, errors.New("disk is full")
}

func (broken) Close() error { return nil }

func TestNodeThatCannotGoOnStops(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	homes, err := Testnet(t.TempDir(), 1, Genesis{Chain: "test-chain", Members: []rules.Member{{ID: "alder", Name: "Alder", Key: key}}})
	if err != nil {
		t.Fatal(err)
	}
	n, err := start(homes[0], Options{Logger: zerolog.Nop()}, broken{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Wait() }()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrConsensus) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the node lives on without consensus")
	}
	if err := n.Stop(); err != nil {
		t.Errorf("stop after that: %v", err)
	}
}

func TestLoggerKeepsNamesAndLevels(t *testing.T) {
	out := new(bytes.Buffer)
	failures := 0
	l := newLogger(zerolog.New(out), func() { failures++ }).With("module", "consensus", "height", 7)
	l.Info("step", "hash", []byte{0xab}, "err", errors.New("late"))
	l.Error(consensusFailure, "err", "why")
	l.With("module", "p2p").Error("closed")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []map[string]any{
		{"level": "debug", "module": "consensus", "height": 7.0, "hash": "ab", "err": "late", "message": "step"},
		{"level": "error", "module": "consensus", "height": 7.0, "err": "why", "message": consensusFailure},
		{"level": "debug", "height": 7.0, "message": "closed"},
	}
	for i, w := range want {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for k, v := range w {
			if got[k] != v {
				t.Errorf("line %d: %s is %v, want %v", i, k, got[k], v)
			}
		}
	}
	if failures != 1 {
		t.Errorf("%d failures told", failures)
	}
}
