package tap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// maxTables bounds the tables that a stream may define.
const maxTables = 100_000

// A decoder turns a stream's batches back into events for a Sink.
type decoder struct {
	sink   Sink
	tables map[uint32]*Table
}

func newDecoder(sink Sink) *decoder {
	return &decoder{sink: sink, tables: map[uint32]*Table{}}
}

// batch delivers the events of one batch.
func (d *decoder) batch(batch *tapv1.Batch) error {
	for _, definition := range batch.Tables {
		if err := d.define(definition); err != nil {
			return err
		}
	}
	cells := wire.NewCellReader(batch.Cells, d.countCells(batch.Events))
	for _, event := range batch.Events {
		if err := d.event(event, cells); err != nil {
			return err
		}
	}
	if err := cells.Done(); err != nil {
		return broken("stream", err.Error())
	}
	return nil
}

func (d *decoder) define(definition *tapv1.TableDefinition) error {
	if _, known := d.tables[definition.Id]; known {
		return broken("stream", fmt.Sprintf("table number %d is defined twice", definition.Id))
	}
	if len(d.tables) >= maxTables {
		return broken("stream", fmt.Sprintf("more than %d tables are defined", maxTables))
	}
	table, err := tableFromWire(definition.Table)
	if err != nil {
		return err
	}
	d.tables[definition.Id] = table
	return nil
}

// countCells says how many cells the events will need, so that one allocation
// holds them all.
func (d *decoder) countCells(events []*tapv1.Event) int {
	total := 0
	for _, event := range events {
		change := event.GetChange()
		table := d.tables[change.GetTable()]
		if change == nil || table == nil {
			continue
		}
		total += len(table.Columns) * (oneIf(change.Before) + oneIf(change.After))
		total += len(table.Key) * oneIf(change.Key)
	}
	return total
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *decoder) event(event *tapv1.Event, cells *wire.CellReader) error {
	switch e := event.GetEvent().(type) {
	case *tapv1.Event_Change:
		return d.change(e.Change, cells)
	case *tapv1.Event_Commit:
		return d.sink.Commit(Commit{Position: e.Commit.GetPosition(), Time: timeFromWire(e.Commit.GetTimeUs())})
	case *tapv1.Event_Fence:
		return d.sink.Fence(Fence{ID: e.Fence.GetId(), Position: e.Fence.GetPosition()})
	case *tapv1.Event_Gap:
		return d.sink.Gap(Gap{Position: e.Gap.GetPosition(), Tables: e.Gap.GetTables(), Reason: e.Gap.GetReason()})
	case *tapv1.Event_Schema:
		return d.schema(e.Schema)
	}
	return broken("stream", "an event is of no known kind")
}

func (d *decoder) schema(in *tapv1.SchemaChange) error {
	table, err := d.table(in.GetTable())
	if err != nil {
		return err
	}
	out := SchemaChange{Position: in.GetPosition(), Table: table, Rewritten: in.GetRewritten(), Statement: in.GetStatement()}
	if out.Removed, err = removalFromWire(in.Removed); err != nil {
		return broken("schema change of table "+table.Name, err.Error())
	}
	for _, m := range in.GetMoved() {
		moved, err := movedFromWire(m)
		if err != nil {
			return broken("schema change of table "+table.Name, err.Error())
		}
		out.Moved = append(out.Moved, moved)
	}
	return d.sink.Schema(out)
}

func movedFromWire(in *tapv1.Moved) (Moved, error) {
	out := Moved{From: in.GetFrom(), To: in.GetTo()}
	if len(in.GetHolds()) == 0 {
		return out, nil
	}
	cells, err := row.ParseKey(in.GetHolds())
	if err != nil || len(cells) != 1 {
		return out, errors.New("what a new column holds is not one canonical cell")
	}
	out.Holds = &cells[0]
	return out, nil
}

func removalFromWire(in *tapv1.Removal) (*Removal, error) {
	if in == nil {
		return nil, nil
	}
	out := &Removal{All: in.All, Column: in.Column}
	var err error
	if len(in.Values) > 0 {
		if out.Values, err = row.ParseKey(in.Values); err != nil {
			return nil, fmt.Errorf("its values are not canonical: %w", err)
		}
	}
	if len(in.Ranges) == 0 {
		return out, nil
	}
	bounds, err := row.ParseKey(in.Ranges)
	if err != nil || len(bounds)%2 != 0 {
		return nil, errors.New("its ranges are not canonical pairs")
	}
	for i := 0; i < len(bounds); i += 2 {
		out.Ranges = append(out.Ranges, Range{From: bounds[i], To: bounds[i+1]})
	}
	return out, nil
}

