package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cometbft/cometbft/mempool"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

const (
	pollEvery = 20 * time.Millisecond
	// resubmitAfter is when a transaction that is not final is given to the node
	// again: its pool is in memory, so a restart empties it.
	resubmitAfter = 2 * time.Second
)

// An AnchorRequest is a checkpoint to anchor.
type AnchorRequest struct {
	Note    []byte        // signed checkpoint
	OldSize uint64        // the head's size, from which the proof starts
	Proof   []merkle.Hash // consistency proof from OldSize to the checkpoint
}

// SubmitAnchor anchors a checkpoint and returns once that is final. A refusal
// is a rules.Refusal: compare with errors.Is. If the chain holds this very
// checkpoint as the log's head, that is a success and nothing is submitted. A
// log has one anchor in flight at a time.
func (c *Client) SubmitAnchor(ctx context.Context, r AnchorRequest) (rules.Anchor, error) {
	at, err := claimed(r.Note)
	if err != nil {
		return rules.Anchor{}, fmt.Errorf("submit anchor: %w", err)
	}
	chain, err := c.ChainID(ctx)
	if err != nil {
		return rules.Anchor{}, err
	}
	tx := rules.AnchorTx{Chain: chain, Note: r.Note, OldSize: r.OldSize, Proof: r.Proof}
	var a rules.Anchor
	err = c.submit(ctx, tx, func(accepted bool) (done bool, err error) {
		a, done, err = c.anchored(ctx, at, r.OldSize, accepted)
		return done, err
	})
	if err != nil {
		return rules.Anchor{}, fmt.Errorf("submit anchor: %w", err)
	}
	return a, nil
}

// claim is what a note says of itself, unchecked: enough to look for it.
type claim struct {
	rules.Origin
	size uint64
	root merkle.Hash
}

func claimed(note []byte) (claim, error) {
	origin, err := rules.ParseOrigin(merkle.CheckpointOrigin(note))
	if err != nil {
		return claim{}, err
	}
	lines := strings.SplitN(string(note[:min(len(note), merkle.MaxCheckpoint)]), "\n", 4)
	if len(lines) != 4 {
		return claim{}, fmt.Errorf("%w: three lines expected", rules.ErrBadCheckpoint)
	}
	size, sizeErr := strconv.ParseUint(lines[1], 10, 63)
	root, rootErr := base64.StdEncoding.DecodeString(lines[2])
	if sizeErr != nil || rootErr != nil || len(root) != merkle.HashSize {
		return claim{}, fmt.Errorf("%w: it names no size and root", rules.ErrBadCheckpoint)
	}
	return claim{origin, size, merkle.Hash(root)}, nil
}

// anchored looks for the checkpoint in the state: as the log's head or, after
// the node took it from us, as any of its anchors. An anchor that was older
// than the head before that is a replay; the node itself would not say so, for
// it remembers the transaction as one that it has. A node whose head is below
// the size that the caller extends has not seen what made that final.
func (c *Client) anchored(ctx context.Context, at claim, from uint64, accepted bool) (rules.Anchor, bool, error) {
	l, found, err := c.Log(ctx, at.Log)
	if err == nil && l.Head.Size < from && l.Head.Incarnation <= at.Incarnation {
		return rules.Anchor{}, false, fmt.Errorf("%w: it holds log %s at size %d, the proof is from %d", ErrCatchingUp, at.Log, l.Head.Size, from)
	}
	if err != nil || !found || l.Head.Incarnation != at.Incarnation || l.Head.Size < at.size {
		return rules.Anchor{}, false, err
	}
	if l.Head.Size == at.size && l.Head.Root == at.root {
		return rules.Anchor{Root: l.Head.Root, Height: l.Head.Height, Time: l.Head.Time}, true, nil
	}
	a, found, err := c.Anchor(ctx, at.Log, at.Incarnation, at.size)
	if err != nil || !found || a.Root != at.root {
		return rules.Anchor{}, false, err
	}
	if !accepted {
		return rules.Anchor{}, false, fmt.Errorf("%w: log %s at size %d, the head is at %d", rules.ErrReplayed, at.Log, at.size, l.Head.Size)
	}
	return a, true, nil
}

