package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// TrustFormat is the format string of the trust file.
const TrustFormat = "emrbchain/trust/v1"

// ErrTrust says that a trust file cannot be used. Get it again from whoever
// gave it, and compare its fingerprint with them.
var ErrTrust = errors.New("bad trust file")

// A Hash is a SHA-256 hash, written in hex.
type Hash [sha256.Size]byte

// MarshalText writes the hash as 64 lower-case hex digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(b []byte) error {
	decoded, err := hex.DecodeString(string(b))
	if err != nil || len(decoded) != len(h) {
		return errors.New("hash is not 64 hex digits")
	}
	copy(h[:], decoded)
	return nil
}

// A Trust is where a verifier starts from: one header of the chain and the
// validators that signed it. It is public, and must reach the verifier by a
// way that he believes.
type Trust struct {
	Format         string    `json:"format"`
	ChainID        string    `json:"chain_id"`
	Height         int64     `json:"height"`
	HeaderHash     Hash      `json:"header_hash"`
	ValidatorsHash Hash      `json:"validators_hash"`
	AsOf           time.Time `json:"as_of"` // the header's time, whole seconds in UTC
}

// NewTrust returns the trust in a protobuf light block, for its maker to hand
// out. It checks that the block is signed as it should be; whether it is the
// right chain is for the maker to know.
func NewTrust(lightBlock []byte) (Trust, error) {
	canonical, err := NormalizeLightBlock(lightBlock)
	if err != nil {
		return Trust{}, err
	}
	b, err := readBlock(canonical)
	if err != nil {
		return Trust{}, err
	}
	if _, err := b.verifySignatures(); err != nil {
		return Trust{}, err
	}
	return Trust{Format: TrustFormat, ChainID: b.header.ChainID, Height: b.header.Height, HeaderHash: b.hash,
		ValidatorsHash: b.setHash, AsOf: b.header.Time.UTC().Truncate(time.Second)}, nil
}

// ParseTrust reads a trust file.
func ParseTrust(b []byte) (Trust, error) {
	var t Trust
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&t); err != nil {
		return Trust{}, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Trust{}, fmt.Errorf("%w: something follows after its end", ErrTrust)
	}
	if err := t.check(); err != nil {
		return Trust{}, err
	}
	return t, nil
}

// JSON returns the trust file.
func (t Trust) JSON() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode trust file: %w", err)
	}
	return append(b, '\n'), nil
}

func (t Trust) check() error {
	switch {
	case t.Format != TrustFormat:
		return fmt.Errorf("%w: format %q, this program knows %q", ErrTrust, t.Format, TrustFormat)
	case t.ChainID == "" || len(t.ChainID) > maxChainID:
		return fmt.Errorf("%w: no usable chain_id", ErrTrust)
	case t.Height < 1:
		return fmt.Errorf("%w: height below 1", ErrTrust)
	case t.HeaderHash == Hash{} || t.ValidatorsHash == Hash{}:
		return fmt.Errorf("%w: header_hash or validators_hash missing", ErrTrust)
	case t.AsOf.Nanosecond() != 0:
		return fmt.Errorf("%w: as_of has a fraction of a second", ErrTrust)
	}
	return nil
}

// Fingerprint returns SHA-256 over the trust's canonical form, the CBOR array
// [format, chain id, height, header hash, validators hash, as-of in seconds
// since 1970], in groups of four hex digits, to be read out over the phone.
func (t Trust) Fingerprint() string {
	b := dcbor.AppendText(dcbor.AppendArray(nil, 6), t.Format)
	b = dcbor.AppendInt(dcbor.AppendText(b, t.ChainID), t.Height)
	b = dcbor.AppendBytes(dcbor.AppendBytes(b, t.HeaderHash[:]), t.ValidatorsHash[:])
	sum := sha256.Sum256(dcbor.AppendInt(b, t.AsOf.Unix()))
	groups := make([]string, 0, sha256.Size/2)
	for i := 0; i < len(sum); i += 2 {
		groups = append(groups, hex.EncodeToString(sum[i:i+2]))
	}
	return strings.Join(groups, " ")
}
