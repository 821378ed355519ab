package ingest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// beside is a scripted tap with a second table, "a", that cannot be read for as
// long as it is broken.
type beside struct {
	*scripted
	broken atomic.Bool
}

// Tables implements tap.Tap.
func (x *beside) Tables(context.Context) ([]tap.Table, error) {
	other := *x.table
	other.Name = "a"
	return []tap.Table{other, *x.table}, nil
}

// Scan implements tap.Tap.
func (x *beside) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	chunk, err := x.scripted.Scan(ctx, table, after, limit)
	if table == "t" {
		return chunk, err
	}
	if x.broken.Load() {
		return tap.Chunk{}, errors.New("the index is damaged")
	}
	other := *x.table
	other.Name = "a"
	return tap.Chunk{Table: &other, Last: true, Fence: chunk.Fence}, nil
}

// A table that cannot be read keeps no other from being taken in and verified.
func TestATableThatCannotBeReadIsSetAside(t *testing.T) {
	b := newBench(t, 10)
	b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "a"}, {Table: "t"}}, Logger: zerolog.Nop()})
	x := &beside{scripted: newScripted(newSource(), tap.EveryVersion)}
	x.broken.Store(true)
	x.set(1, "v")
	b.run(x)
	b.settle()
	b.gap(x, "tables t and a")
	b.settle()
	b.holds(x.table, 1, "v")
	if c := b.coverage("a"); c.Since != 0 || !strings.Contains(c.Problem, "the index is damaged") {
		t.Errorf("table a: %+v", c)
	}
	b.stop()
	again := &beside{scripted: newScripted(x.source, tap.EveryVersion)}
	b.run(again)
	b.until(func() bool { return b.coverage("a").Since != 0 })
	again.broken.Store(true)
	b.gap(again, "once more")
	b.settle()
	b.until(func() bool { return b.coverage("a").Problem != "" })
	if c := b.coverage("a"); !c.Suspect {
		t.Errorf("table a: %+v", c)
	}
	b.stop()
}

// gap sends a gap of all tables and waits until it is logged.
func (b *bench) gap(x *beside, reason string) {
	before := b.log.Size()
	x.gap("after "+reason, reason)
	b.until(func() bool { return b.log.Size() > before })
}

// coverage is what is known of a table.
func (b *bench) coverage(table string) sweep.Coverage {
	b.t.Helper()
	list, err := b.ingest.Coverage()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range list {
		if c.Table == table {
			return c
		}
	}
	return sweep.Coverage{}
}
