package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/chain/node"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

const (
	chainID    = "emrb-demo"
	validators = 4
)

// network is the chain of the demo: validators in this process.
type network struct {
	nodes   []*node.Node
	members map[string]*keys.Member
}

// startNetwork starts the validators of a new chain with the given members.
func startNetwork(dir string, members []string, logger zerolog.Logger) (*network, error) {
	n := &network{members: make(map[string]*keys.Member)}
	genesis := node.Genesis{Chain: chainID}
	for _, name := range members {
		m, err := keys.GenerateMember()
		if err != nil {
			return nil, err
		}
		n.members[name] = m
		genesis.Members = append(genesis.Members, rules.Member{ID: name, Name: name, Key: m.Public()})
	}
	homes, err := node.Testnet(filepath.Join(dir, "chain"), validators, genesis)
	if err != nil {
		return nil, fmt.Errorf("lay out the validators: %w", err)
	}
	for _, home := range homes {
		started, err := node.Start(home, node.Options{Logger: logger})
		if err != nil {
			n.end()
			return nil, fmt.Errorf("start a validator: %w", err)
		}
		n.nodes = append(n.nodes, started)
	}
	return n, nil
}

// firstBlock waits until the chain moves.
func (n *network) firstBlock(ctx context.Context) (height int64, tolerates int, err error) {
	err = until(ctx, time.Minute, func(ctx context.Context) error {
		status, err := n.nodes[0].Client().Status(ctx)
		if err != nil {
			return err
		}
		if height, tolerates = status.Height, status.Tolerates; height < 1 {
			return fmt.Errorf("no block yet")
		}
		return nil
	})
	return height, tolerates, err
}

func (n *network) end() {
	for _, started := range n.nodes {
		_ = started.Stop() // the process ends with it
	}
}

// pollEvery is how often the demo looks again for what it waits for.
const pollEvery = 100 * time.Millisecond

// until asks again and again until there is no error or the time is over; then
// it returns the last error.
func until(ctx context.Context, most time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", most, err)
		}
	}
}
