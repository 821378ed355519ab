// Package anchoring takes the record log's checkpoints to the chain.
//
// On a fixed cadence the log is padded to a multiple of a bucket, so that other
// members read neither when nor how much a hospital worked; the checkpoint is
// signed, written to the log's own state, and only then submitted. One anchor
// is in flight at a time. What was submitted is submitted again after a crash
// or an outage until the chain holds it: that is harmless, because the chain
// answers a repeated anchor with success. When it is final its receipt is
// fetched, checked, and kept in the log's state.
//
// The chain's head of this log is compared with the log before each anchor. A
// log that is shorter than what the chain holds, or has another root at that
// size, was restored from a backup or changed: nothing is anchored any more,
// and the error says what to do.
package anchoring

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// Head is what the chain holds of a log.
type Head struct {
	Size uint64
	Root merkle.Hash
}

// Receipt is the proof that an anchor is final, checked.
type Receipt struct {
	Root   merkle.Hash // that the chain holds at the size
	Height int64       // of the block that anchored it
	Time   int64       // of the header that proves it, ms since 1970 UTC
	Bytes  []byte
}

// Chain is what anchoring asks of the chain. Every call may fail because the
// chain is out of reach and is then repeated later.
type Chain interface {
	// Head returns the head that the chain holds of the log.
	Head(ctx context.Context) (Head, error)
	// Submit returns nil once the checkpoint is final, now or before.
	Submit(ctx context.Context, checkpoint []byte, oldSize uint64, proof []merkle.Hash) error
	// Receipt returns the receipt of the anchor of a size.
	Receipt(ctx context.Context, size uint64) (Receipt, error)
	// Heartbeat says that the log is alive although it has not grown.
	Heartbeat(ctx context.Context) error
	// Refused reports whether an error is the chain's refusal, which the same
	// anchor would meet again.
	Refused(err error) bool
}

// ErrDiverged says that the chain holds another log than this one.
var ErrDiverged = errors.New("the chain holds another history of this log")

// Options of an Anchoring.
type Options struct {
	Signer  note.Signer   // the log's key
	Cadence time.Duration // between anchors
	Bucket  uint64        // sizes are padded to a multiple; 0 or 1 means no padding
	Logger  zerolog.Logger
	Now     func() time.Time
}

// Anchoring anchors one log.
type Anchoring struct {
	log     *recordlog.Log
	chain   Chain
	options Options

	mu     sync.Mutex
	status Status
	sizes  []uint64 // of all anchors, ascending; appended to, never changed
}

// Status is how anchoring stands.
type Status struct {
	Last Anchor // zero if there is none yet
	// Backlog is how many leaves of the log no anchor covers.
	Backlog uint64
	// OutOfReach is since when the chain could not be reached; zero if it can.
	OutOfReach time.Time
	// Error is why the last attempt failed; empty if it did not.
	Error string
	// Halted says that nothing will be anchored until somebody acts on Error.
	Halted bool
}

// New returns an Anchoring of log on chain.
func New(log *recordlog.Log, chain Chain, o Options) (*Anchoring, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	sizes, err := sizesOf(log)
	if err != nil {
		return nil, fmt.Errorf("read the log's anchors: %w", err)
	}
	return &Anchoring{log: log, chain: chain, options: o, sizes: sizes}, nil
}

