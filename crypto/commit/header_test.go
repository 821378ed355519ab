package commit

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

type headerMistake struct {
	event bool
	spoil func(h *Header)
}

// headerMistakes are headers that no version and no event has.
func headerMistakes() map[string]headerMistake {
	inRow := func(spoil func(h *Header)) headerMistake { return headerMistake{false, spoil} }
	inEvent := func(spoil func(h *Header)) headerMistake { return headerMistake{true, spoil} }
	return map[string]headerMistake{
		"no log":                   inRow(func(h *Header) { h.Log = "" }),
		"log is not UTF-8":         inRow(func(h *Header) { h.Log = "\xff" }),
		"table is not UTF-8":       inRow(func(h *Header) { h.Table = "\xff" }),
		"event id is not UTF-8":    inRow(func(h *Header) { h.EventID = "\xff" }),
		"no operation":             inRow(func(h *Header) { h.Op = 0 }),
		"unknown row operation":    inRow(func(h *Header) { h.Op = 4 }),
		"no table":                 inRow(func(h *Header) { h.Table = "" }),
		"no key":                   inRow(func(h *Header) { h.Key = nil }),
		"key is no array":          inRow(func(h *Header) { h.Key = []byte{0x00} }),
		"key of no cells":          inRow(func(h *Header) { h.Key = []byte{0x80} }),
		"key is not canonical":     inRow(func(h *Header) { h.Key = []byte{0x81, 0x82, 0x01, 0x18, 0x07} }),
		"no version":               inRow(func(h *Header) { h.Version = 0 }),
		"version 1 with previous":  inRow(func(h *Header) { h.Version = 1 }),
		"version 2 without":        inRow(func(h *Header) { h.Version, h.Previous = 2, NoPrevious }),
		"previous at its own leaf": inRow(func(h *Header) { h.Previous = h.Index }),
		"previous after it":        inRow(func(h *Header) { h.Previous = h.Index + 1 }),
		"no origin":                inRow(func(h *Header) { h.Seen = None }),
		"unknown origin":           inRow(func(h *Header) { h.Seen = 5 }),
		"no assurance":             inRow(func(h *Header) { h.Assurance = 0 }),
		"unknown assurance":        inRow(func(h *Header) { h.Assurance = 4 }),
		"two columns of one name":  inRow(func(h *Header) { h.Columns[1].Name = "id" }),
		"column is not UTF-8":      inRow(func(h *Header) { h.Columns[1].Name = "\xff" }),
		"unknown column type":      inRow(func(h *Header) { h.Columns[1].Type = 16 }),
		"too many columns": inRow(func(h *Header) {
			for i := range MaxColumns {
				h.Columns = append(h.Columns, row.Column{Name: fmt.Sprint(i)})
			}
		}),
		"event with a table":    inEvent(func(h *Header) { h.Table = "t" }),
		"event with a key":      inEvent(func(h *Header) { h.Key = []byte{0x81, 0xf6} }),
		"event with a version":  inEvent(func(h *Header) { h.Version = 1 }),
		"event with a previous": inEvent(func(h *Header) { h.Previous = 3 }),
		"event with an origin":  inEvent(func(h *Header) { h.Seen = Stream }),
		"event with assurance":  inEvent(func(h *Header) { h.Assurance = ScanOnly }),
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for name, c := range headerMistakes() {
		h := rowHeader()
		if c.event {
			h = eventHeaderOf(Gap)
		}
		c.spoil(h)
		if _, err := ParseHeader(h.Append(nil)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	good := rowHeader().Append(nil)
	for name, b := range map[string][]byte{
		"nothing": nil, "cut": good[:len(good)-1], "something behind": append(bytes.Clone(good), 0),
		"profile 2": append([]byte{good[0], 2}, good[2:]...), "twelve fields": append([]byte{0x8c}, good[1:]...),
		"previous of 2^64-1": bytes.Replace(good, []byte{0x03, 0x0c}, append([]byte{0x03, 0x1b}, bytes.Repeat([]byte{0xff}, 8)...), 1),
	} {
		if _, err := ParseHeader(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestHeadersReadBack(t *testing.T) {
	first := rowHeader()
	first.Version, first.Previous, first.Op, first.Seen = 1, NoPrevious, Insert, Snapshot
	gone := rowHeader()
	gone.Op, gone.Columns, gone.EventTime = Delete, []row.Column{}, -1
	for _, h := range []*Header{rowHeader(), first, gone, eventHeaderOf(Pad), eventHeaderOf(Start), eventHeaderOf(200)} {
		b := h.Append(nil)
		got, err := ParseHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		want := *h
		if want.Key == nil {
			want.Key = []byte{}
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
		h.EncodedColumns = AppendColumns(nil, h.Columns)
		if !bytes.Equal(h.Append(nil), b) {
			t.Error("encoded columns give other bytes")
		}
		columns, err := ParseColumns(h.EncodedColumns)
		if diff := cmp.Diff(want.Columns, columns); diff != "" || err != nil {
			t.Error(diff, err)
		}
	}
}

// What is accepted is what would be written.
func FuzzParseHeader(f *testing.F) {
	f.Add(rowHeader().Append(nil))
	f.Add(eventHeaderOf(Audit).Append(nil))
	for _, c := range headerMistakes() {
		if h := rowHeader(); !c.event {
			c.spoil(h)
			if b := h.Append(nil); len(b) < 1000 {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err == nil && !bytes.Equal(h.Append(nil), b) {
			t.Fatalf("%x is written as %x", b, h.Append(nil))
		}
	})
}

func FuzzParseLeaf(f *testing.F) {
	l := Leaf{Op: Update, Time: 1_700_000_000_000, Commitment: Digest{1}}
	f.Add(l.Append(nil))
	l.Time = -1
	f.Add(l.Append(nil))
	f.Add(dcbor.AppendArray(nil, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLeaf(b)
		if err == nil && !bytes.Equal(l.Append(nil), b) {
			t.Fatalf("%x is written as %x", b, l.Append(nil))
		}
	})
}

// Every code has a name, and no two the same.
func TestCodesHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range []fmt.Stringer{Insert, Update, Delete, Pad, Gap, Break, Schema, Audit, Start, GapChange, Stream, Snapshot, Scan, Fetch,
		ScanOnly, LastVersion, EveryVersion, Op(99), Origin(99)} {
		if seen[s.String()] || s.String() == "" {
			t.Errorf("name %q", s)
		}
		seen[s.String()] = true
	}
	if Delete.IsRow() != true || Pad.IsRow() {
		t.Error("which operations are of rows")
	}
}
