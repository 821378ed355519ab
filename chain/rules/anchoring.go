package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// apply carries out an anchor. The order of the checks decides which refusal a
// transaction with several faults gets: who it claims to be, then whether it is
// that, then whether it extends what is held.
func (t AnchorTx) apply(s State, b Block) (Result, error) {
	l, err := t.log(s, b)
	if err != nil {
		return Result{}, err
	}
	c, err := t.open(l)
	if err != nil {
		return Result{}, err
	}
	if c.Size == l.Head.Size && c.Root == l.Head.Root {
		return Result{Log: l.ID, Info: InfoAlreadyAnchored}, b.take("", MaxRepeats)
	}
	if err := t.extends(s, l, c); err != nil {
		return Result{}, err
	}
	if err := b.take(l.Member, MaxLogTxs); err != nil {
		return Result{}, err
	}
	l.Seen = Stamp{Height: b.Height, Time: b.Time}
	l.Head = Head{Incarnation: l.Head.Incarnation, Size: c.Size, Root: c.Root, Stamp: l.Seen}
	return Result{Log: l.ID, Info: InfoAnchored}, store(s, l, true)
}

// log finds the log that the checkpoint's origin names, before any signature
// is checked.
func (t AnchorTx) log(s State, b Block) (Log, error) {
	o, err := ParseOrigin(merkle.CheckpointOrigin(t.Note))
	if err != nil {
		return Log{}, err
	}
	if o.Chain != b.Chain {
		return Log{}, fmt.Errorf("%w: the checkpoint is for %q, this is %q", ErrWrongChain, clip(o.Chain), b.Chain)
	}
	l, err := loadLog(s, o.Log)
	if err != nil {
		return Log{}, err
	}
	if o.Incarnation != l.Head.Incarnation {
		return Log{}, wrongIncarnation(o.Incarnation, l)
	}
	return l, nil
}

func wrongIncarnation(got uint32, l Log) error {
	return fmt.Errorf("%w: it is for %d, log %s is at %d", ErrWrongIncarnation, got, l.ID, l.Head.Incarnation)
}

// open checks the note's signature, which is the authority for an anchor.
func (t AnchorTx) open(l Log) (merkle.Checkpoint, error) {
	v, err := l.verifier()
	if err != nil {
		return merkle.Checkpoint{}, err
	}
	c, err := merkle.OpenCheckpoint(t.Note, v)
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return c, fmt.Errorf("%w: log %s", ErrWrongKey, l.ID)
	case errors.As(err, &invalid):
		return c, fmt.Errorf("%w: not by the key of log %s", ErrBadSignature, l.ID)
	case err != nil:
		return c, fmt.Errorf("%w: log %s: %w", ErrBadCheckpoint, l.ID, err)
	}
	return c, nil
}

// extends says whether the checkpoint provably extends the head.
func (t AnchorTx) extends(s State, l Log, c merkle.Checkpoint) error {
	switch {
	case c.Size < l.Head.Size:
		return t.behind(s, l, c)
	case c.Size == l.Head.Size:
		return fmt.Errorf("%w: log %s at size %d", ErrForked, l.ID, c.Size)
	case t.OldSize != l.Head.Size:
		return fmt.Errorf("%w: the proof is from %d, log %s is at %d", ErrOldSize, t.OldSize, l.ID, l.Head.Size)
	}
	if merkle.VerifyConsistency(t.Proof, c.Size, c.Root, l.Head.Size, l.Head.Root) != nil {
		return fmt.Errorf("%w: log %s from %d to %d", ErrBadProof, l.ID, l.Head.Size, c.Size)
	}
	return nil
}

// behind tells apart the three ways to be behind the head: an anchor that the
// chain has seen, another tree at the size of one, and a size never anchored.
func (t AnchorTx) behind(s State, l Log, c merkle.Checkpoint) error {
	v, err := s.Get(AnchorKey(l.ID, l.Head.Incarnation, c.Size))
	if err != nil {
		return fmt.Errorf("read anchor: %w", err)
	}
	if v == nil {
		return fmt.Errorf("%w: log %s from %d to %d", ErrRewound, l.ID, l.Head.Size, c.Size)
	}
	a, err := ParseAnchor(v)
	if err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	if a.Root != c.Root {
		return fmt.Errorf("%w: log %s at size %d", ErrForked, l.ID, c.Size)
	}
	return fmt.Errorf("%w: log %s at size %d, the head is at %d", ErrReplayed, l.ID, c.Size, l.Head.Size)
}

// An Origin is the parts of a log's origin line.
type Origin struct {
	Chain, Log  string
	Incarnation uint32
}

// ParseOrigin reads an origin line as merkle.Origin writes it, and nothing
// else. It returns ErrBadCheckpoint for any other.
func ParseOrigin(line string) (Origin, error) {
	p := strings.Split(line, "/")
	if len(p) != 4 || p[0] != "emrbchain" {
		return Origin{}, fmt.Errorf("%w: its origin names no chain, log and incarnation", ErrBadCheckpoint)
	}
	n, err := strconv.ParseUint(p[3], 10, 32)
	if err != nil || !validLogID(p[2]) {
		return Origin{}, fmt.Errorf("%w: its origin names no log and incarnation", ErrBadCheckpoint)
	}
	o := Origin{Chain: p[1], Log: p[2], Incarnation: uint32(n)}
	if merkle.Origin(o.Chain, o.Log, o.Incarnation) != line {
		return Origin{}, fmt.Errorf("%w: its origin is not canonical", ErrBadCheckpoint)
	}
	return o, nil
}
