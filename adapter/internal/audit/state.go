package audit

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

const tableAuditPrefix = "audit/table/"

// tableAudit is the last audit that read the whole of a table.
type tableAudit struct {
	leaf   uint64 // of the audit
	readAt int64  // when the reading began, ms since 1970 UTC
	from   uint64 // the log's size then
}

func (t tableAudit) append(b []byte) []byte {
	b = dcbor.AppendInt(dcbor.AppendUint(dcbor.AppendArray(b, 3), t.leaf), t.readAt)
	return dcbor.AppendUint(b, t.from)
}

func readTableAudit(log *recordlog.Log, table string) (tableAudit, bool, error) {
	b, err := log.Get(tableAuditPrefix + table)
	if err != nil || b == nil {
		return tableAudit{}, false, err
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(3)
	t := tableAudit{leaf: r.Uint(), readAt: r.Int(), from: r.Uint()}
	if err := r.Done(); err != nil {
		return t, false, fmt.Errorf("read the last audit of %s: %w", table, err)
	}
	return t, true, nil
}

// Last returns the leaf of the last audit of a table and the finding leaves
// that it entered; ok is false before the first.
func Last(log *recordlog.Log, table string) (leaf uint64, leaves [][]byte, ok bool, err error) {
	t, ok, err := readTableAudit(log, table)
	if err != nil || !ok {
		return 0, nil, false, err
	}
	leaves, err = Findings(log, t.leaf)
	return t.leaf, leaves, err == nil, err
}
