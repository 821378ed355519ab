package commit

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

func readOpening(b []byte) (*Opening, error) {
	r := dcbor.NewReader(b)
	o := ReadOpening(r)
	return o, r.Done()
}

// Any choice of columns opens, reads back and shows what was committed.
func TestOpeningsVerify(t *testing.T) {
	v := commitTo(t, rowHeader(), rowValues(t))
	for mask := range 1 << len(v.values) {
		o, err := readOpening(v.open(t, func(i int) bool { return mask>>i&1 == 1 }).Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		h, err := o.Verify(v.digest)
		if err != nil || h.Version != 3 || h.Table != "prescriptions" {
			t.Fatalf("mask %b: %v", mask, err)
		}
		for i, c := range o.Columns {
			if c.Open != (mask>>i&1 == 1) || c.Open && !row.Equal(c.Value, v.values[i]) {
				t.Errorf("mask %b: column %d", mask, i)
			}
		}
	}
	var c Committer
	closed, err := c.Open(v.key, v.header, nil, v.digests, all)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Verify(v.digest); err != nil {
		t.Errorf("without values: %v", err)
	}
}

// Changing any byte of an opening makes it fail, whatever it is changed to.
func TestNoByteOfAnOpeningCanChange(t *testing.T) {
	v := commitTo(t, rowHeader(), rowValues(t))
	for _, show := range []func(int) bool{all, func(i int) bool { return i == 1 }} {
		good := v.open(t, show).Append(nil)
		for i := range good {
			for delta := range 256 {
				if delta == 0 || testing.Short() && delta&(delta-1) != 0 {
					continue
				}
				b := bytes.Clone(good)
				b[i] ^= byte(delta)
				if o, err := readOpening(b); err == nil {
					if _, err := o.Verify(v.digest); err == nil {
						t.Fatalf("byte %d changed by %x and still accepted", i, delta)
					}
				}
			}
		}
		for i := range good {
			if _, err := readOpening(good[:i]); err == nil {
				t.Fatalf("cut to %d bytes and accepted", i)
			}
		}
	}
}

// No commitment opens in two ways, not even by its own maker: who knows all
// keys and salts finds no second header, value, name or count for it.
func TestNoSecondOpening(t *testing.T) {
	v := commitTo(t, rowHeader(), rowValues(t))
	other := func(name string, change func(h *Header, o *Opening)) {
		t.Helper()
		h, o := rowHeader(), v.open(t, all)
		change(h, o)
		if bytes.Equal(o.Header, v.header.Append(nil)) {
			o.Header = h.Append(nil)
		}
		if _, err := o.Verify(v.digest); !errors.Is(err, ErrOpening) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other("another value", func(_ *Header, o *Opening) { o.Columns[0].Value = row.NewInt(8) })
	other("null for a value", func(_ *Header, o *Opening) { o.Columns[0].Value = row.Null() })
	other("another type of the same bytes", func(h *Header, o *Opening) {
		h.Columns[1].Type = row.Bytes
		o.Columns[1].Value = row.NewBytes([]byte("warfarin"))
	})
	other("another charset", func(_ *Header, o *Opening) { o.Columns[1].Value = row.NewText("latin1", []byte("warfarin")) })
	other("another name", func(h *Header, _ *Opening) { h.Columns[1].Name = "dosage" })
	other("columns exchanged", func(h *Header, o *Opening) {
		h.Columns[0], h.Columns[1] = h.Columns[1], h.Columns[0]
		o.Columns[0], o.Columns[1] = o.Columns[1], o.Columns[0]
	})
	other("a column left out", func(h *Header, o *Opening) { h.Columns, o.Columns = h.Columns[1:], o.Columns[1:] })
	other("a column more", func(h *Header, o *Opening) {
		h.Columns = append(h.Columns, row.Column{Name: "more"})
		o.Columns = append(o.Columns, OpenColumn{})
	})
	other("a digest more than columns", func(_ *Header, o *Opening) { o.Columns = append(o.Columns, OpenColumn{}) })
	other("two columns of one name", func(h *Header, _ *Opening) { h.Columns[1].Name = "id" })
	other("another key", func(_ *Header, o *Opening) { o.KeyDigest[0] ^= 1 })
	other("another salt", func(_ *Header, o *Opening) { o.Columns[2].Salt[15] ^= 1 })
	other("another version", func(h *Header, _ *Opening) { h.Version++ })
	other("another place", func(h *Header, _ *Opening) { h.Index++ })
	other("another row", func(h *Header, _ *Opening) { h.Key = row.AppendKey(nil, []row.Value{row.NewInt(8)}) })
	other("another operation", func(h *Header, _ *Opening) { h.Op = Insert })
	other("another time", func(h *Header, _ *Opening) { h.EventTime++ })
}

// The header's digest, the key's digest and a column's digest are of three
// kinds that can't stand for each other.
func TestDigestsCannotChangePlaces(t *testing.T) {
	v := commitTo(t, rowHeader(), rowValues(t))
	o := v.open(t, func(int) bool { return false })
	o.KeyDigest, o.Columns[0].Digest = o.Columns[0].Digest, o.KeyDigest
	if _, err := o.Verify(v.digest); !errors.Is(err, ErrOpening) {
		t.Errorf("key and column digests exchanged: %v", err)
	}
}

// A closed column shows nothing: the same value in two versions has two
// digests, and the right value without its salt can't be told from a wrong one.
func TestClosedColumnsHide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rowHeader()
		h.Columns = h.Columns[:1]
		h.Index = rapid.Uint64Range(20, 1<<30).Draw(t, "index")
		next := *h
		next.Index++
		values := []row.Value{row.NewInt(rapid.Int64().Draw(t, "value"))}
		var c Committer
		a, digests, _ := c.Commit(testOwner().VersionKey(h.Log, h.Index), h, values)
		first := digests[0]
		b, digests, _ := c.Commit(testOwner().VersionKey(next.Log, next.Index), &next, values)
		if a == b || first == digests[0] || ColumnDigest(Salt{}, "id", values[0]) == first {
			t.Fatal("equal values are seen to be equal")
		}
	})
}

func FuzzOpening(f *testing.F) {
	v := commitTo(f, rowHeader(), rowValues(f))
	f.Add(v.open(f, all).Append(nil))
	f.Add(v.open(f, func(i int) bool { return i%2 == 0 }).Append(nil))
	good := v.open(f, all)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := readOpening(b)
		if err != nil {
			return
		}
		if again := o.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
		if _, err := o.Verify(v.digest); err != nil {
			return
		}
		for i, c := range o.Columns {
			if c.Open && !row.Equal(c.Value, good.Columns[i].Value) {
				t.Fatal("opened in a second way")
			}
		}
		if !bytes.Equal(o.Header, good.Header) {
			t.Fatal("opened with a second header")
		}
	})
}
