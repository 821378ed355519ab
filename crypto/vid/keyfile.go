package vid

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"strconv"

	"github.com/emrbchain/emrbchain/crypto/keys"
)

const (
	pemEpoch   = "EMRBCHAIN EPOCH KEY"
	pemSite    = "EMRBCHAIN SITE KEY"
	prefixSite = "emrb/site-key/v1"
	keyIDSize  = 8
)

// EpochContext is the context under which the file of an epoch's key is sealed to a
// joining member; it begins the digest of such a key's id too.
const EpochContext = "emrb/epoch-key/v1"

// GenerateKeyed makes an epoch's key from 32 bytes of random.
func GenerateKeyed(random io.Reader, epoch uint16) (*Keyed, error) {
	key, err := generate(random)
	if err != nil {
		return nil, err
	}
	return NewKeyed(epoch, key)
}

// GenerateSite makes a site's key from 32 bytes of random.
func GenerateSite(random io.Reader) (*Site, error) {
	key, err := generate(random)
	if err != nil {
		return nil, err
	}
	return NewSite(key), nil
}

func generate(random io.Reader) (*[KeySize]byte, error) {
	key := new([KeySize]byte)
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return key, nil
}

// KeyID returns the public name of the epoch and its key, 16 hex digits.
func (k *Keyed) KeyID() string {
	return nameOf(binary.BigEndian.AppendUint16([]byte(EpochContext), k.epoch), k.key())
}

// KeyID returns the public name of the site's key, 16 hex digits.
func (s *Site) KeyID() string { return nameOf([]byte(prefixSite), s.key()) }

func nameOf(prefix, key []byte) string {
	sum := sha256.Sum256(append(prefix, key...))
	return hex.EncodeToString(sum[:keyIDSize])
}

// FormatKeyed writes an epoch's key in PEM with its number and id. The result is
// secret.
func FormatKeyed(k *Keyed) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemEpoch, Bytes: k.key(),
		Headers: map[string]string{"Epoch": strconv.Itoa(int(k.epoch)), "Id": k.KeyID()}})
}

// FormatSite writes a site's key in PEM with its id. The result is secret.
func FormatSite(s *Site) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemSite, Bytes: s.key(), Headers: map[string]string{"Id": s.KeyID()}})
}

// ParseKeyed reads an epoch's key as FormatKeyed writes it, and nothing after it.
// An error wraps keys.ErrKey.
func ParseKeyed(r io.Reader) (*Keyed, error) {
	block, err := keys.ReadBlock(r, pemEpoch)
	if err != nil {
		return nil, fmt.Errorf("parse epoch's key: %w", err)
	}
	epoch, err := strconv.ParseUint(block.Headers["Epoch"], 10, 16)
	if err != nil || epoch > MaxEpoch || len(block.Headers) != 2 || len(block.Bytes) != KeySize {
		return nil, fmt.Errorf("parse epoch's key: %w: 32 bytes, an Epoch of 0 to %d and an Id expected", keys.ErrKey, MaxEpoch)
	}
	k, err := NewKeyed(uint16(epoch), (*[KeySize]byte)(block.Bytes))
	if err != nil {
		return nil, err
	}
	if block.Headers["Id"] != k.KeyID() {
		return nil, fmt.Errorf("parse epoch's key: %w: the key that Id names expected", keys.ErrKey)
	}
	return k, nil
}

// ParseSite reads a site's key as FormatSite writes it, and nothing after it. An
// error wraps keys.ErrKey.
func ParseSite(r io.Reader) (*Site, error) {
	block, err := keys.ReadBlock(r, pemSite)
	if err != nil {
		return nil, fmt.Errorf("parse site's key: %w", err)
	}
	if len(block.Headers) != 1 || len(block.Bytes) != KeySize {
		return nil, fmt.Errorf("parse site's key: %w: 32 bytes and an Id expected", keys.ErrKey)
	}
	s := NewSite((*[KeySize]byte)(block.Bytes))
	if block.Headers["Id"] != s.KeyID() {
		return nil, fmt.Errorf("parse site's key: %w: the key that Id names expected", keys.ErrKey)
	}
	return s, nil
}
