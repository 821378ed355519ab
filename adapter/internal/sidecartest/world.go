// Package sidecartest runs whole sidecars for end-to-end tests: the real
// program in processes of its own, on a real chain, beside a real database. It
// is imported by tests alone.
package sidecartest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/node"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// ChainID is the id of the chains that the tests run.
const ChainID = "emrb-test"

var program struct {
	sync.Once
	path string
	err  error
	out  []byte
}

// Program builds the program once per test process and returns its path.
func Program(t testing.TB) string {
	t.Helper()
	program.Do(func() {
		dir, err := os.MkdirTemp("", "emrbchain-test-")
		if err != nil {
			program.err = err
			return
		}
		program.path = filepath.Join(dir, "emrbchain")
		build := exec.Command("go", "build", "-o", program.path, "github.com/emrbchain/emrbchain/adapter/cmd/emrbchain")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		program.out, program.err = build.CombinedOutput()
	})
	if program.err != nil {
		t.Fatalf("build the program: %v\n%s", program.err, program.out)
	}
	return program.path
}

// Chain is a chain of validators, each in a process of its own.
type Chain struct {
	t       testing.TB
	homes   []string
	nodes   []*Process
	members map[string]*keys.Member
}

// Member is the id of the member that every chain begins with.
const Member = "north"

// StartChain starts a chain of n validators, which begins with Member and others.
func StartChain(t testing.TB, n int, others ...string) *Chain {
	t.Helper()
	c := &Chain{t: t, members: map[string]*keys.Member{}}
	genesis := node.Genesis{Chain: ChainID}
	for _, id := range append([]string{Member}, others...) {
		member, err := keys.GenerateMember()
		if err != nil {
			t.Fatal(err)
		}
		c.members[id] = member
		genesis.Members = append(genesis.Members, rules.Member{ID: id, Name: id + " hospital", Key: member.Public()})
	}
	var err error
	if c.homes, err = node.Testnet(filepath.Join(t.TempDir(), "chain"), n, genesis); err != nil {
		t.Fatal(err)
	}
	c.nodes = make([]*Process, n)
	for i := range c.nodes {
		c.Start(i)
	}
	Eventually(t, time.Minute, func(ctx context.Context) error {
		_, err := c.Client(0).Status(ctx)
		return err
	})
	return c
}

// Start starts validator i.
func (c *Chain) Start(i int) {
	c.t.Helper()
	c.nodes[i] = StartProcess(c.t, filepath.Join(c.homes[i], "node.log"), Program(c.t), "node", "run", c.homes[i])
}

// Node returns the process of validator i.
func (c *Chain) Node(i int) *Process { return c.nodes[i] }

// Home is the directory of validator i.
func (c *Chain) Home(i int) string { return c.homes[i] }

// RPC returns where validator i listens for sidecars.
func (c *Chain) RPC(i int) string {
	c.t.Helper()
	config, err := node.ReadConfig(c.homes[i])
	if err != nil {
		c.t.Fatal(err)
	}
	return config.RPC
}

// Client returns a client of validator i.
func (c *Chain) Client(i int) *client.Client {
	c.t.Helper()
	dialled, err := client.Dial(c.RPC(i))
	if err != nil {
		c.t.Fatal(err)
	}
	return dialled
}

// Eventually asks until there is no error, and fails the test with the last
// one once the time is over.
func Eventually(t testing.TB, most time.Duration, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var last error // not the one that the end of the time makes
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("after %s: %v", most, last)
		}
	}
}
