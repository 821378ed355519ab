package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/types"

	"github.com/emrbchain/emrbchain/chain/rules"
)

const genesisFile = "genesis.json"

// blockBytes bounds a block: several hundred anchors, and still quick to send
// to all.
const blockBytes = 1 << 20

// A Genesis is how a chain begins. All its nodes have the same.
type Genesis struct {
	Chain      string    // id, as rules.ValidID
	Time       time.Time // the zero value is now
	Members    []rules.Member
	Validators []Validator
}

// A Validator is one voice in the consensus.
type Validator struct {
	Name  string
	Key   ed25519.PublicKey
	Power int64
}

// Init makes a node's home: its keys unless CreateKeys has made them, the
// genesis and the configuration. A genesis without validators gets this node as
// its only one: a local chain, which nobody else witnesses.
func Init(dir string, g Genesis, c Config) (Identity, error) {
	id, err := CreateKeys(dir)
	if errors.Is(err, ErrExists) {
		id, err = ReadIdentity(dir)
	}
	if err != nil {
		return Identity{}, err
	}
	if len(g.Validators) == 0 {
		g.Validators = []Validator{{Name: c.withDefaults().Name, Key: id.Validator, Power: 1}}
	}
	b, err := g.json()
	if err != nil {
		return Identity{}, err
	}
	if err := c.write(dir); err != nil {
		return Identity{}, err
	}
	return id, writeNew(filepath.Join(dir, configDir, genesisFile), b, 0o644)
}

// Testnet makes the homes of n validators of equal power that reach each other
// over loopback, and returns their directories. The genesis' validators are
// ignored.
func Testnet(dir string, n int, g Genesis) ([]string, error) {
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	homes, ids := make([]string, n), make([]Identity, n)
	g.Validators = make([]Validator, n)
	for i := range homes {
		homes[i] = filepath.Join(dir, "node"+strconv.Itoa(i))
		if ids[i], err = CreateKeys(homes[i]); err != nil {
			return nil, err
		}
		g.Validators[i] = Validator{Name: "node" + strconv.Itoa(i), Key: ids[i].Validator, Power: 1}
	}
	if g.Time.IsZero() {
		g.Time = time.Now()
	}
	for i, home := range homes {
		c := Config{Name: g.Validators[i].Name, RPC: loopback(ports[i]), P2P: loopback(ports[n+i])}
		for j := range homes {
			if j != i {
				c.Peers = append(c.Peers, ids[j].Node+"@"+loopback(ports[n+j]))
			}
		}
		if _, err := Init(home, g, c); err != nil {
			return nil, err
		}
	}
	return homes, nil
}

func (g Genesis) json() ([]byte, error) {
	if !rules.ValidID(g.Chain) {
		return nil, fmt.Errorf("%w: chain id %q: lower-case letters, digits and inner hyphens, at most 40, expected", rules.ErrGenesis, g.Chain)
	}
	state, err := rules.Genesis{Members: g.Members}.JSON()
	if err != nil {
		return nil, err
	}
	doc := types.GenesisDoc{ChainID: g.Chain, GenesisTime: g.Time.UTC().Round(0), InitialHeight: 1,
		ConsensusParams: types.DefaultConsensusParams(), AppState: state}
	if g.Time.IsZero() {
		doc.GenesisTime = time.Now().UTC().Round(0)
	}
	doc.ConsensusParams.Block.MaxBytes = blockBytes
	for _, v := range g.Validators {
		if len(v.Key) != ed25519.PublicKeySize || v.Power < 1 {
			return nil, fmt.Errorf("%w: validator %s: an Ed25519 key and a power of at least 1 expected", rules.ErrGenesis, v.Name)
		}
		key := cmted25519.PubKey(v.Key)
		doc.Validators = append(doc.Validators, types.GenesisValidator{Address: key.Address(), PubKey: key, Power: v.Power, Name: v.Name})
	}
	if err := doc.ValidateAndComplete(); err != nil {
		return nil, fmt.Errorf("%w: %w", rules.ErrGenesis, err)
	}
	b, err := cmtjson.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write genesis: %w", err)
	}
	return b, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds n free ports on loopback. They lie below those that the
// kernel hands out for outgoing connections, or a stopped node might find its
// own taken when it starts again.
func freePorts(n int) ([]int, error) {
	const from, to, tries = 10_000, 32_000, 1_000
	ports := make([]int, 0, n)
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := from + rand.IntN(to-from)
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		defer l.Close() // all stay taken until the last is found
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("%w: no %d free ports on loopback", ErrAddress, n)
}
