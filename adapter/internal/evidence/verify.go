package evidence

import (
	"encoding/base64"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Verify checks everything in the evidence, starting from what the verifier
// trusts, and returns what it shows. Its errors wrap ErrInvalid, or those of
// package receipt.
func (e *Evidence) Verify(trust receipt.Trust) (*Result, error) {
	if err := e.checkComplete(); err != nil {
		return nil, err
	}
	v := verifier{trust: trust}
	if err := v.openLogKey(e.LogKey); err != nil {
		return nil, err
	}
	version, err := v.entry("row version", &e.Version)
	if err != nil {
		return nil, err
	}
	before, err := v.before(e.Before, version)
	if err != nil {
		return nil, err
	}
	result, err := describe(e, version)
	if err != nil {
		return nil, err
	}
	if e.Audit != nil {
		if result.Audit, err = v.audit(e, version, before, result); err != nil {
			return nil, err
		}
	}
	result.Chain, result.Log, result.Incarnation = v.origin.Chain, v.origin.Log, v.origin.Incarnation
	result.After, result.Before = moment(before), moment(version.anchor)
	result.Witnesses = v.weakest
	return result, nil
}

// checkComplete refuses an Evidence that Append could not have written.
func (e *Evidence) checkComplete() error {
	complete := e.Before != nil && e.Version.After != nil && e.Version.Opening != nil
	if a := e.Audit; a != nil {
		complete = complete && a.Entry.After != nil && a.Entry.Opening != nil &&
			(a.Finding == nil) == (e.Claim == Committed) && (a.Manifest == nil) == (e.Claim != Committed)
	} else if e.Claim != Committed {
		return invalid("it claims %q and holds no audit", e.Claim)
	}
	if !complete || e.Claim < Committed || e.Claim > LateEntry {
		return invalid("a part is missing")
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// A verifier carries what all parts of one evidence have in common.
type verifier struct {
	trust   receipt.Trust
	key     note.Verifier
	origin  rules.Origin
	weakest Witnesses // over all receipts
}

// openLogKey reads the log's key, in the one form that package note writes.
func (v *verifier) openLogKey(vkey string) error {
	var err error
	if v.key, err = note.NewVerifier(vkey); err != nil {
		return invalid("the log's key: %v", err)
	}
	name := v.key.Name()
	encoded := vkey[min(len(vkey), len(name)+len("+12345678+")):]
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) < 1 {
		return invalid("the log's key is not in its canonical form")
	}
	if canonical, err := note.NewEd25519VerifierKey(name, raw[1:]); err != nil || canonical != vkey {
		return invalid("the log's key is not in its canonical form")
	}
	if v.origin, err = rules.ParseOrigin(name); err != nil {
		return invalid("the log's key names no log: %v", err)
	}
	if v.origin.Chain != v.trust.ChainID {
		return invalid("the log is of chain %q, the trust file is of %q", v.origin.Chain, v.trust.ChainID)
	}
	return nil
}

// An opened entry of the log, all checked.
type opened struct {
	leaf    commit.Leaf
	header  *commit.Header
	opening *commit.Opening
	size    uint64 // of the checkpoint
	anchor  rules.Anchor
}

// entry checks an entry: the opening leads to the leaf, the leaf stands under
// the checkpoint, the log's key signed the checkpoint, the chain accepted it.
func (v *verifier) entry(what string, e *Entry) (*opened, error) {
	leaf, err := commit.ParseLeaf(e.Leaf)
	if err != nil {
		return nil, invalid("%s: %v", what, err)
	}
	header, err := e.Opening.Verify(leaf.Commitment)
	if err != nil {
		return nil, invalid("%s: %v", what, err)
	}
	if header.Log != v.key.Name() || header.Op != leaf.Op {
		return nil, invalid("%s: the opened header is of another log or operation", what)
	}
	checkpoint, err := merkle.OpenCheckpoint(e.Checkpoint, v.key)
	if err != nil {
		return nil, invalid("%s: %v", what, err)
	}
	err = merkle.VerifyInclusion(e.Inclusion, checkpoint.Size, checkpoint.Root, header.Index, merkle.LeafHash(e.Leaf))
	if err != nil {
		return nil, invalid("%s: not at its place under the checkpoint: %v", what, err)
	}
	anchor, err := v.anchored(e.After, checkpoint.Size)
	if err != nil {
		return nil, fmt.Errorf("%s: receipt after it: %w", what, err)
	}
	if anchor.Root != checkpoint.Root {
		return nil, invalid("%s: the chain holds another root for the checkpoint's size", what)
	}
	return &opened{leaf: leaf, header: header, opening: e.Opening, size: checkpoint.Size, anchor: anchor}, nil
}

// anchored checks a receipt and that it is of this log's anchor at a size.
func (v *verifier) anchored(r *receipt.Receipt, size uint64) (rules.Anchor, error) {
	if want := rules.AnchorKey(v.origin.Log, v.origin.Incarnation, size); string(r.Key) != string(want) {
		return rules.Anchor{}, invalid("it is not of this log's anchor at size %d", size)
	}
	verified, err := r.Verify(v.trust)
	if err != nil {
		return rules.Anchor{}, err
	}
	if !verified.Present {
		return rules.Anchor{}, invalid("the chain holds no anchor of size %d", size)
	}
	anchor, err := rules.ParseAnchor(r.Value)
	if err != nil {
		return rules.Anchor{}, invalid("%v", err)
	}
	if anchor.Height >= verified.Height || anchor.Time > verified.Time.UnixMilli() {
		return rules.Anchor{}, invalid("the anchor is younger than the block that shows it")
	}
	v.weakest = v.weakest.weaker(verified)
	return anchor, nil
}

// before checks the receipt of an anchor that does not hold the version yet.
func (v *verifier) before(r *receipt.Receipt, version *opened) (rules.Anchor, error) {
	size, err := anchorSize(r.Key)
	if err != nil {
		return rules.Anchor{}, err
	}
	if size > version.header.Index {
		return rules.Anchor{}, invalid("the anchor before the version already holds it")
	}
	anchor, err := v.anchored(r, size)
	if err != nil {
		return rules.Anchor{}, fmt.Errorf("receipt before the version: %w", err)
	}
	if anchor.Height > version.anchor.Height || anchor.Time > version.anchor.Time {
		return rules.Anchor{}, invalid("the anchor before the version is younger than the one after it")
	}
	return anchor, nil
}

// describe checks that the version is one of a row, and begins the result.
func describe(e *Evidence, version *opened) (*Result, error) {
	h := version.header
	key, err := row.ParseKey(h.Key)
	if err != nil || !h.Op.IsRow() {
		return nil, invalid("the opened entry is no row version")
	}
	if e.Claim != Committed && h.Op == commit.Delete {
		return nil, invalid("the version is itself the row's deletion")
	}
	r := &Result{Claim: e.Claim, Table: h.Table, Key: displayKey(key), KeyBytes: h.Key, Version: h.Version,
		Index: h.Index, Op: h.Op.String(), Seen: h.Seen.String(), Assurance: h.Assurance.String(),
		EventID: h.EventID, Logged: Millis(version.leaf.Time)}
	if h.EventTime != 0 {
		r.EventTime = Millis(h.EventTime / 1000)
	}
	for i, c := range version.opening.Columns {
		column := Column{Name: h.Columns[i].Name, Type: h.Columns[i].Type.String(), Open: c.Open}
		if c.Open {
			column.Value = c.Value.Display()
		}
		r.Columns = append(r.Columns, column)
	}
	return r, nil
}
