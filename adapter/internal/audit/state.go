package audit

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// wholeName is the state that holds when the last audit of all tables ended, ms
// since 1970 UTC.
const wholeName = "audit/whole"

// LastWhole returns when the last audit of all tables ended, ms since 1970 UTC; 0
// before the first.
func LastWhole(log *recordlog.Log) (int64, error) {
	b, err := log.Get(wholeName)
	if err != nil || b == nil {
		return 0, err
	}
	r := dcbor.NewReader(b)
	ended := r.Int()
	if err := r.Done(); err != nil {
		return 0, fmt.Errorf("read when the last audit ended: %w", err)
	}
	return ended, nil
}

// LastEntered returns what the last audit entered in the log; nil before the first.
func LastEntered(log *recordlog.Log) (*evidence.AuditBody, error) {
	last, ok, err := LastListed(log)
	if err != nil || !ok {
		return nil, err
	}
	e, err := log.Entry(last.Audit)
	if err != nil {
		return nil, fmt.Errorf("read the last audit: %w", err)
	}
	return evidence.ParseAuditBody(e.Body)
}

// Last returns the leaf of the last audit of a table and the finding leaves
// that it entered; ok is false before the first.
func Last(log *recordlog.Log, table string) (leaf uint64, leaves [][]byte, ok bool, err error) {
	t, ok, err := findings.LastTableAudit(log, table)
	if err != nil || !ok {
		return 0, nil, false, err
	}
	leaves, err = Findings(log, t.Leaf)
	return t.Leaf, leaves, err == nil, err
}
