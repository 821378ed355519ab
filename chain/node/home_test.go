package node_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/chain/node"
	"github.com/emrbchain/emrbchain/chain/rules"
)

func TestInitNeverWritesOver(t *testing.T) {
	dir := t.TempDir()
	id, err := node.Init(dir, genesis(), node.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.Init(dir, genesis(), node.Config{}); !errors.Is(err, node.ErrExists) {
		t.Errorf("second init: %v", err)
	}
	if _, err := node.CreateKeys(dir); !errors.Is(err, node.ErrExists) {
		t.Errorf("keys again: %v", err)
	}
	again, err := node.ReadIdentity(dir)
	if err != nil || !again.Validator.Equal(id.Validator) || again.Node != id.Node || len(id.Node) != 40 {
		t.Errorf("identity %+v, %v, want %+v", again, err, id)
	}
	c, err := node.ReadConfig(dir)
	if err != nil || c.RPC != node.DefaultRPC || c.P2P != node.DefaultP2P || c.EmptyBlocks != node.DefaultEmptyBlocks {
		t.Errorf("configuration %+v, %v", c, err)
	}
}

func TestSecretsAreTheirOwnersAlone(t *testing.T) {
	homes, err := node.Testnet(t.TempDir(), 1, genesis())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config/priv_validator_key.json", "config/node_key.json", "data/priv_validator_state.json"} {
		path := filepath.Join(homes[0], name)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := node.Start(homes[0], node.Options{}); !errors.Is(err, node.ErrExposed) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%s readable by a group: %v", name, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartRefusesAnIncompleteHome(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "nothing")
	if _, err := node.Start(empty, node.Options{}); !errors.Is(err, node.ErrNoHome) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("something was made where no home is")
	}
	homes, err := node.Testnet(t.TempDir(), 1, genesis())
	if err != nil {
		t.Fatal(err)
	}
	// A validator without its sign state might sign twice.
	if err := os.Remove(filepath.Join(homes[0], "data", "priv_validator_state.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Start(homes[0], node.Options{}); !errors.Is(err, node.ErrNoHome) {
		t.Errorf("no sign state: %v", err)
	}
	key := filepath.Join(homes[0], "config", "priv_validator_key.json")
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, secret[:len(secret)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Start(homes[0], node.Options{}); err == nil || strings.Contains(err.Error(), "value") {
		t.Errorf("broken key: %v", err)
	}
}

func TestStartSaysWhichAddressIsTaken(t *testing.T) {
	w := newNetwork(t, 1)
	w.stop(0)
	for _, address := range []string{w.homesRPC(0)} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = node.Start(w.homes[0], node.Options{})
		if !errors.Is(err, node.ErrAddress) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s is taken: %v", address, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	w.start(0)
}

func TestHomeRunsOnce(t *testing.T) {
	w := newNetwork(t, 1)
	if _, err := node.Start(w.homes[0], node.Options{}); err == nil {
		t.Error("the home runs twice")
	}
}

func TestDamagedStoreIsRefused(t *testing.T) {
	for _, store := range []string{"application.db", "blockstore.db", "state.db"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			w := newNetwork(t, 1)
			l := newLog(t)
			l.register(t, w.client(0))
			for range 4 {
				l.anchor(t, w.client(0))
			}
			w.stop(0)
			journals, err := filepath.Glob(filepath.Join(w.homes[0], "data", store, "*.log"))
			if err != nil || len(journals) == 0 {
				t.Fatalf("journals %v, %v", journals, err)
			}
			damage(t, journals[len(journals)-1])
			if _, err := node.Start(w.homes[0], node.Options{}); !errors.Is(err, node.ErrStoreDamaged) || !strings.Contains(err.Error(), store) {
				t.Errorf("damaged %s: %v", store, err)
			}
		})
	}
}

// damage makes a journal of whole blocks and spoils the first. goleveldb drops
// a damaged block of 32 KiB as a whole, so a journal of one block has no hole
// but a damaged end.
func damage(t *testing.T, journal string) {
	t.Helper()
	b, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	const block = 32 << 10
	first := append(bytes.Clone(b[:min(len(b), block)]), make([]byte, max(0, block-len(b)))...)
	first[8] ^= 1
	if err := os.WriteFile(journal, append(first, b...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConfigMistakesAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ yaml, says string }{
		"unknown field":   {"rcp: 127.0.0.1:1", "rcp"},
		"open RPC":        {"rpc: 0.0.0.0:26657", "loopback"},
		"RPC by name":     {"rpc: localhost:26657", "loopback"},
		"no port":         {"rpc: 127.0.0.1", "host:port"},
		"port 0":          {"p2p: 127.0.0.1:0", "port"},
		"peer without id": {"peers: [\"10.0.0.1:26656\"]", "id@host:port"},
		"too often":       {"empty_blocks: 10ms", "empty_blocks"},
		"no duration":     {"empty_blocks: soon", "empty_blocks"},
	} {
		home := t.TempDir()
		if err := os.MkdirAll(filepath.Join(home, "config"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, "config", "node.yaml"), []byte(c.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := node.ReadConfig(home); !errors.Is(err, node.ErrConfig) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadGenesisMakesNoHome(t *testing.T) {
	bad, noMembers, powerless := genesis(), genesis(), genesis()
	bad.Chain = "Not An Id"
	noMembers.Members = nil
	powerless.Validators = []node.Validator{{Name: "x", Key: genesis().Members[0].Key}}
	for name, g := range map[string]node.Genesis{"chain id": bad, "no members": noMembers, "no power": powerless} {
		if _, err := node.Init(t.TempDir(), g, node.Config{}); !errors.Is(err, rules.ErrGenesis) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTestnetNodesAgreeOnTheGenesis(t *testing.T) {
	g := genesis()
	g.Time = time.Unix(1_700_000_000, 0)
	homes, err := node.Testnet(t.TempDir(), 4, g)
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	taken := map[string]bool{}
	for i, home := range homes {
		b, err := os.ReadFile(filepath.Join(home, "config", "genesis.json"))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			t.Errorf("node %d begins otherwise", i)
		}
		c, err := node.ReadConfig(home)
		if err != nil || len(c.Peers) != 3 || taken[c.RPC] || taken[c.P2P] {
			t.Errorf("node %d: %+v, %v", i, c, err)
		}
		taken[c.RPC], taken[c.P2P] = true, true
	}
}
