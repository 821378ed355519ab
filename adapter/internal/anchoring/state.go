package anchoring

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Names of the state that anchoring keeps in the record log.
const (
	pendingName  = "anchor/pending"
	anchorPrefix = "anchor/at/"
)

// pending is the checkpoint in flight.
type pending struct {
	size   uint64
	signed []byte
}

func (p pending) append(b []byte) []byte {
	return dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(b, 2), p.size), p.signed)
}

func readPending(log *recordlog.Log) (pending, error) {
	b, err := log.Get(pendingName)
	if err != nil || b == nil {
		return pending{}, err
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(2)
	p := pending{size: r.Uint(), signed: slices.Clone(r.Bytes())}
	if err := r.Done(); err != nil {
		return pending{}, fmt.Errorf("read the checkpoint in flight: %w", err)
	}
	return p, nil
}

// An Anchor is one anchor of the log with its receipt.
type Anchor struct {
	Size       uint64
	Height     int64 // of the block
	Time       int64 // of the header that proves it, ms since 1970 UTC
	Checkpoint []byte
	Receipt    []byte
}

func (a Anchor) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 5), a.Size)
	b = dcbor.AppendInt(dcbor.AppendInt(b, a.Height), a.Time)
	return dcbor.AppendBytes(dcbor.AppendBytes(b, a.Checkpoint), a.Receipt)
}

func parseAnchor(b []byte) (Anchor, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(5)
	a := Anchor{Size: r.Uint(), Height: r.Int(), Time: r.Int(),
		Checkpoint: slices.Clone(r.Bytes()), Receipt: slices.Clone(r.Bytes())}
	if err := r.Done(); err != nil {
		return a, fmt.Errorf("read an anchor: %w", err)
	}
	return a, nil
}

func anchorName(size uint64) string {
	return anchorPrefix + string(binary.BigEndian.AppendUint64(nil, size))
}

// At returns the anchor of a size.
func At(log *recordlog.Log, size uint64) (Anchor, bool, error) {
	b, err := log.Get(anchorName(size))
	if err != nil || b == nil {
		return Anchor{}, false, err
	}
	a, err := parseAnchor(b)
	return a, err == nil, err
}

// Last returns the newest anchor; zero if there is none.
func Last(log *recordlog.Log) (Anchor, error) {
	b, err := log.Get(recordlog.AnchorState)
	if err != nil || len(b) < 8 {
		return Anchor{}, err
	}
	a, _, err := At(log, binary.BigEndian.Uint64(b))
	return a, err
}

// sizesOf returns the sizes of all anchors that the log keeps, ascending.
func sizesOf(log *recordlog.Log) ([]uint64, error) {
	var sizes []uint64
	err := log.Each(anchorPrefix, func(name string, _ []byte) error {
		if len(name) != len(anchorPrefix)+8 {
			return fmt.Errorf("an anchor has a malformed name")
		}
		sizes = append(sizes, binary.BigEndian.Uint64([]byte(name[len(anchorPrefix):])))
		return nil
	})
	return sizes, err
}

// Around returns the newest anchor that does not cover a leaf and the oldest
// that does; ok is false while none does.
func (a *Anchoring) Around(leaf uint64) (before, after Anchor, ok bool, err error) {
	a.mu.Lock()
	sizes := a.sizes
	a.mu.Unlock()
	i, _ := slices.BinarySearch(sizes, leaf+1) // the first size above the leaf
	if i > 0 {
		if before, _, err = At(a.log, sizes[i-1]); err != nil {
			return before, after, false, err
		}
	}
	if i == len(sizes) {
		return before, after, false, nil
	}
	after, ok, err = At(a.log, sizes[i])
	return before, after, ok, err
}
