package host_test

import (
	"context"

	"google.golang.org/grpc"

	"github.com/emrbchain/emrbchain/crypto/row"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// rawTap speaks the wire without package tap, as a tap in another language
// does, and not as it should.
type rawTap struct {
	tapv1.UnimplementedTapServer
	name string
}

func (r rawTap) Describe(context.Context, *tapv1.DescribeRequest) (*tapv1.DescribeResponse, error) {
	d := &tapv1.DescribeResponse{Protocol: 1, Name: "raw", Version: "1", Scan: true,
		Assurance: tapv1.Assurance_ASSURANCE_EVERY_VERSION}
	switch r.name {
	case "protocol":
		d.Protocol = 3
	case "assurance":
		d.Assurance = 9
	}
	return d, nil
}

func (r rawTap) Open(context.Context, *tapv1.OpenRequest) (*tapv1.OpenResponse, error) {
	return &tapv1.OpenResponse{}, nil
}

func (r rawTap) Stream(_ *tapv1.StreamRequest, out grpc.ServerStreamingServer[tapv1.Batch]) error {
	if err := out.Send(&tapv1.Batch{Events: []*tapv1.Event{commit()}}); err != nil {
		return err
	}
	if err := out.Send(rawStreams()[r.name]); err != nil {
		return err
	}
	if r.name == "ends" {
		return nil
	}
	<-out.Context().Done()
	return out.Context().Err()
}

func (r rawTap) Scan(_ *tapv1.ScanRequest, out grpc.ServerStreamingServer[tapv1.ChunkPart]) error {
	return out.Send(rawChunks()[r.name])
}

func rawTable() *tapv1.Table {
	return &tapv1.Table{Name: "patients", Key: []uint32{0},
		Columns: []*tapv1.Column{{Name: "id", Type: uint32(row.Int)}, {Name: "name", Type: uint32(row.Text)}}}
}

func commit() *tapv1.Event {
	return &tapv1.Event{Event: &tapv1.Event_Commit{Commit: &tapv1.Commit{Position: []byte("p")}}}
}

func fence() *tapv1.Event {
	return &tapv1.Event{Event: &tapv1.Event_Fence{Fence: &tapv1.Fence{Id: 1, Position: []byte("p")}}}
}

func insert(table uint32) *tapv1.Event {
	return &tapv1.Event{Event: &tapv1.Event_Change{Change: &tapv1.Change{
		Table: table, Op: tapv1.Op_OP_INSERT, After: true, EventId: "e"}}}
}

func goodCells() []byte {
	return row.AppendCells(nil, []row.Value{row.NewInt(1), row.NewText("utf8", []byte(secret))})
}

func define(id uint32) []*tapv1.TableDefinition {
	return []*tapv1.TableDefinition{{Id: id, Table: rawTable()}}
}

// rawStreams are streams that break the contract, by name.
func rawStreams() map[string]*tapv1.Batch {
	swapped := row.AppendCells(nil, []row.Value{row.NewText("utf8", []byte(secret)), row.NewInt(1)})
	return map[string]*tapv1.Batch{
		"good":          {Tables: define(0), Events: []*tapv1.Event{insert(0), commit()}, Cells: goodCells()},
		"ends":          {Events: []*tapv1.Event{commit()}},
		"unknown table": {Tables: define(0), Events: []*tapv1.Event{insert(7)}, Cells: goodCells()},
		"table twice":   {Tables: append(define(0), define(0)...)},
		"bad table":     {Tables: []*tapv1.TableDefinition{{Id: 1, Table: &tapv1.Table{Name: "patients"}}}},
		"not canonical": {Tables: define(0), Events: []*tapv1.Event{insert(0)}, Cells: []byte{0x98, 0x02}},
		"cut cells":     {Tables: define(0), Events: []*tapv1.Event{insert(0)}, Cells: goodCells()[:8]},
		"cells left":    {Tables: define(0), Events: []*tapv1.Event{insert(0)}, Cells: append(goodCells(), goodCells()...)},
		"wrong type":    {Tables: define(0), Events: []*tapv1.Event{insert(0)}, Cells: swapped},
		"few cells":     {Tables: define(0), Events: []*tapv1.Event{insert(0)}, Cells: row.AppendCells(nil, []row.Value{row.NewInt(1)})},
		"fence inside":  {Tables: define(0), Events: []*tapv1.Event{insert(0), fence()}, Cells: goodCells()},
		"no position":   {Events: []*tapv1.Event{{Event: &tapv1.Event_Commit{Commit: &tapv1.Commit{}}}}},
		"no event":      {Events: []*tapv1.Event{{}}},
		"no event id": {Tables: define(0), Cells: goodCells(), Events: []*tapv1.Event{{Event: &tapv1.Event_Change{
			Change: &tapv1.Change{Op: tapv1.Op_OP_INSERT, After: true}}}}},
		"unknown op": {Tables: define(0), Cells: goodCells(), Events: []*tapv1.Event{{Event: &tapv1.Event_Change{
			Change: &tapv1.Change{Op: 257, After: true, EventId: "e"}}}}},
		"put": {Tables: define(0), Cells: goodCells(), Events: []*tapv1.Event{{Event: &tapv1.Event_Change{
			Change: &tapv1.Change{Op: tapv1.Op_OP_PUT, After: true, EventId: "e"}}}}},
		"delete of nothing": {Tables: define(0), Events: []*tapv1.Event{{Event: &tapv1.Event_Change{
			Change: &tapv1.Change{Op: tapv1.Op_OP_DELETE, EventId: "e"}}}}},
	}
}

// rawChunks are answers to a scan for one row that break the contract.
func rawChunks() map[string]*tapv1.ChunkPart {
	return map[string]*tapv1.ChunkPart{
		"good":          {Table: rawTable(), Rows: 1, Cells: goodCells(), Done: true},
		"no table":      {Rows: 1, Cells: goodCells(), Done: true},
		"no last part":  {Table: rawTable(), Rows: 1, Cells: goodCells()},
		"too many rows": {Table: rawTable(), Rows: 2, Cells: append(goodCells(), goodCells()...), Done: true},
		"rows claimed":  {Table: rawTable(), Rows: 4_000_000_000, Cells: goodCells(), Done: true},
		"bad cells":     {Table: rawTable(), Rows: 1, Cells: []byte("????"), Done: true},
		"left cells":    {Table: rawTable(), Rows: 0, Cells: goodCells(), Done: true},
		"other table":   {Table: &tapv1.Table{Name: "x", Key: []uint32{0}, Columns: rawTable().Columns}, Done: true},
	}
}
