package taptest

import (
	"errors"
	"sync/atomic"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

var errTogether = errors.New("the Sink was called while an earlier call had not returned")

// exclusive is the Sink that the tap is given: it refuses a call that comes
// while another has not returned.
type exclusive struct {
	sink   tap.Sink
	inside atomic.Int32
}

func (e *exclusive) alone(call func() error) error {
	defer e.inside.Add(-1)
	if e.inside.Add(1) > 1 {
		return errTogether
	}
	return call()
}

// Change implements tap.Sink.
func (e *exclusive) Change(c tap.Change) error {
	return e.alone(func() error { return e.sink.Change(c) })
}

// Commit implements tap.Sink.
func (e *exclusive) Commit(c tap.Commit) error {
	return e.alone(func() error { return e.sink.Commit(c) })
}

// Fence implements tap.Sink.
func (e *exclusive) Fence(f tap.Fence) error {
	return e.alone(func() error { return e.sink.Fence(f) })
}

// Gap implements tap.Sink.
func (e *exclusive) Gap(g tap.Gap) error {
	return e.alone(func() error { return e.sink.Gap(g) })
}

// Schema implements tap.Sink.
func (e *exclusive) Schema(c tap.SchemaChange) error {
	return e.alone(func() error { return e.sink.Schema(c) })
}
