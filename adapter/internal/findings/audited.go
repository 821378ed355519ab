package findings

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

const tableAuditPrefix = "audit/table/"

// ListedName is the state that holds which leaves the manifest of the last audit
// lists: [leaf of the audit, bits].
const ListedName = "audit/listed"

// A TableAudit is the last audit that read the whole of a table.
type TableAudit struct {
	Leaf   uint64 // of the audit
	ReadAt int64  // when the reading began, ms since 1970 UTC
	From   uint64 // the log's size then
}

// Set keeps the audit in a batch.
func (t TableAudit) Set(b interface {
	Set(name string, value []byte)
}, table string) {
	v := dcbor.AppendInt(dcbor.AppendUint(dcbor.AppendArray(nil, 3), t.Leaf), t.ReadAt)
	b.Set(tableAuditPrefix+table, dcbor.AppendUint(v, t.From))
}

// LastTableAudit returns the last audit of a table; ok is false before the first.
func LastTableAudit(log Log, table string) (t TableAudit, ok bool, err error) {
	b, err := log.Get(tableAuditPrefix + table)
	if err != nil || b == nil {
		return t, false, err
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(3)
	t = TableAudit{Leaf: r.Uint(), ReadAt: r.Int(), From: r.Uint()}
	if err := r.Done(); err != nil {
		return t, false, fmt.Errorf("read the last audit of %s: %w", table, err)
	}
	return t, true, nil
}

// RowsRead returns how many rows the last audit of a table read; 0 before the first.
func RowsRead(log interface {
	Log
	Entry(leaf uint64) (*recordlog.Entry, error)
}, table string) (uint64, error) {
	last, ok, err := LastTableAudit(log, table)
	if err != nil || !ok {
		return 0, err
	}
	e, err := log.Entry(last.Leaf)
	if err != nil {
		return 0, fmt.Errorf("read the last audit of %s: %w", table, err)
	}
	body, err := evidence.ParseAuditBody(e.Body)
	if err != nil {
		return 0, fmt.Errorf("read the last audit of %s: %w", table, err)
	}
	for _, c := range body.Coverage {
		if c.Table == table {
			return c.Read, nil
		}
	}
	return 0, nil
}

// Listed are the leaves that the manifest of the last audit lists.
type Listed struct {
	Audit uint64 // leaf of the audit
	bits  []byte // leaf i is bit i%8 of byte i/8
}

// Has reports whether a leaf is listed.
func (l *Listed) Has(leaf uint64) bool {
	return leaf/8 < uint64(len(l.bits)) && l.bits[leaf/8]>>(leaf%8)&1 == 1
}

// LastListed returns what the manifest of the last audit lists; ok is false
// before the first audit.
func LastListed(log Log) (l *Listed, ok bool, err error) {
	b, err := log.Get(ListedName)
	if err != nil || b == nil {
		return nil, false, err
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(2)
	l = &Listed{Audit: r.Uint(), bits: r.Bytes()}
	if err := r.Done(); err != nil {
		return nil, false, fmt.Errorf("read what the last audit lists: %w", err)
	}
	return l, true, nil
}

// Sightings tells when rows were last seen as their versions say. It keeps what
// the last audit lists until there is another.
type Sightings struct{ listed *Listed }

// Good returns when the last audit of a table began to read it, ms since 1970
// UTC, if it is the last of all and found the version of a leaf intact; 0
// otherwise.
func (s *Sightings) Good(log Log, table string, leaf uint64) (int64, error) {
	t, ok, err := LastTableAudit(log, table)
	if err != nil || !ok || leaf >= t.From {
		return 0, err
	}
	if s.listed == nil || s.listed.Audit < t.Leaf {
		if s.listed, ok, err = LastListed(log); err != nil || !ok {
			return 0, err
		}
	}
	if s.listed.Audit != t.Leaf || !s.listed.Has(leaf) {
		return 0, nil
	}
	return t.ReadAt, nil
}