// RegisterLog registers a log for a member and returns its record once that is
// final. A log that is registered by this member with this key is a success.
func (c *Client) RegisterLog(ctx context.Context, member string, signer rules.Signer, log, key string) (rules.Log, error) {
	chain, err := c.ChainID(ctx)
	if err != nil {
		return rules.Log{}, err
	}
	tx, err := rules.RegisterTx{Chain: chain, Log: log, Key: key, Member: member}.Sign(signer)
	if err != nil {
		return rules.Log{}, err
	}
	var l rules.Log
	err = c.submit(ctx, tx, func(bool) (done bool, err error) {
		l, done, err = c.Log(ctx, log)
		return done && l.Member == member && l.Key == key, err
	})
	if err != nil {
		return rules.Log{}, fmt.Errorf("register log: %w", err)
	}
	return l, nil
}

// Heartbeat tells the chain that a log is alive, signed with the log's key, and
// returns the log's record once that is final.
func (c *Client) Heartbeat(ctx context.Context, log string, incarnation uint32, signer rules.Signer) (rules.Log, error) {
	status, err := c.Status(ctx)
	if err != nil {
		return rules.Log{}, err
	}
	// A node stores a block a moment before it carries it out, so the newest may
	// still be ahead of its state.
	named := max(1, status.Height-1)
	tx, err := rules.HeartbeatTx{Chain: status.Chain, Log: log, Incarnation: incarnation, Height: named}.Sign(signer)
	if err != nil {
		return rules.Log{}, err
	}
	var l rules.Log
	err = c.submit(ctx, tx, func(bool) (done bool, err error) {
		l, done, err = c.Log(ctx, log)
		return done && l.Beat >= named, err
	})
	if err != nil {
		return rules.Log{}, fmt.Errorf("heartbeat: %w", err)
	}
	return l, nil
}

// submit gives a transaction to the node, again and again, until final says
// that the state shows it.
func (c *Client) submit(ctx context.Context, t rules.Transaction, final func(accepted bool) (bool, error)) error {
	tx := t.Append(nil)
	var given time.Time
	return until(ctx, func() (bool, error) { return c.step(ctx, tx, &given, final) })
}

// until takes step after step until one says that all is done. A node that is
// catching up is waited for.
func until(ctx context.Context, step func() (bool, error)) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		done, err := step()
		if done || err != nil && !errors.Is(err, ErrCatchingUp) {
			return inTime(ctx, err)
		}
		select {
		case <-ctx.Done():
			return inTime(ctx, errors.Join(ctx.Err(), err))
		case <-poll.C:
		}
	}
}

// step looks for the transaction in the state and, if it is time, gives it to
// the node. A refusal counts only if the state still does not show the
// transaction: it may have become final in between.
func (c *Client) step(ctx context.Context, tx []byte, given *time.Time, final func(accepted bool) (bool, error)) (bool, error) {
	done, err := final(!given.IsZero())
	if done || err != nil || time.Since(*given) < resubmitAfter {
		return done, err
	}
	refusal := c.broadcast(ctx, tx)
	if refusal == nil {
		*given = time.Now()
		return false, nil
	}
	if done, err := final(!given.IsZero()); done && err == nil {
		return true, nil
	}
	return false, c.explain(ctx, refusal)
}

// inTime turns the end of the time given into ErrNotFinal.
func inTime(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrNotFinal) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotFinal, err)
}

// explain says that a node which lags refuses by an old state.
func (c *Client) explain(ctx context.Context, err error) error {
	if _, refused := rules.RefusalOf(err); !refused {
		return err
	}
	if s, statusErr := c.rpc.Status(ctx); statusErr == nil && s.SyncInfo.CatchingUp {
		return fmt.Errorf("%w: %v", ErrCatchingUp, err)
	}
	return err
}

// broadcast gives a transaction to the node. That the node has it already is
// no error.
func (c *Client) broadcast(ctx context.Context, tx []byte) error {
	r, err := c.rpc.BroadcastTxSync(ctx, tx)
	if err != nil {
		if strings.Contains(err.Error(), mempool.ErrTxInCache.Error()) {
			return nil
		}
		return failed(ctx, "give it to the node", err)
	}
	if r.Code == uint32(rules.CodeOK) {
		return nil
	}
	refusal, known := rules.Refused(rules.Code(r.Code))
	if !known || r.Codespace != rules.Codespace {
		return fmt.Errorf("the node refuses with the unknown code %d of %q: %s", r.Code, said(r.Codespace), said(r.Log))
	}
	return &refused{refusal, said(r.Log)}
}

// refused is a refusal in the node's words.
type refused struct {
	refusal *rules.Refusal
	words   string
}

func (r *refused) Error() string { return r.words }
func (r *refused) Unwrap() error { return r.refusal }
