package adapter

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/prove"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rowkey"
	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

var _ control.Sidecar = (*Sidecar)(nil)

// anchors answers the audit's questions from what anchoring keeps.
type anchors struct {
	log       *recordlog.Log
	anchoring *anchoring.Anchoring
}

// Last returns the newest anchor.
func (a anchors) Last() (uint64, findings.Moment, error) {
	last, err := anchoring.Last(a.log)
	return last.Size, findings.Moment{Time: last.Time, Height: last.Height}, err
}

// Covering returns the oldest anchor that covers a leaf.
func (a anchors) Covering(leaf uint64) (findings.Moment, bool, error) {
	_, after, ok, err := a.anchoring.Around(leaf)
	return findings.Moment{Time: after.Time, Height: after.Height}, ok, err
}

// Before returns the size of the newest anchor that does not cover a leaf.
func (a anchors) Before(leaf uint64) (uint64, error) {
	before, _, _, err := a.anchoring.Around(leaf)
	return before.Size, err
}

// keyColumns describes a table's key for people to write.
func (s *Sidecar) keyColumns(ctx context.Context, table string) ([]rowkey.Column, error) {
	columns, err := s.ingest.KeyColumns(table)
	if err != nil {
		return nil, api.NewProblem(http.StatusNotFound, fmt.Sprintf("table %q is not tapped", table),
			"name one of the configuration's tables")
	}
	var sample []row.Value
	stop := errors.New("one is enough")
	err = s.log.Heads(ctx, table, func(key []byte, _ recordlog.Head) (err error) {
		if sample, err = row.ParseKey(key); err != nil {
			return err
		}
		return stop
	})
	if err != nil && !errors.Is(err, stop) {
		return nil, err
	}
	return rowkey.Columns(columns, sample), nil
}

func (s *Sidecar) parseKey(ctx context.Context, table, text string) ([]row.Value, error) {
	columns, err := s.keyColumns(ctx, table)
	if err != nil {
		return nil, err
	}
	if rowkey.IsCells(text) && s.ingest.Numbered(table) {
		return s.findKey(ctx, table, text)
	}
	return rowkey.Parse(text, columns)
}

// findKey finds the key of a row that has none by what it holds.
func (s *Sidecar) findKey(ctx context.Context, table, text string) ([]row.Value, error) {
	if err := s.refuseWhilePaused(); err != nil {
		return nil, err
	}
	chunk, _, err := s.ingest.Scan(ctx, table, nil, 1) // it is read whole
	if err != nil {
		return nil, problem(err)
	}
	wanted, err := rowkey.ParseCells(text, chunk.Table.Columns)
	if err != nil {
		return nil, err
	}
	var key []row.Value
	for _, r := range chunk.Rows {
		if !wanted.Match(r.Cells) {
			continue
		}
		found := chunk.Table.KeyOf(r.Cells)
		if key != nil && !row.Equal(key[0], found[0]) {
			return nil, fmt.Errorf("%w: more than one row has these cells, and they are not equal; name more columns", rowkey.ErrKey)
		}
		if key == nil {
			key = found
		}
	}
	if key == nil {
		return nil, fmt.Errorf("%w: no row has these cells", rowkey.ErrKey)
	}
	return key, nil
}

// writeKey writes a canonical key for a person.
func (s *Sidecar) writeKey(ctx context.Context, table string, key []byte) (string, error) {
	columns, err := s.keyColumns(ctx, table)
	if err != nil {
		return "", err
	}
	cells, err := row.ParseKey(key)
	if err != nil {
		return "", fmt.Errorf("read a row's key: %w", err)
	}
	return rowkey.Format(cells, columns), nil
}

// Audit audits now.
func (s *Sidecar) Audit(ctx context.Context, q api.AuditRequest) (*api.AuditReport, error) {
	if err := s.refuseWhilePaused(); err != nil {
		return nil, err
	}
	report, err := s.audit(ctx, audit.Request{Tables: q.Tables})
	if err != nil {
		return nil, problem(err)
	}
	return s.describe(ctx, report, q.Since)
}

// Prove makes an evidence file.
func (s *Sidecar) Prove(ctx context.Context, q api.ProveRequest) ([]byte, error) {
	if err := s.refuseWhilePaused(); err != nil {
		return nil, err
	}
	key, err := s.parseKey(ctx, q.Table, q.Key)
	if err != nil {
		return nil, err
	}
	sources := prove.Sources{Log: s.log, LogKey: s.logKey.VerifierKey(), Rows: s.ingest, Around: s.around,
		Audited: func(table string) (uint64, [][]byte, bool, error) { return audit.Last(s.log, table) }, Listed: s.listed,
		Rules: s.rulesOf}
	e, err := prove.Row(ctx, sources, q.Table, key, q.Version)
	switch {
	case errors.Is(err, prove.ErrUnknownRow):
		return nil, api.NewProblem(http.StatusNotFound, "the log has no such row or version", "check table and key")
	case errors.Is(err, recordlog.ErrKeyLost):
		return nil, s.whyLost(q.Table, key, q.Version, err)
	case errors.Is(err, prove.ErrNotAnchored), errors.Is(err, prove.ErrNotAudited):
		return nil, api.NewProblem(http.StatusConflict, err.Error(), "")
	case err != nil:
		return nil, problem(err)
	}
	trust, err := s.chain.Trust(ctx)
	if err != nil {
		return nil, problem(err)
	}
	if _, err := e.Verify(*trust); err != nil {
		return nil, fmt.Errorf("check the evidence before it is handed out: %w", err)
	}
	return e.Append(nil), nil
}

func (s *Sidecar) listed() (leaf uint64, listed func(uint64) bool, ok bool, err error) {
	last, ok, err := audit.LastListed(s.log)
	if err != nil || !ok {
		return 0, nil, false, err
	}
	return last.Audit, last.Has, true, nil
}

func (s *Sidecar) around(leaf uint64) (before, after prove.Anchor, ok bool, err error) {
	b, a, ok, err := s.anchoring.Around(leaf)
	return prove.Anchor{Size: b.Size, Checkpoint: b.Checkpoint, Receipt: b.Receipt},
		prove.Anchor{Size: a.Size, Checkpoint: a.Checkpoint, Receipt: a.Receipt}, ok, err
}

// TrustExport returns the trust file.
func (s *Sidecar) TrustExport(ctx context.Context) ([]byte, error) {
	trust, err := s.chain.Trust(ctx)
	if err != nil {
		return nil, problem(err)
	}
	return trust.JSON()
}

// problem says what to do about an error that passes; any other stays as it is.
func problem(err error) error {
	switch {
	case errors.Is(err, ingest.ErrDetached), errors.Is(err, tap.ErrBusy), errors.Is(err, tap.ErrConnection):
		return api.NewProblem(http.StatusServiceUnavailable, "the source cannot be read now: "+err.Error(),
			"ask again once emrbchain status says that the source is streaming; what stops it is named there")
	case client.Retry(err):
		return api.NewProblem(http.StatusServiceUnavailable, "the chain cannot be asked now: "+err.Error(),
			"ask again once emrbchain status says that the chain is reachable; see that its node runs: emrbchain node run DIR")
	case errors.Is(err, audit.ErrTable):
		return api.NewProblem(http.StatusNotFound, err.Error(), "name one of the configuration's tables")
	}
	return err
}

// checkpoint is the log as it stands.
func (s *Sidecar) checkpoint(size uint64) (api.Checkpoint, error) {
	root, err := s.log.Root(size)
	return api.Checkpoint{Origin: s.log.Origin(), Size: size, Root: base64.StdEncoding.EncodeToString(root[:])}, err
}

func when(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
