package prove_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/prove"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// hospital is a log, its table, and anchors on a chain made for tests.
type hospital struct {
	t       *testing.T
	log     *recordlog.Log
	chain   *receipttest.Chain
	key     *keys.LogKey
	table   *tap.Table
	rows    map[int64]string
	anchors []prove.Anchor
	audit   uint64 // leaf of the last audit; 0 before
	listed  map[uint64]bool
	found   [][]byte // findings that the next audit enters
}

func newHospital(t *testing.T) *hospital {
	t.Helper()
	h := &hospital{t: t, log: logtest.New(t), chain: receipttest.New(t, logtest.ChainID, receipttest.Equal(4)...),
		table: logtest.Table(), rows: make(map[int64]string), listed: make(map[uint64]bool)}
	var err error
	h.key, err = keys.GenerateLogKey(rand.Reader, h.log.Origin())
	h.must(err)
	h.anchor()
	return h
}

func (h *hospital) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hospital) record(id int64, v string) uint64 {
	h.t.Helper()
	if h.rows[id] = v; v == "" {
		delete(h.rows, id)
	}
	return logtest.Record(h.t, h.log, h.table, id, v)
}

// anchor anchors the log as it stands.
func (h *hospital) anchor() {
	h.t.Helper()
	size := h.log.Size()
	root, err := h.log.Root(size)
	h.must(err)
	signed, err := merkle.Checkpoint{Origin: h.log.Origin(), Size: size, Root: root}.Sign(h.key.Signer())
	h.must(err)
	height, at := h.chain.Next()
	key := rules.AnchorKey(logtest.LogID, 0, size)
	h.chain.Set(key, rules.Anchor{Root: root, Height: height, Time: at.UnixMilli()}.Append(nil))
	receipt := h.chain.Receipt(key)
	h.anchors = append(h.anchors, prove.Anchor{Size: size, Checkpoint: signed, Receipt: receipt.Append(nil)})
}

// around is prove.Sources.Around.
func (h *hospital) around(leaf uint64) (before, after prove.Anchor, ok bool, err error) {
	for _, a := range h.anchors {
		if a.Size > leaf {
			return before, a, true, nil
		}
		before = a
	}
	return before, prove.Anchor{}, false, nil
}

// enterAudit enters an audit that found the latest versions of some rows.
func (h *hospital) enterAudit(intact ...int64) {
	h.t.Helper()
	var m evidence.Manifest
	for _, id := range intact { // ascending
		head, _, err := h.log.Head("t", logtest.Key(id))
		h.must(err)
		e, err := h.log.Entry(head.Index)
		h.must(err)
		h.must(m.Add(evidence.ManifestRow{Table: "t", Key: logtest.Key(id), Version: head.Version, Commitment: e.Leaf.Commitment}))
		h.listed[head.Index] = true
	}
	var findings evidence.Tree
	for _, f := range h.found {
		h.must(findings.Add(f))
	}
	root, err := findings.Root()
	h.must(err)
	body := evidence.AuditBody{Coverage: []evidence.Coverage{{Table: "t", Complete: true}}, ManifestRoot: m.Root(),
		ManifestCount: m.Count(), FindingsRoot: root, FindingsCount: findings.Size()}
	h.must(h.log.Update(func(b *recordlog.Batch) (err error) {
		h.audit, err = b.AppendEvent(commit.Audit, body.Append(nil))
		return err
	}))
}

// Scan implements sweep.Source.
func (h *hospital) Scan(context.Context, string, []row.Value, int) (tap.Chunk, recordlog.Window, error) {
	return tap.Chunk{}, recordlog.Window{}, tap.ErrNotServed
}

// Fetch implements sweep.Source.
func (h *hospital) Fetch(_ context.Context, _ string, asked [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	chunk := tap.Chunk{Table: h.table}
	for _, k := range asked {
		id, _ := k[0].Int64()
		if v, ok := h.rows[id]; ok {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: logtest.Cells(id, v)})
		}
	}
	return chunk, recordlog.Window{From: h.log.Size(), To: h.log.Size()}, nil
}

