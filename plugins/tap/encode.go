package tap

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// An encoder is the Sink that a tap process gives its tap: it puts each event
// into the batch that fills, and blocks while the host is not ready.
type encoder struct {
	ctx     context.Context // of the call that the stream is
	batcher *wire.Batcher
	byValue map[string]uint32 // table's encoding → id
	last    *Table            // the table that came last, and its id
	lastID  uint32
}

func newEncoder(ctx context.Context, batcher *wire.Batcher) *encoder {
	return &encoder{ctx: ctx, batcher: batcher, byValue: map[string]uint32{}}
}

func (e *encoder) Change(change Change) error {
	return e.batcher.Add(e.ctx, func(batch *tapv1.Batch) (int, error) { return e.change(batch, &change) })
}

func (e *encoder) Commit(commit Commit) error {
	return e.add(len(commit.Position), &tapv1.Event{Event: &tapv1.Event_Commit{Commit: &tapv1.Commit{
		Position: commit.Position, TimeUs: timeToWire(commit.Time)}}})
}

func (e *encoder) Fence(fence Fence) error {
	return e.add(len(fence.Position), &tapv1.Event{Event: &tapv1.Event_Fence{Fence: &tapv1.Fence{
		Id: fence.ID, Position: fence.Position}}})
}

func (e *encoder) Gap(gap Gap) error {
	for _, name := range gap.Tables {
		if !utf8.ValidString(name) {
			return broken("gap", "the name of a table is not UTF-8")
		}
	}
	return e.add(len(gap.Position), &tapv1.Event{Event: &tapv1.Event_Gap{Gap: &tapv1.Gap{
		Position: gap.Position, Tables: gap.Tables, Reason: wire.Text(gap.Reason)}}})
}

func (e *encoder) Schema(change SchemaChange) error {
	return e.batcher.Add(e.ctx, func(batch *tapv1.Batch) (int, error) {
		id, err := e.tableID(batch, change.Table)
		if err != nil {
			return 0, err
		}
		out := &tapv1.SchemaChange{Position: change.Position, Table: id, Rewritten: change.Rewritten,
			Statement: wire.Text(change.Statement), Removed: removalToWire(change.Removed)}
		for _, m := range change.Moved {
			if !utf8.ValidString(m.From) || !utf8.ValidString(m.To) {
				return 0, broken("schema change of table "+change.Table.Name, "the name of a column is not UTF-8")
			}
			moved := &tapv1.Moved{From: m.From, To: m.To}
			if m.Holds != nil {
				moved.Holds = row.AppendKey(nil, []row.Value{*m.Holds})
			}
			out.Moved = append(out.Moved, moved)
		}
		batch.Events = append(batch.Events, &tapv1.Event{Event: &tapv1.Event_Schema{Schema: out}})
		return proto.Size(out), nil
	})
}

func (e *encoder) add(size int, event *tapv1.Event) error {
	return e.batcher.Add(e.ctx, func(batch *tapv1.Batch) (int, error) {
		batch.Events = append(batch.Events, event)
		return size, nil
	})
}

// changeOverhead is about what a change takes beside its cells and event id.
const changeOverhead = 16

func (e *encoder) change(batch *tapv1.Batch, change *Change) (int, error) {
	id, err := e.tableID(batch, change.Table)
	if err != nil {
		return 0, err
	}
	if !utf8.ValidString(change.EventID) {
		return 0, broken("change of table "+change.Table.Name, "its event id is not UTF-8")
	}
	start := len(batch.Cells)
	for _, cells := range [...][]row.Value{change.Before, change.After, change.Key} {
		if cells != nil {
			batch.Cells = row.AppendCells(batch.Cells, cells)
		}
	}
	size := len(batch.Cells) - start
	if size > wire.MaxEvent {
		batch.Cells = batch.Cells[:start]
		return 0, tooLarge(change.Table.Name)
	}
	batch.Events = append(batch.Events, &tapv1.Event{Event: &tapv1.Event_Change{Change: &tapv1.Change{
		Table: id, Op: tapv1.Op(change.Op), EventId: change.EventID, TimeUs: timeToWire(change.Time),
		Before: change.Before != nil, After: change.After != nil, Key: change.Key != nil,
		Followed: tapv1.Following(change.Followed)}}})
	return size + len(change.EventID) + changeOverhead, nil
}

