package memtap

import (
	"context"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// touched is a row that some transactions changed.
type touched struct {
	table *tap.Table
	key   []row.Value
	event string
}

// deliverMerged tells of each row that was changed how it is now, once.
func (t *Tap) deliverMerged(ctx context.Context, sink tap.Sink, all []Transaction) error {
	now := map[string]map[string]Image{}
	for _, row := range t.touched(all) {
		name := row.table.Name
		if now[name] == nil {
			rows, err := t.current(ctx, row.table)
			if err != nil {
				return err
			}
			now[name] = rows
		}
		if err := sink.Change(row.as(now[name])); err != nil {
			return err
		}
	}
	return sink.Commit(tap.Commit{Position: t.position(all[len(all)-1].Number)})
}

// touched lists the rows that transactions changed, each once.
func (t *Tap) touched(all []Transaction) []touched {
	var out []touched
	known := map[string]bool{}
	for _, transaction := range all {
		for i, change := range transaction.Changes {
			table := t.table(change.Table)
			if table == nil {
				continue
			}
			for j, image := range []Image{change.Before, change.After} {
				if image == nil {
					continue
				}
				key := table.KeyOf(image.Cells())
				name := change.Table + string(row.AppendKey(nil, key))
				if !known[name] {
					out = append(out, touched{table, key, fmt.Sprintf("%d.%d.%d", transaction.Number, i, j)})
				}
				known[name] = true
			}
		}
	}
	return out
}

func (t *Tap) current(ctx context.Context, table *tap.Table) (map[string]Image, error) {
	view, err := t.Backend.View(ctx, table.Name)
	if err != nil {
		return nil, fmt.Errorf("read table: %w", err)
	}
	out := map[string]Image{}
	for _, image := range view.Rows {
		out[string(row.AppendKey(nil, table.KeyOf(image.Cells())))] = image
	}
	return out, nil
}

// as tells the row as it is among the table's rows.
func (r touched) as(rows map[string]Image) tap.Change {
	change := tap.Change{Table: r.table, EventID: r.event, Op: tap.Delete, Key: r.key}
	if image := rows[string(row.AppendKey(nil, r.key))]; image != nil {
		change.Op, change.Key, change.After = tap.Put, nil, image.Cells()
	}
	return change
}
