package mysql

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	digestKey = 16
	digestTag = 16
	// digestPiece bounds what is copied at once of a large event.
	digestPiece = 64 << 10
)

// A transactionDigest is what a server that was set back and reuses its GTIDs
// cannot repeat with other content: a random key and, under it, an authentication
// code of the transaction's content. The key stands in positions alone, which the
// server never sees, so whoever writes its log cannot make two transactions of one
// code. That is much cheaper than a hash that has to withstand who knows all of it.
type transactionDigest [digestKey + digestTag]byte

// A digester makes the digests of one transaction after the other, all under one
// key. It is the AES-GCM code of each part, chained: the code so far stands before
// the next part. The nonce may repeat, for the codes are seen only where the key is.
type digester struct {
	key   []byte
	code  cipher.AEAD
	nonce []byte
	tag   []byte // of all parts so far
	input []byte // the tag, and room for the next part
}

// newDigester makes one with the key of a digest that is to be found again, or
// with a key of its own where that is zero.
func newDigester(last transactionDigest) (*digester, error) {
	key := slices.Clone(last[:digestKey])
	if last == (transactionDigest{}) {
		rand.Read(key) // never fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("digest transactions: %w", err)
	}
	code, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("digest transactions: %w", err)
	}
	return &digester{key: key, code: code, nonce: make([]byte, code.NonceSize()), tag: make([]byte, digestTag)}, nil
}

// begin forgets the transaction so far.
func (d *digester) begin() {
	clear(d.tag)
	d.input = append(d.input[:0], d.tag...)
}

// add adds a part, with its length before it.
func (d *digester) add(head, part []byte) {
	d.input = append(d.input, head...)
	d.input = binary.BigEndian.AppendUint64(d.input, uint64(len(part)))
	for len(part) > digestPiece {
		d.chain(part[:digestPiece])
		part = part[digestPiece:]
	}
	d.chain(part)
}

// chain replaces the tag and what was appended to it by the tag of them and a piece.
func (d *digester) chain(piece []byte) {
	d.input = append(d.input, piece...)
	d.tag = d.code.Seal(d.tag[:0], d.nonce, nil, d.input)
	d.input = append(d.input[:0], d.tag...)
}

// sum returns the digest of all parts since begin.
func (d *digester) sum() (digest transactionDigest) {
	copy(digest[:], d.key)
	copy(digest[digestKey:], d.tag)
	return digest
}