func tooLarge(table string) error {
	return NewSetupError("table "+table, fmt.Sprintf("a row is larger than %d MiB", wire.MaxEvent>>20),
		"leave the table or its large columns out of the configuration")
}

// tableID returns the stream's number of a table and defines it in the batch
// when it is new. Tables of equal content share a number, so that a tap that
// makes a new description for each change costs no memory here.
func (e *encoder) tableID(batch *tapv1.Batch, table *Table) (uint32, error) {
	if table != nil && table == e.last {
		return e.lastID, nil
	}
	message, err := tableToWire(table)
	if err != nil {
		return 0, err
	}
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return 0, fmt.Errorf("encode table %s: %w", table.Name, err)
	}
	id, known := e.byValue[string(encoded)]
	if !known {
		id = uint32(len(e.byValue))
		e.byValue[string(encoded)] = id
		batch.Tables = append(batch.Tables, &tapv1.TableDefinition{Id: id, Table: message})
	}
	e.last, e.lastID = table, id
	return id, nil
}

// tableToWire maps a table, and refuses what protobuf could not carry.
func tableToWire(table *Table) (*tapv1.Table, error) {
	if err := CheckTable(table); err != nil {
		return nil, broken("table", err.Error())
	}
	out := &tapv1.Table{Name: table.Name, Refused: wire.Text(table.Refused), EstimatedRows: table.EstimatedRows}
	for _, column := range table.Columns {
		if !utf8.ValidString(column.Name) {
			return nil, broken("table "+table.Name, "the name of a column is not UTF-8")
		}
		out.Columns = append(out.Columns, &tapv1.Column{Name: column.Name, Type: uint32(column.Type)})
	}
	for _, column := range table.Key {
		out.Key = append(out.Key, uint32(column))
	}
	for _, note := range table.Notes {
		out.Notes = append(out.Notes, wire.Text(note))
	}
	for _, r := range table.References {
		out.References = append(out.References, &tapv1.Reference{Name: r.Name, Columns: r.Columns, Table: r.Table, Of: r.Of,
			OnDelete: tapv1.Action(r.OnDelete), OnUpdate: tapv1.Action(r.OnUpdate)})
	}
	return out, nil
}

func removalToWire(r *Removal) *tapv1.Removal {
	if r == nil {
		return nil
	}
	out := &tapv1.Removal{All: r.All, Column: wire.Text(r.Column)}
	if len(r.Values) > 0 {
		out.Values = row.AppendCells(nil, r.Values)
	}
	bounds := make([]row.Value, 0, 2*len(r.Ranges))
	for _, one := range r.Ranges {
		bounds = append(bounds, one.From, one.To)
	}
	if len(bounds) > 0 {
		out.Ranges = row.AppendCells(nil, bounds)
	}
	return out
}

func timeToWire(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// errorToWire turns a tap's error into what travels: its text, and which of
// the errors that a host acts upon it wraps.
func errorToWire(err error) error {
	failure := &tapv1.Failure{Message: err.Error()}
	for _, s := range sentinels() {
		if errors.Is(err, s.err) {
			failure.Kinds = append(failure.Kinds, s.kind)
		}
	}
	var setup *SetupError
	if errors.As(err, &setup) {
		failure.Kinds = append(failure.Kinds, tapv1.Failure_KIND_SETUP)
		for _, p := range setup.Problems {
			failure.Problems = append(failure.Problems, &tapv1.Problem{Thing: p.Thing, Reason: p.Reason, Mend: p.Mend})
		}
	}
	var contract *ContractError
	if setup == nil && errors.As(err, &contract) {
		failure.Kinds = append(failure.Kinds, tapv1.Failure_KIND_CONTRACT)
		failure.Problems = append(failure.Problems, &tapv1.Problem{Thing: contract.Thing, Reason: contract.Reason})
	}
	return wire.Status(failure)
}

type sentinel struct {
	kind tapv1.Failure_Kind
	err  error
}

func sentinels() []sentinel {
	return []sentinel{
		{tapv1.Failure_KIND_POSITION, ErrPosition},
		{tapv1.Failure_KIND_BUSY, ErrBusy},
		{tapv1.Failure_KIND_TABLE, ErrTable},
		{tapv1.Failure_KIND_NOT_SERVED, ErrNotServed},
	}
}
