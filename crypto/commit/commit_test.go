package commit

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// naive computes a commitment as SPEC.md words it, with nothing shared.
func naive(k Key, h *Header, values []row.Value) (Digest, []Digest) {
	stream := make([]byte, SaltSize*(len(values)+1))
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic(err)
	}
	cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(stream, stream)
	salt := func(i int) string { return string(stream[16*i : 16*i+16]) }
	var digests []Digest
	root := ""
	for i, v := range values {
		pair := dcbor.AppendText([]byte{0x82}, h.Columns[i].Name)
		d := sha256.Sum256([]byte("\x10" + salt(i) + string(row.AppendCell(pair, v))))
		digests, root = append(digests, d), root+string(d[:])
	}
	header := sha256.Sum256([]byte("\x12" + salt(len(values)) + string(h.Append(nil))))
	key := sha256.Sum256(append([]byte{0x13}, k[:]...))
	count := binary.BigEndian.AppendUint32(nil, uint32(len(values)))
	return sha256.Sum256([]byte("\x11" + string(header[:]) + string(key[:]) + string(count) + root)), digests
}

// anyVersion generates headers of rows with their values.
func anyVersion() *rapid.Generator[committed] {
	return rapid.Custom(func(t *rapid.T) committed {
		h := rowHeader()
		h.Index, h.Previous = rapid.Uint64Range(13, 1<<40).Draw(t, "index"), 12
		h.EventID, h.EventTime = rapid.String().Draw(t, "event"), rapid.Int64().Draw(t, "time")
		h.Columns = nil
		var values []row.Value
		for i := range rapid.IntRange(0, 30).Draw(t, "columns") {
			h.Columns = append(h.Columns, row.Column{Name: fmt.Sprint(i, rapid.String().Draw(t, "name")), Type: row.Any})
			values = append(values, rapid.OneOf(
				rapid.Map(rapid.Int64(), row.NewInt), rapid.Just(row.Null()),
				rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), row.NewBytes),
			).Draw(t, "value"))
		}
		return committed{header: h, values: values}
	})
}

func TestCommitEqualsTheSpecification(t *testing.T) {
	var c Committer // one for all, so that nothing of an earlier version stays in its buffers
	rapid.Check(t, func(t *rapid.T) {
		v := anyVersion().Draw(t, "version")
		k := testOwner().VersionKey(v.header.Log, v.header.Index)
		want, digests := naive(k, v.header, v.values)
		got, gotDigests, err := c.Commit(k, v.header, v.values)
		if err != nil || got != want || len(gotDigests) != len(digests) {
			t.Fatalf("%x %v, want %x", got, err, want)
		}
		for i := range digests {
			if gotDigests[i] != digests[i] {
				t.Fatalf("digest %d differs", i)
			}
		}
		v.header.EncodedColumns = AppendColumns(nil, v.header.Columns)
		if again := c.Recombine(k, v.header, digests); again != want {
			t.Fatalf("recombined to %x, want %x", again, want)
		}
	})
}

func TestVersionKeyEqualsTheSpecification(t *testing.T) {
	o := testOwner()
	for _, index := range []uint64{0, 1, 1 << 40, 1<<64 - 1} {
		mac := hmac.New(sha256.New, []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"+
			"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"))
		fmt.Fprintf(mac, "emrbchain/version/v1%s%s", binary.BigEndian.AppendUint64(nil, index), testLog)
		if k := o.VersionKey(testLog, index); !bytes.Equal(k[:], mac.Sum(nil)) {
			t.Errorf("index %d: %x", index, k)
		}
	}
}

// Every place of every log and every owner has a key of its own.
func TestVersionKeysDiffer(t *testing.T) {
	seen := make(map[Key]string)
	other := NewOwner(&[KeySize]byte{9})
	for name, k := range map[string]Key{
		"first": testOwner().VersionKey(testLog, 1), "next": testOwner().VersionKey(testLog, 2),
		"next incarnation": testOwner().VersionKey(testLog[:len(testLog)-1]+"2", 1), "other owner": other.VersionKey(testLog, 1),
	} {
		if before, found := seen[k]; found {
			t.Errorf("%s and %s share a key", name, before)
		}
		seen[k] = name
	}
}

func TestSaltsAreThoseOfTheCommitment(t *testing.T) {
	v := commitTo(t, rowHeader(), rowValues(t))
	salts := Salts(v.key, len(v.values))
	for i, c := range v.open(t, all).Columns {
		if c.Salt != salts[i] || ColumnDigest(salts[i], v.header.Columns[i].Name, v.values[i]) != v.digests[i] {
			t.Errorf("column %d", i)
		}
	}
	if salts[len(v.values)] != v.open(t, all).HeaderSalt {
		t.Error("the header's salt is not the last")
	}
}

// What could never be opened is not committed to.
func TestCommitRefuses(t *testing.T) {
	for name, c := range headerMistakes() {
		if name == "key is no array" || name == "key of no cells" || name == "key is not canonical" {
			continue // left to ParseHeader
		}
		h, values := rowHeader(), rowValues(t)
		if h.Op = Update; c.event {
			h, values = eventHeaderOf(Gap), []row.Value{row.NewBytes(nil)}
		}
		c.spoil(h)
		for len(values) < len(h.Columns) {
			values = append(values, row.Null())
		}
		var committer Committer
		if _, _, err := committer.Commit(Key{}, h, values); !errors.Is(err, ErrHeader) && !errors.Is(err, ErrColumns) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var committer Committer
	h, values := rowHeader(), rowValues(t)
	if _, _, err := committer.Commit(Key{}, h, values[1:]); !errors.Is(err, ErrColumns) {
		t.Errorf("one value too few: %v", err)
	}
	values[0] = row.NewText("utf8", []byte("7"))
	if _, _, err := committer.Commit(Key{}, h, values); !errors.Is(err, ErrColumns) {
		t.Errorf("a text in a column of integers: %v", err)
	}
}
