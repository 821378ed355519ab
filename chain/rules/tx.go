package rules

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// Limits and windows of version 1.
const (
	// MaxTx is the most bytes that a transaction may have: a checkpoint of the
	// largest size with the longest proof, and room for the rest.
	MaxTx = merkle.MaxCheckpoint + merkle.MaxProof*(merkle.HashSize+2) + 512
	// MaxLogKey is the most bytes that a log's verifier key may have.
	MaxLogKey = 256
	// HeartbeatWindow is how many blocks old the height that a heartbeat names
	// may be.
	HeartbeatWindow = 1000
)

const (
	txVersion     = 1
	kindRegister  = 1
	kindAnchor    = 2
	kindHeartbeat = 3
	kindContact   = 4

	// domain goes before what is signed in a transaction. The zero byte keeps it
	// apart from every note, which may hold none.
	domain = "emrbchain/tx/v1\x00"
)

// A Transaction is a RegisterTx, an AnchorTx, a HeartbeatTx, a ContactTx or a
// SharingTx.
type Transaction interface {
	// Append appends the canonical encoding.
	Append(b []byte) []byte

	chain() string
	apply(s State, b Block) (Result, error)
}

// A Signer signs messages with Ed25519. A note.Signer is one; MemberSigner
// makes one of a member's key.
type Signer interface {
	Sign(message []byte) ([]byte, error)
}

// RegisterTx registers a log. Its signature is by the member.
type RegisterTx struct {
	Chain     string
	Log       string // 32 lower-case hexadecimal digits, of 16 random bytes
	Key       string // note verifier key, named by the log's origin at incarnation 0
	Member    string
	Signature []byte
}

// AnchorTx anchors a checkpoint. The note's own signature is its authority.
type AnchorTx struct {
	Chain   string
	Note    []byte        // signed checkpoint
	OldSize uint64        // the size that the proof starts from: the head's
	Proof   []merkle.Hash // consistency proof from OldSize to the checkpoint
}

// HeartbeatTx says that a log is alive. Its signature is by the log's key.
type HeartbeatTx struct {
	Chain       string
	Log         string
	Incarnation uint32
	Height      int64 // of the latest block that the sender knows
	Signature   []byte
}

// Sign signs the registration with the member's key.
func (t RegisterTx) Sign(by Signer) (RegisterTx, error) {
	sig, err := by.Sign(t.message())
	if err != nil {
		return t, fmt.Errorf("sign registration: %w", err)
	}
	t.Signature = sig
	return t, nil
}

// Sign signs the heartbeat with the log's key.
func (t HeartbeatTx) Sign(by Signer) (HeartbeatTx, error) {
	sig, err := by.Sign(t.message())
	if err != nil {
		return t, fmt.Errorf("sign heartbeat: %w", err)
	}
	t.Signature = sig
	return t, nil
}

// Append appends [1, chain, 1, log, key, member, signature].
func (t RegisterTx) Append(b []byte) []byte {
	return dcbor.AppendBytes(t.body(b, 7), t.Signature)
}

// Append appends [1, chain, 2, note, old size, [hash …]].
func (t AnchorTx) Append(b []byte) []byte {
	b = head(b, 6, t.Chain, kindAnchor)
	b = dcbor.AppendUint(dcbor.AppendBytes(b, t.Note), t.OldSize)
	b = dcbor.AppendArray(b, len(t.Proof))
	for i := range t.Proof {
		b = dcbor.AppendBytes(b, t.Proof[i][:])
	}
	return b
}

// Append appends [1, chain, 3, log, incarnation, height, signature].
func (t HeartbeatTx) Append(b []byte) []byte {
	return dcbor.AppendBytes(t.body(b, 7), t.Signature)
}

func (t RegisterTx) body(b []byte, elements int) []byte {
	b = dcbor.AppendText(head(b, elements, t.Chain, kindRegister), t.Log)
	return dcbor.AppendText(dcbor.AppendText(b, t.Key), t.Member)
}

func (t HeartbeatTx) body(b []byte, elements int) []byte {
	b = dcbor.AppendText(head(b, elements, t.Chain, kindHeartbeat), t.Log)
	return dcbor.AppendInt(dcbor.AppendUint(b, uint64(t.Incarnation)), t.Height)
}

