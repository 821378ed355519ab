package adapter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// submitTime bounds how long one anchor may take to become final before it is
// taken as out of reach and submitted again.
const submitTime = 30 * time.Second

// chain is the chain as this sidecar's log sees it.
type chain struct {
	client      *client.Client
	log         *recordlog.Log
	logID       string
	incarnation uint32
	logKey      string // note verifier key
	member      string
	signer      memberSigner
	logSigner   note.Signer
	trustFile   string

	mu    sync.Mutex
	trust *receipt.Trust
}

var _ anchoring.Chain = (*chain)(nil)

// Head returns the head that the chain holds, registering the log at first.
func (c *chain) Head(ctx context.Context) (anchoring.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, submitTime)
	defer cancel()
	held, ok, err := c.client.Log(ctx, c.logID)
	if err != nil {
		return anchoring.Head{}, mended(err)
	}
	if !ok {
		if held, err = c.client.RegisterLog(ctx, c.member, c.signer, c.logID, c.logKey); err != nil {
			return anchoring.Head{}, mended(fmt.Errorf("register the log: %w", err))
		}
	}
	return anchoring.Head{Size: held.Head.Size, Root: held.Head.Root}, nil
}

// Submit anchors a checkpoint and returns once it is final.
func (c *chain) Submit(ctx context.Context, checkpoint []byte, oldSize uint64, proof []merkle.Hash) error {
	ctx, cancel := context.WithTimeout(ctx, submitTime)
	defer cancel()
	_, err := c.client.SubmitAnchor(ctx, client.AnchorRequest{Note: checkpoint, OldSize: oldSize, Proof: proof})
	return mended(err)
}

// Receipt fetches and checks the receipt of an anchor.
func (c *chain) Receipt(ctx context.Context, size uint64) (anchoring.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, submitTime)
	defer cancel()
	trust, err := c.Trust(ctx)
	if err != nil {
		return anchoring.Receipt{}, err
	}
	parts, err := c.client.ReceiptParts(ctx, rules.AnchorKey(c.logID, c.incarnation, size))
	if err != nil {
		return anchoring.Receipt{}, mended(err)
	}
	links, err := c.links(ctx, trust, parts.Height+1)
	if err != nil {
		return anchoring.Receipt{}, err
	}
	r, err := receipt.New(parts.LightBlock, parts.Key, parts.Value, parts.Proof, links)
	if err != nil {
		return anchoring.Receipt{}, fmt.Errorf("make the receipt: %w", err)
	}
	result, err := r.Verify(*trust)
	if err != nil {
		return anchoring.Receipt{}, fmt.Errorf("check the receipt: %w", err)
	}
	anchor, err := rules.ParseAnchor(r.Value)
	if err != nil {
		return anchoring.Receipt{}, fmt.Errorf("check the receipt: %w", err)
	}
	return anchoring.Receipt{Root: anchor.Root, Height: anchor.Height, Time: result.Time.UnixMilli(), Bytes: r.Append(nil)}, nil
}

// links returns a light block for each change of the validators between the
// trusted header and a height.
func (c *chain) links(ctx context.Context, trust *receipt.Trust, to int64) ([][]byte, error) {
	changes, err := c.client.ValidatorChanges(ctx, trust.Height, to)
	if err != nil {
		return nil, fmt.Errorf("find changes of the validators: %w", err)
	}
	links := make([][]byte, 0, len(changes))
	for _, height := range changes {
		b, err := c.client.LightBlock(ctx, height)
		if err != nil {
			return nil, fmt.Errorf("fetch the block of height %d: %w", height, err)
		}
		links = append(links, b)
	}
	return links, nil
}

// Heartbeat says that the log is alive although it has not grown.
func (c *chain) Heartbeat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, submitTime)
	defer cancel()
	_, err := c.client.Heartbeat(ctx, c.logID, c.incarnation, c.logSigner)
	return mended(err)
}

// mended adds to an error that passes what a person can do about it.
func mended(err error) error {
	switch {
	case errors.Is(err, client.ErrNotFinal):
		return fmt.Errorf("%w; if it stays so, a third of the chain's validators or more are down: start them. Nothing is lost meanwhile", err)
	case errors.Is(err, client.ErrUnreachable):
		return fmt.Errorf("%w; start the node that chain.rpc names, or correct chain.rpc. Nothing is lost meanwhile", err)
	}
	return err
}

// Refused reports whether an error is the chain's refusal. That a node is of
// another chain is not: it is the node that must be put right.
func (c *chain) Refused(err error) bool {
	_, refused := rules.RefusalOf(err)
	return refused && !errors.Is(err, rules.ErrWrongChain)
}

// trustName is where the trust that was taken at first contact is kept.
const trustName = "chain/trust"

// errTrust says that the chain is not the one that is trusted.
var errTrust = errors.New("the chain is not the one that the trust file names")

// Trust returns what receipts are checked against: the configured trust file,
// or what the chain showed at first contact.
func (c *chain) Trust(ctx context.Context) (*receipt.Trust, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trust != nil {
		return c.trust, nil
	}
	trust, err := c.heldTrust()
	if err != nil {
		return nil, err
	}
	if trust == nil {
		if trust, err = c.meetChain(ctx); err != nil {
			return nil, err
		}
	}
	c.trust = trust
	return trust, nil
}

func (c *chain) heldTrust() (*receipt.Trust, error) {
	var text []byte
	var err error
	if c.trustFile != "" {
		text, err = os.ReadFile(c.trustFile)
	} else {
		text, err = c.log.Get(trustName)
	}
	if err != nil || text == nil {
		return nil, err
	}
	trust, err := receipt.ParseTrust(text)
	if err != nil {
		return nil, fmt.Errorf("read trust: %w", err)
	}
	return &trust, nil
}

// meetChain takes the chain's first header as trusted, and keeps it for ever.
func (c *chain) meetChain(ctx context.Context) (*receipt.Trust, error) {
	block, err := c.client.LightBlock(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("fetch the chain's first header: %w", err)
	}
	trust, err := receipt.NewTrust(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTrust, err)
	}
	text, err := trust.JSON()
	if err != nil {
		return nil, err
	}
	return &trust, c.log.Update(func(b *recordlog.Batch) error {
		b.Set(trustName, text)
		return nil
	})
}

// memberSigner signs transactions with the member's key.
type memberSigner struct{ member *keys.Member }

// Sign signs a transaction.
func (s memberSigner) Sign(message []byte) ([]byte, error) { return s.member.Sign(message), nil }