// prove proves a row, and checks the evidence as a stranger would.
func (h *hospital) prove(id int64, version uint64) (*evidence.Result, error) {
	h.t.Helper()
	s := prove.Sources{Log: h.log, LogKey: h.key.VerifierKey(), Rows: h, Around: h.around,
		Audited: func(string) (uint64, [][]byte, bool, error) { return h.audit, h.found, h.audit != 0, nil },
		Rules: func(string) *clinical.Rules {
			return &clinical.Rules{Table: "t", Date: "v", Final: clinical.Final{Column: "v", Values: []string{"signed", "final"}}}
		},
		Listed: func() (uint64, func(uint64) bool, bool, error) {
			return h.audit, func(leaf uint64) bool { return h.listed[leaf] }, h.audit != 0, nil
		}}
	e, err := prove.Row(h.t.Context(), s, "t", []row.Value{row.NewInt(id)}, version)
	if err != nil {
		return nil, err
	}
	parsed, err := evidence.Parse(e.Append(nil))
	h.must(err)
	result, err := parsed.Verify(h.chain.Trust(1))
	h.must(err)
	return result, nil
}

func TestAVersionIsProvenBetweenItsAnchors(t *testing.T) {
	h := newHospital(t)
	h.record(1, "a")
	h.anchor()
	h.record(1, "b")
	h.record(2, "x")
	if _, err := h.prove(1, 0); !errors.Is(err, prove.ErrNotAnchored) {
		t.Errorf("before the anchor: %v", err)
	}
	h.anchor()
	latest, err := h.prove(1, 0)
	h.must(err)
	if latest.Version != 2 || !latest.Columns[1].Open || latest.Columns[1].Value != `"b"` || latest.Audit != nil ||
		latest.After.Height >= latest.Before.Height {
		t.Errorf("latest: %+v", latest)
	}
	// Its values are nowhere any more: it is proven with closed columns.
	older, err := h.prove(1, 1)
	h.must(err)
	if older.Version != 1 || older.Columns[1].Open || older.Before != latest.After {
		t.Errorf("older: %+v", older)
	}
	for _, c := range []struct {
		id      int64
		version uint64
	}{{9, 0}, {1, 3}} {
		if _, err := h.prove(c.id, c.version); !errors.Is(err, prove.ErrUnknownRow) {
			t.Errorf("row %d, version %d: %v", c.id, c.version, err)
		}
	}
}

func TestARecordedDeletionIsProven(t *testing.T) {
	h := newHospital(t)
	h.record(1, "a")
	h.record(1, "")
	h.anchor()
	gone, err := h.prove(1, 0)
	h.must(err)
	if gone.Op != commit.Delete.String() || gone.Version != 2 || len(gone.Columns) != 0 {
		t.Errorf("%+v", gone)
	}
}

// A row that is not as its version says is never proven as if it were.
func TestAForgedRowNeedsAnAudit(t *testing.T) {
	h := newHospital(t)
	h.record(1, "a")
	h.record(2, "a")
	h.anchor()
	h.rows[1] = "forged"
	delete(h.rows, 2)
	for id := range int64(2) {
		if _, err := h.prove(id+1, 0); !errors.Is(err, prove.ErrNotAudited) {
			t.Errorf("row %d: %v", id+1, err)
		}
	}
}

// Where the last audit found the row intact, the evidence says so, also after
// other rows have changed since.
func TestAnIntactRowStandsInTheLastAudit(t *testing.T) {
	h := newHospital(t)
	for id := range int64(7) {
		h.record(id, "a")
	}
	h.rows[3] = "forged"
	h.enterAudit(0, 1, 2, 4, 5, 6)
	if _, err := h.prove(5, 0); !errors.Is(err, prove.ErrNotAnchored) {
		t.Errorf("before the anchor: %v", err)
	}
	h.anchor()
	h.record(1, "b")
	h.record(2, "")
	h.record(8, "new")
	h.anchor()
	for id, audited := range map[int64]bool{0: true, 5: true, 6: true, 1: false, 8: false} {
		r, err := h.prove(id, 0)
		h.must(err)
		if (r.Audit != nil) != audited || audited && (r.Audit.Verdict != "intact" || r.Audit.Index != h.audit) {
			t.Errorf("row %d: audit %+v", id, r.Audit)
		}
	}
}

// A list that was changed does not lead to the root that the audit entered.
func TestAChangedListOfTheAuditIsNoticed(t *testing.T) {
	h := newHospital(t)
	first := h.record(1, "a")
	h.record(2, "a")
	h.enterAudit(2)
	h.anchor()
	h.listed[first] = true
	if _, err := h.prove(1, 0); err == nil {
		t.Error("a row was proven intact that the audit does not list")
	}
}