// message is what is signed: the transaction without its signature.
func (t RegisterTx) message() []byte  { return t.body([]byte(domain), 6) }
func (t HeartbeatTx) message() []byte { return t.body([]byte(domain), 6) }

func head(b []byte, elements int, chain string, kind uint64) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, elements), txVersion)
	return dcbor.AppendUint(dcbor.AppendText(b, chain), kind)
}

func (t RegisterTx) chain() string  { return t.Chain }
func (t AnchorTx) chain() string    { return t.Chain }
func (t HeartbeatTx) chain() string { return t.Chain }

// Parse reads a transaction. Only the canonical encoding is accepted, so a
// transaction has one form and one hash. It checks no signature.
func Parse(tx []byte) (Transaction, error) {
	if len(tx) > MaxTx {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(tx), MaxTx)
	}
	r := dcbor.NewReader(tx)
	n := r.Array()
	if v := r.Uint(); r.Err() == nil && v != txVersion {
		return nil, fmt.Errorf("%w: format %d, this program knows %d", ErrMalformed, v, txVersion)
	}
	chain, kind := r.Text(), r.Uint()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch {
	case kind == kindRegister && n == 7:
		return parseRegister(r, chain)
	case kind == kindAnchor && n == 6:
		return parseAnchor(r, chain)
	case kind == kindHeartbeat && n == 7:
		return parseHeartbeat(r, chain)
	case kind == kindContact && n == 11:
		return parseContactTx(r, chain)
	case kind >= kindRequest && kind <= kindReview:
		return parseSharing(r, chain, kind, n)
	case kind == 0 || kind > kindReview:
		return nil, fmt.Errorf("%w: %d", ErrUnknownKind, kind)
	}
	return nil, fmt.Errorf("%w: %d elements", ErrMalformed, n)
}

func parseRegister(r *dcbor.Reader, chain string) (Transaction, error) {
	t := RegisterTx{Chain: chain, Log: r.Text(), Key: r.Text(), Member: r.Text(), Signature: r.Bytes()}
	return t, malformed(r.Done())
}

func parseHeartbeat(r *dcbor.Reader, chain string) (Transaction, error) {
	t := HeartbeatTx{Chain: chain, Log: r.Text(), Incarnation: readIncarnation(r), Height: r.Int(), Signature: r.Bytes()}
	return t, malformed(r.Done())
}

func parseAnchor(r *dcbor.Reader, chain string) (Transaction, error) {
	t := AnchorTx{Chain: chain, Note: r.Bytes(), OldSize: r.Uint()}
	n := r.Array()
	if n > merkle.MaxProof {
		return nil, fmt.Errorf("%w: %d hashes, at most %d", ErrProofTooLong, n, merkle.MaxProof)
	}
	if n > 0 {
		t.Proof = make([]merkle.Hash, n)
	}
	for i := range t.Proof {
		r.Fixed(t.Proof[i][:])
	}
	return t, malformed(r.Done())
}

func malformed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// check looks at what the registration says of itself.
func (t RegisterTx) check() error {
	if !validLogID(t.Log) {
		return fmt.Errorf("%w: 32 lower-case hexadecimal digits expected", ErrBadLogID)
	}
	v, err := note.NewVerifier(t.Key)
	if err != nil || len(t.Key) > MaxLogKey {
		return fmt.Errorf("%w: log %s: no Ed25519 note verifier key", ErrBadLogKey, t.Log)
	}
	if want := merkle.Origin(t.Chain, t.Log, 0); v.Name() != want || !canonicalKey(t.Key, want) {
		return fmt.Errorf("%w: it must be named %s", ErrBadLogKey, want)
	}
	return nil
}

func validLogID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 16 && hex.EncodeToString(b) == id
}

// MemberSigner returns a Signer of a member's private key.
func MemberSigner(key ed25519.PrivateKey) Signer { return memberSigner(key) }

type memberSigner ed25519.PrivateKey

func (m memberSigner) Sign(message []byte) ([]byte, error) {
	if len(m) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("member key: %d bytes, %d expected", len(m), ed25519.PrivateKeySize)
	}
	return ed25519.Sign(ed25519.PrivateKey(m), message), nil
}

func verify(key ed25519.PublicKey, message, sig []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, sig)
}