// Run anchors on the cadence until ctx ends or the chain refuses the log.
func (a *Anchoring) Run(ctx context.Context) error {
	ticker := time.NewTicker(a.options.Cadence)
	defer ticker.Stop()
	for {
		began := a.options.Now()
		err := a.Anchor(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if a.note(began, err) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// note keeps what an attempt that began at a moment came to, and reports
// whether it was the last.
func (a *Anchoring) note(began time.Time, err error) (halted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		if !a.status.OutOfReach.IsZero() {
			a.options.Logger.Info().Str("event", "chain back").Msg("anchoring goes on")
		}
		a.status.OutOfReach, a.status.Error = time.Time{}, ""
		return false
	}
	a.status.Error = err.Error()
	a.status.Halted = errors.Is(err, ErrDiverged) || a.chain.Refused(err)
	if a.status.OutOfReach.IsZero() {
		a.status.OutOfReach = began
		a.options.Logger.Warn().Str("event", "not anchored").Bool("halted", a.status.Halted).Err(err).
			Msg("the log grows on; its entries are not anchored")
	}
	return a.status.Halted
}

// Status tells how anchoring stands.
func (a *Anchoring) Status() (Status, error) {
	last, err := Last(a.log)
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.Last, s.Backlog = last, a.log.Size()-last.Size
	return s, err
}

// Anchor brings what is in flight to its end, or anchors the log as it stands.
func (a *Anchoring) Anchor(ctx context.Context) error {
	head, err := a.chain.Head(ctx)
	if err != nil {
		return fmt.Errorf("ask the chain for the log's head: %w", err)
	}
	if err := a.compare(ctx, head); err != nil {
		return err
	}
	if err := a.keepReceipt(ctx, head); err != nil {
		return err
	}
	p, err := a.checkpoint(head)
	if err != nil {
		return err
	}
	if p.size == head.Size {
		return a.chain.Heartbeat(ctx)
	}
	proof, err := merkle.ProveConsistency(p.size, head.Size, a.log.Hashes())
	if err != nil {
		return fmt.Errorf("prove that the log has only grown: %w", err)
	}
	if err := a.chain.Submit(ctx, p.signed, head.Size, proof); err != nil {
		return fmt.Errorf("submit the checkpoint of size %d: %w", p.size, err)
	}
	root, err := a.log.Root(p.size)
	if err != nil {
		return err
	}
	return a.keepReceipt(ctx, Head{Size: p.size, Root: root})
}

// compare checks that the chain's head is a prefix of the log. That it is not
// is believed only with a receipt, which a lying node cannot make.
func (a *Anchoring) compare(ctx context.Context, head Head) error {
	diverged, err := a.diverged(head)
	if err != nil || diverged == nil {
		return err
	}
	receipt, err := a.chain.Receipt(ctx, head.Size)
	if err != nil {
		return fmt.Errorf("the node says that the chain holds another history of this log, and does not prove it: %w", err)
	}
	if receipt.Root != head.Root {
		return fmt.Errorf("the node says that the chain holds another root at size %d than it proves; ask another node", head.Size)
	}
	return diverged
}

// diverged says how the chain's head is not a prefix of the log; nil if it is.
func (a *Anchoring) diverged(head Head) (diverged, err error) {
	size := a.log.Size()
	if head.Size > size {
		return fmt.Errorf("%w: the chain has anchored %d leaves, this store holds %d. The store is an older copy. "+
			"Stop the sidecar and restore the newest store or replica; if it is lost, members must vote a reset of the log",
			ErrDiverged, head.Size, size), nil
	}
	root, err := a.log.Root(head.Size)
	if err != nil {
		return nil, fmt.Errorf("compute the log's root: %w", err)
	}
	if root != head.Root {
		return fmt.Errorf("%w: at size %d the chain's root differs from this store's. The store was changed or went on "+
			"from an older copy. Stop the sidecar, keep the store as evidence, and restore the newest store or replica; "+
			"if it is lost, members must vote a reset of the log", ErrDiverged, head.Size), nil
	}
	return nil, nil
}

// checkpoint returns the checkpoint in flight, or makes the next one durable.
func (a *Anchoring) checkpoint(head Head) (pending, error) {
	p, err := readPending(a.log)
	if err != nil || p.size > head.Size {
		return p, err
	}
	if err := a.pad(head); err != nil {
		return p, fmt.Errorf("pad the log: %w", err)
	}
	size := a.log.Size()
	root, err := a.log.Root(size)
	if err != nil {
		return p, fmt.Errorf("compute the log's root: %w", err)
	}
	c := merkle.Checkpoint{Origin: a.log.Origin(), Size: size, Root: root}
	p = pending{size: size}
	if p.signed, err = c.Sign(a.options.Signer); err != nil {
		return p, err
	}
	return p, a.log.Update(func(b *recordlog.Batch) error {
		b.Set(pendingName, p.append(nil))
		return nil
	})
}

// pad fills the log to the next multiple of the bucket, so that each anchor
// covers at least one leaf more than the last.
func (a *Anchoring) pad(head Head) error {
	bucket := a.options.Bucket
	if bucket < 2 {
		return nil
	}
	return a.log.Update(func(b *recordlog.Batch) error {
		for n := b.Next(); n == head.Size || n%bucket != 0; n = b.Next() {
			if _, err := b.AppendEvent(commit.Pad, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// keepReceipt fetches and keeps the receipt of the chain's head, unless it is
// kept already.
func (a *Anchoring) keepReceipt(ctx context.Context, head Head) error {
	_, held, err := At(a.log, head.Size)
	if err != nil || held {
		return err
	}
	receipt, err := a.chain.Receipt(ctx, head.Size)
	if err != nil {
		return fmt.Errorf("fetch the receipt of size %d: %w", head.Size, err)
	}
	anchor := Anchor{Size: head.Size, Height: receipt.Height, Time: receipt.Time, Receipt: receipt.Bytes}
	if err := a.sign(&anchor, head); err != nil {
		return err
	}
	err = a.log.Update(func(b *recordlog.Batch) error {
		b.Set(anchorName(head.Size), anchor.append(nil))
		b.Set(recordlog.AnchorState, recordlog.AppendAnchor(nil, head.Size, head.Root))
		b.Set(pendingName, nil)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the receipt of size %d: %w", head.Size, err)
	}
	a.mu.Lock()
	a.sizes = append(a.sizes, head.Size)
	a.mu.Unlock()
	a.options.Logger.Debug().Str("event", "anchored").Uint64("size", head.Size).Int64("height", receipt.Height).
		Msg("the log is anchored")
	return nil
}

// sign keeps the signed checkpoint of an anchor beside its receipt.
func (a *Anchoring) sign(anchor *Anchor, head Head) (err error) {
	c := merkle.Checkpoint{Origin: a.log.Origin(), Size: head.Size, Root: head.Root}
	anchor.Checkpoint, err = c.Sign(a.options.Signer)
	return err
}
