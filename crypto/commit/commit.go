// Package commit makes and opens commitments to row versions.
//
// A commitment C is 32 bytes that bind and hide one version of one row. It is
// one SHA-256 over a salted digest of the header (which row, which version,
// how it was seen), the digest of the version's key, and a salted digest per
// column; the shape is that of SD-JWT (RFC 9901). So one column can be opened
// without the others, and whoever holds the digests can tell which column was
// altered when the old values are gone. SPEC.md beside this file is the
// format, with vectors in testdata.
//
// All salts of a version come from its key k, which comes from the owner's key
// (a patient's or a table's). C binds SHA-256(0x13 ‖ k): whoever is shown k
// can check that it is the one, and that a value is not what was committed.
// Destroying the owner's key makes every version of that owner's rows
// unopenable for ever.
//
// An event of the log (a gap, an audit, …) is committed in the same way, as a
// version of no row: no table, no key, one column named body.
package commit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Sizes in bytes.
const (
	KeySize    = 32
	DigestSize = 32
	SaltSize   = 16
)

// MaxColumns is the most columns that one version may have.
const MaxColumns = 4096

// Prefix bytes that keep the hashes of this package apart from each other and
// from the tree's 0x00 and 0x01 (RFC 6962, section 2.1).
const (
	prefixColumn = 0x10
	prefixRoot   = 0x11
	prefixHeader = 0x12
	prefixKey    = 0x13
)

// Profile is the version of this format that the package writes.
const Profile = 1

type (
	// Key is the key k of one version.
	Key [KeySize]byte
	// Digest is a SHA-256 digest; a commitment is one.
	Digest [DigestSize]byte
	// Salt hides one digest's input.
	Salt [SaltSize]byte
)

// ErrColumns says that a version's columns are more than MaxColumns, have two
// of one name, or do not match its values.
var ErrColumns = errors.New("columns do not match")

// Owner derives version keys from one owner's key. It is not safe for
// concurrent use.
type Owner struct {
	mac hash.Hash
	buf []byte
}

// NewOwner returns an Owner for a 32-byte owner key.
func NewOwner(key *[KeySize]byte) *Owner {
	return &Owner{mac: hmac.New(sha256.New, key[:])}
}

// VersionKey derives the key of the version at a leaf index of a log:
// HMAC-SHA-256(owner key, "emrbchain/version/v1" ‖ u64 index ‖ log origin).
func (o *Owner) VersionKey(log string, index uint64) (k Key) {
	o.buf = append(o.buf[:0], "emrbchain/version/v1"...)
	o.buf = binary.BigEndian.AppendUint64(o.buf, index)
	o.buf = append(o.buf, log...)
	o.mac.Reset()
	o.mac.Write(o.buf)
	o.mac.Sum(k[:0])
	return k
}

// Secret derives a secret of the owner's for another use than versions:
// HMAC-SHA-256(owner key, "emrbchain/secret/v1" ‖ purpose).
func (o *Owner) Secret(purpose string) (secret [KeySize]byte) {
	o.buf = append(append(o.buf[:0], "emrbchain/secret/v1"...), purpose...)
	o.mac.Reset()
	o.mac.Write(o.buf)
	o.mac.Sum(secret[:0])
	return secret
}

// KeyDigest returns SHA-256(0x13 ‖ k), which C binds.
func KeyDigest(k Key) Digest {
	var b [1 + KeySize]byte
	b[0] = prefixKey
	copy(b[1:], k[:])
	return sha256.Sum256(b[:])
}

// A Committer computes commitments; it keeps its buffers between calls and is
// not safe for concurrent use. The zero Committer is ready to use.
type Committer struct {
	salts   []byte
	buf     []byte
	root    []byte
	digests []Digest
}

// Commit returns the commitment to the version that h describes, with one
// value per column of h. The column digests are valid until the next call. What
// ParseHeader would refuse is refused, but where h has EncodedColumns its caller
// has checked the columns with CheckColumns.
func (c *Committer) Commit(k Key, h *Header, values []row.Value) (Digest, []Digest, error) {
	if err := CheckVersion(h, values); err != nil {
		return Digest{}, nil, err
	}
	c.derive(k, len(values)+1)
	if cap(c.digests) < len(values) {
		c.digests = make([]Digest, len(values))
	}
	c.digests = c.digests[:len(values)]
	for i, v := range values {
		c.buf = append(append(c.buf[:0], prefixColumn), c.salt(i)...)
		c.buf = appendColumn(c.buf, h.Columns[i].Name, v)
		c.digests[i] = sha256.Sum256(c.buf)
	}
	return c.combine(k, h, c.digests), c.digests, nil
}

// CheckVersion refuses what could be committed to and never be opened, as Commit
// does.
func CheckVersion(h *Header, values []row.Value) error {
	if len(values) != len(h.Columns) {
		return fmt.Errorf("%w: %d values for %d columns", ErrColumns, len(values), len(h.Columns))
	}
	if h.EncodedColumns == nil {
		if err := CheckColumns(h.Columns); err != nil {
			return err
		}
	}
	for i, v := range values {
		if !v.Fits(h.Columns[i].Type) {
			return fmt.Errorf("%w: column %q is of type %s, its value of type %s", ErrColumns, h.Columns[i].Name, h.Columns[i].Type, v.Type())
		}
	}
	return h.check()
}

// Recombine returns the commitment to the version that h describes from its
// column digests alone, for when a value is no longer to be had.
func (c *Committer) Recombine(k Key, h *Header, digests []Digest) Digest {
	c.derive(k, len(digests)+1)
	return c.combine(k, h, digests)
}

// combine hashes the header under the last derived salt, and all digests to C.
func (c *Committer) combine(k Key, h *Header, digests []Digest) Digest {
	c.buf = append(append(c.buf[:0], prefixHeader), c.salt(len(digests))...)
	c.buf = h.Append(c.buf)
	c.root = appendRoot(c.root[:0], sha256.Sum256(c.buf), KeyDigest(k), digests)
	return sha256.Sum256(c.root)
}

// derive fills salts with the AES-256-CTR key stream under k from counter 0,
// n salts long: columns first, the header's last.
func (c *Committer) derive(k Key, n int) {
	need := n * SaltSize
	if cap(c.salts) < need {
		c.salts = make([]byte, need)
	}
	c.salts = c.salts[:need]
	clear(c.salts)
	block, _ := aes.NewCipher(k[:]) // refuses nothing but other lengths than 16, 24 and 32
	var iv [aes.BlockSize]byte
	cipher.NewCTR(block, iv[:]).XORKeyStream(c.salts, c.salts)
}

func (c *Committer) salt(i int) []byte { return c.salts[i*SaltSize : (i+1)*SaltSize] }

// appendColumn appends cbor([name, cell]).
func appendColumn(b []byte, name string, v row.Value) []byte {
	return row.AppendCell(dcbor.AppendText(dcbor.AppendArray(b, 2), name), v)
}

// appendRoot appends the input of C: 0x11 ‖ header digest ‖ key digest ‖
// u32 n ‖ column digests.
func appendRoot(b []byte, header, key Digest, columns []Digest) []byte {
	b = append(b, prefixRoot)
	b = append(b, header[:]...)
	b = append(b, key[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(columns)))
	for i := range columns {
		b = append(b, columns[i][:]...)
	}
	return b
}
