package audit

import (
	"context"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
)

// listedAtOnce is how many rows' leaves are read at once, so that those which
// lie together in the log cost one read.
const listedAtOnce = 4096

// lister adds a table's intact rows to the manifest, in the order of their keys.
type lister struct {
	*pass
	reader   *recordlog.Reader
	manifest *evidence.Manifest
	rows     []evidence.ManifestRow
	indexes  []uint64
	leaves   []commit.Leaf
}

func (p *pass) newLister(m *evidence.Manifest) *lister {
	return &lister{pass: p, reader: p.log.NewReader(), manifest: m, leaves: make([]commit.Leaf, listedAtOnce)}
}

func (l *lister) list(ctx context.Context, table string) error {
	err := l.log.Heads(ctx, table, func(key []byte, h recordlog.Head) error {
		if h.Deleted || !l.intact.has(h.Index) {
			return nil
		}
		l.rows = append(l.rows, evidence.ManifestRow{Table: table, Key: key, Version: h.Version})
		l.indexes = append(l.indexes, h.Index)
		if len(l.rows) < listedAtOnce {
			return nil
		}
		return l.flush()
	})
	if err != nil {
		return err
	}
	return l.flush()
}

func (l *lister) flush() error {
	if err := l.reader.Leaves(l.indexes, l.leaves); err != nil {
		return err
	}
	for i, row := range l.rows {
		row.Commitment = l.leaves[i].Commitment
		l.listed.add(l.indexes[i])
		if err := l.manifest.Add(row); err != nil {
			return err
		}
	}
	l.rows, l.indexes = l.rows[:0], l.indexes[:0]
	return nil
}
