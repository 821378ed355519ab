// Package rules says what may happen on the chain: its transactions, and what
// each of them does to the state. Everything here is a pure function of a
// transaction, a block's height and time, and the state, so every validator
// comes to the same answer, and a test needs no chain. SPEC.md has the formats.
//
// What can happen in this version:
//
//   - a member of the chain registers a log and its key (RegisterTx);
//   - a log anchors a checkpoint that provably extends the one that the chain
//     holds (AnchorTx), so that no log can be rewound, rewritten or forked, by
//     its own operator either;
//   - a log says that it is alive (HeartbeatTx), so that silence is visible;
//   - a member publishes how it is reached, and by which keys (ContactTx);
//   - members ask each other for records, grant, refuse, revoke, disclose and
//     acknowledge, and break the glass (SharingTx), so that nothing is disclosed
//     without a grant in force and nothing is disclosed in silence.
//
// The state is keys and values (keys.go): members from genesis, a record per
// log, every anchor, a contact per member, every grant and every disclosure, by
// commitments alone. Apply checks everything before it writes anything: a
// refused transaction leaves no trace. Each refusal has its own code, because
// the one who is refused is often not the one who did wrong: refusals.go says
// what each of them means to whom.
package rules

import (
	"errors"
	"fmt"
)

// A State is where Apply reads and writes. Get returns nil for a key that is
// absent. Apply keeps no value that it got or gave.
type State interface {
	Get(key []byte) ([]byte, error)
	Set(key, value []byte) error
}

// A Block is what a transaction may know of the block that it stands in.
type Block struct {
	Chain  string // chain id
	Height int64
	Time   int64  // of the header, ms since 1970 UTC
	Quota  *Quota // what the transactions before this one have used; nil: without limit
}

// A Result is what an accepted transaction did.
type Result struct {
	Log  string // the log that it is about, if it is about one
	Info string // one of the Info constants
}

// What an accepted transaction did, in Result.Info.
const (
	InfoRegistered      = "registered"
	InfoAnchored        = "anchored"
	InfoAlreadyAnchored = "already anchored" // a repeat of the held head: nothing was changed
	InfoSeen            = "seen"
	InfoPublished       = "published"
	InfoRequested       = "requested"
	InfoGranted         = "granted"
	InfoRejected        = "rejected"
	InfoRevoked         = "revoked"
	InfoDisclosed       = "disclosed"
	InfoAcknowledged    = "acknowledged"
	InfoGlassBroken     = "glass broken"
	InfoJustified       = "justified"
	InfoReviewed        = "reviewed"
)

// errState marks state that these rules did not write. It is no refusal: the
// node that meets it must stop.
var errState = errors.New("damaged state")

// Apply checks a transaction against the state and carries it out. An error
// that is a Refusal says that the transaction is refused and nothing was
// written. Any other error comes from the state, and the caller must not go on.
func Apply(s State, b Block, tx []byte) (Result, error) {
	t, err := Parse(tx)
	if err != nil {
		return Result{}, err
	}
	if t.chain() != b.Chain {
		return Result{}, fmt.Errorf("%w: it is for %q, this is %q", ErrWrongChain, clip(t.chain()), b.Chain)
	}
	return t.apply(s, b)
}

func (t RegisterTx) apply(s State, b Block) (Result, error) {
	if err := t.check(); err != nil {
		return Result{}, err
	}
	if err := t.authorised(s); err != nil {
		return Result{}, err
	}
	old, err := s.Get(LogKey(t.Log))
	if err != nil {
		return Result{}, fmt.Errorf("read log: %w", err)
	}
	if old != nil {
		return Result{}, fmt.Errorf("%w: %s", ErrLogExists, t.Log)
	}
	if err := b.take(t.Member, MaxLogTxs); err != nil {
		return Result{}, err
	}
	now := Stamp{Height: b.Height, Time: b.Time}
	l := Log{ID: t.Log, Member: t.Member, Key: t.Key, Registered: now, Seen: now,
		Head: Head{Root: emptyRoot(), Stamp: now}}
	return Result{Log: t.Log, Info: InfoRegistered}, store(s, l, true)
}

func (t RegisterTx) authorised(s State) error {
	m, err := member(s, t.Member)
	if err != nil {
		return err
	}
	if !verify(m.Key, t.message(), t.Signature) {
		return fmt.Errorf("%w: not by member %s", ErrBadSignature, t.Member)
	}
	return nil
}

func (t HeartbeatTx) apply(s State, b Block) (Result, error) {
	l, err := loadLog(s, t.Log)
	if err != nil {
		return Result{}, err
	}
	if t.Incarnation != l.Head.Incarnation {
		return Result{}, wrongIncarnation(t.Incarnation, l)
	}
	if err := t.authorised(l); err != nil {
		return Result{}, err
	}
	if err := t.fresh(l, b); err != nil {
		return Result{}, err
	}
	if err := b.take(l.Member, MaxLogTxs); err != nil {
		return Result{}, err
	}
	l.Seen, l.Beat = Stamp{Height: b.Height, Time: b.Time}, t.Height
	return Result{Log: t.Log, Info: InfoSeen}, store(s, l, false)
}

func (t HeartbeatTx) authorised(l Log) error {
	v, err := l.verifier()
	if err != nil {
		return err
	}
	if !v.Verify(t.message(), t.Signature) {
		return fmt.Errorf("%w: not by the key of log %s", ErrBadSignature, l.ID)
	}
	return nil
}

// fresh refuses a heartbeat that was seen before, was kept back for long, or
// names a block that does not exist yet.
func (t HeartbeatTx) fresh(l Log, b Block) error {
	switch {
	case t.Height >= b.Height:
		return fmt.Errorf("%w: it names height %d, this is block %d", ErrHeartbeatAhead, t.Height, b.Height)
	case t.Height <= l.Beat: // 0 before the first, so a heartbeat names block 1 or later
		return fmt.Errorf("%w: it names height %d, the one before named %d", ErrStaleHeartbeat, t.Height, l.Beat)
	case t.Height < b.Height-HeartbeatWindow:
		return fmt.Errorf("%w: it names height %d, this is block %d", ErrStaleHeartbeat, t.Height, b.Height)
	}
	return nil
}

// store writes a log's record and, if its head is new, the anchor of the head.
func store(s State, l Log, anchored bool) error {
	if err := s.Set(LogKey(l.ID), l.Append(nil)); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	if !anchored {
		return nil
	}
	a := Anchor{Root: l.Head.Root, Height: l.Head.Height, Time: l.Head.Time}
	if err := s.Set(AnchorKey(l.ID, l.Head.Incarnation, l.Head.Size), a.Append(nil)); err != nil {
		return fmt.Errorf("write anchor: %w", err)
	}
	return nil
}

// clip keeps what an untrusted transaction says short in an error.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