func (d *decoder) table(id uint32) (*Table, error) {
	table := d.tables[id]
	if table == nil {
		return nil, broken("stream", fmt.Sprintf("table number %d was never defined", id))
	}
	return table, nil
}

func (d *decoder) change(in *tapv1.Change, cells *wire.CellReader) error {
	table, err := d.table(in.Table)
	if err != nil {
		return err
	}
	out := Change{Table: table, Op: Op(min(max(in.Op, 0), 0xff)), EventID: in.EventId, Time: timeFromWire(in.TimeUs),
		Followed: Following(min(max(in.Followed, 0), 0xff))}
	for _, image := range [...]struct {
		present bool
		cells   *[]row.Value
		count   int
	}{
		{in.Before, &out.Before, len(table.Columns)},
		{in.After, &out.After, len(table.Columns)},
		{in.Key, &out.Key, len(table.Key)},
	} {
		if !image.present {
			continue
		}
		if *image.cells, err = cells.Next(image.count); err != nil {
			return broken("change of table "+table.Name, err.Error())
		}
	}
	return d.sink.Change(out)
}

func tableFromWire(in *tapv1.Table) (*Table, error) {
	out := &Table{Name: in.GetName(), Refused: in.GetRefused(), Notes: in.GetNotes(),
		EstimatedRows: in.GetEstimatedRows()}
	for _, column := range in.GetColumns() {
		// A type above the codes of a byte becomes one that is not valid.
		out.Columns = append(out.Columns, row.Column{Name: column.GetName(), Type: row.Type(min(column.GetType(), 0xff))})
	}
	for _, column := range in.GetKey() {
		out.Key = append(out.Key, int(column))
	}
	for _, r := range in.GetReferences() {
		out.References = append(out.References, Reference{Name: r.GetName(), Columns: r.GetColumns(), Table: r.GetTable(), Of: r.GetOf(),
			OnDelete: Action(min(max(r.GetOnDelete(), 0), 0xff)), OnUpdate: Action(min(max(r.GetOnUpdate(), 0), 0xff))})
	}
	if err := CheckTable(out); err != nil {
		return nil, broken("table", err.Error())
	}
	return out, nil
}

func timeFromWire(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// A remoteError is a tap's own error after its way over the wire.
type remoteError struct {
	message string
	wrapped []error
}

func (e *remoteError) Error() string   { return e.message }
func (e *remoteError) Unwrap() []error { return e.wrapped }

// errorFromWire turns what a call returned into the error that the caller
// sees: its own context's, the tap's, or one of the connection. Texts of gRPC
// itself are left out; nobody vouches for what they hold.
func errorFromWire(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failure := wire.FailureOf(err); failure != nil {
		return failureFromWire(failure)
	}
	_, bounded := ctx.Deadline()
	switch code := status.Code(err); {
	case code == codes.DeadlineExceeded && bounded:
		return context.DeadlineExceeded
	case code == codes.ResourceExhausted:
		return broken("message", fmt.Sprintf("is larger than %d MiB", wire.MaxEvent>>20))
	case code == codes.Unimplemented:
		return fmt.Errorf("%w: a call of the contract is missing; update the tap", ErrProtocol)
	default:
		return fmt.Errorf("%w (gRPC says %s)", ErrConnection, code)
	}
}

func failureFromWire(failure *tapv1.Failure) error {
	out := &remoteError{message: failure.Message}
	for _, kind := range failure.Kinds {
		for _, s := range sentinels() {
			if s.kind == kind {
				out.wrapped = append(out.wrapped, s.err)
			}
		}
		switch kind {
		case tapv1.Failure_KIND_SETUP:
			out.wrapped = append(out.wrapped, setupFromWire(failure))
		case tapv1.Failure_KIND_CONTRACT:
			last := failure.Problems[max(0, len(failure.Problems)-1):]
			for _, p := range last {
				out.wrapped = append(out.wrapped, &ContractError{Thing: p.Thing, Reason: p.Reason})
			}
		}
	}
	if setup := (*SetupError)(nil); errors.As(out, &setup) && out.message == setup.Error() {
		return setup
	}
	return out
}

func setupFromWire(failure *tapv1.Failure) *SetupError {
	out := &SetupError{}
	for _, p := range failure.Problems {
		out.Problems = append(out.Problems, Problem{Thing: p.Thing, Reason: p.Reason, Mend: p.Mend})
	}
	return out
}
