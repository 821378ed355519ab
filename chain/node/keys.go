package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
)

// Errors of a home. Each error's text says what to do.
var (
	// ErrExists: the home holds already what was to be made. It is never
	// written over.
	ErrExists = errors.New("it exists already")
	// ErrNoHome: the directory is no node's home, or is incomplete.
	ErrNoHome = errors.New("no node's home")
	// ErrExposed: somebody else than its owner may read a secret file.
	ErrExposed = errors.New("secret file is readable by others")
)

const (
	configDir     = "config"
	dataDir       = "data"
	validatorFile = "priv_validator_key.json"
	nodeKeyFile   = "node_key.json"
	signStateFile = "priv_validator_state.json"
)

// An Identity is the public half of a node's keys.
type Identity struct {
	Validator ed25519.PublicKey // signs blocks
	Node      string            // the node's name among its peers
}

// CreateKeys makes the keys of a new node in its home. A home that has keys is
// refused with ErrExists.
func CreateKeys(dir string) (Identity, error) {
	for _, d := range []string{configDir, dataDir} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return Identity{}, fmt.Errorf("make home: %w", err)
		}
	}
	validator := privval.GenFilePV("", "")
	node := p2p.NodeKey{PrivKey: cmted25519.GenPrivKey()}
	for _, f := range []struct {
		path  string
		value any
	}{
		{filepath.Join(dir, configDir, validatorFile), validator.Key},
		{filepath.Join(dir, dataDir, signStateFile), &validator.LastSignState},
		{filepath.Join(dir, configDir, nodeKeyFile), node},
	} {
		if err := writeSecret(f.path, f.value); err != nil {
			return Identity{}, err
		}
	}
	return Identity{Validator: ed25519.PublicKey(validator.Key.PubKey.Bytes()), Node: string(node.ID())}, nil
}

// ReadIdentity reads the public half of a home's keys.
func ReadIdentity(dir string) (Identity, error) {
	validator, err := readValidator(dir)
	if err != nil {
		return Identity{}, err
	}
	node, err := readNodeKey(dir)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Validator: ed25519.PublicKey(validator.Key.PubKey.Bytes()), Node: string(node.ID())}, nil
}

// readValidator reads the validator's key and what it signed last. CometBFT's
// own reader ends the process on an error. A missing sign state is refused: a
// new one would let the validator sign twice.
func readValidator(dir string) (*privval.FilePV, error) {
	var key privval.FilePVKey
	keyPath := filepath.Join(dir, configDir, validatorFile)
	if err := readSecret(keyPath, &key); err != nil {
		return nil, err
	}
	if _, ok := key.PrivKey.(cmted25519.PrivKey); !ok {
		return nil, fmt.Errorf("read %s: an Ed25519 key expected", keyPath)
	}
	statePath := filepath.Join(dir, dataDir, signStateFile)
	pv := privval.NewFilePV(key.PrivKey, keyPath, statePath)
	if err := readSecret(statePath, &pv.LastSignState); err != nil {
		return nil, err
	}
	return pv, nil
}

func readNodeKey(dir string) (*p2p.NodeKey, error) {
	var key p2p.NodeKey
	path := filepath.Join(dir, configDir, nodeKeyFile)
	if err := readSecret(path, &key); err != nil {
		return nil, err
	}
	if _, ok := key.PrivKey.(cmted25519.PrivKey); !ok {
		return nil, fmt.Errorf("read %s: an Ed25519 key expected", path)
	}
	return &key, nil
}

func readSecret(path string, into any) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrNoHome, path)
	}
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o: chmod 600 it", ErrExposed, path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	if cmtjson.Unmarshal(b, into) != nil { // its error may quote the key
		return fmt.Errorf("read %s: not in CometBFT's JSON format", path)
	}
	return nil
}

func writeSecret(path string, value any) error {
	b, err := cmtjson.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return writeNew(path, b, 0o600)
}

// writeNew writes a file that must not exist, and syncs it.
func writeNew(path string, b []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write %s: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
