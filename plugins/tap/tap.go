// Package tap is the contract between EMRBchain and a connector to a source.
//
// A tap is a process of its own that reads one database and never writes to
// it. Its author implements Tap over plain Go values and calls Serve from
// main; the wire (gRPC over hashicorp/go-plugin) stays out of sight. Package
// taptest runs every promise of this page against a tap.
//
// # What a tap promises
//
// A tap states one Assurance. EveryVersion: Stream delivers each committed row
// change exactly once, in commit order. LastVersion: for each committed change
// of a row, Stream delivers the row as it stood at that commit or later.
// ScanOnly: there is no Stream of changes; only Scan sees them.
//
// Changes are delivered for committed transactions alone; a Commit follows the
// last change of each. What may have been missed is a Gap, never silence.
//
// # Positions
//
// A Position is where a tap resumes: opaque bytes that it made itself, handed
// in at Commit, Fence and Gap, and given back to Stream after a restart. Stream
// from a position delivers exactly what was committed after it, in the same
// order each time. Ack says that everything up to a position is durably logged,
// so that the tap may forget; acks may come late, repeat, or never come.
//
// # Fences
//
// Scan and Fetch read rows while the stream runs on. Each returns a fence: an
// id that the stream delivers, as a Fence event, once it has delivered every
// change that the read could have seen. And no row is read as it was before what
// the stream had delivered of it when the read was asked for, though a source may
// log a change before it shows it: a tap that would read older rows waits, or
// returns ErrBusy. So the reader compares at the fence and never takes a row in
// flight for a forged one.
//
// # Consequences
//
// A source may change rows without telling a change of each: it follows foreign
// keys, empties a table, renames a column. A tap tells the rule, once, and not
// the rows: Table.References with Change.Followed for foreign keys, and
// SchemaChange.Removed and Moved for statements. The host works out which rows
// must be how, and takes that delta and no other for explained. So a tap tells a
// rule only where it knows it exactly, and a Gap or Rewritten otherwise: what
// those concern is verified and explained by nothing. A tap that knows none of
// this leaves the fields empty.
//
// # Tables without a key
//
// Rows that no key names are told apart by their cells alone, and equal rows by
// their number: the host counts them. Such a table has an empty Key. A tap may
// cover it if it tells every version, with the row as it was before each change:
// its updates and deletes have Before, and no change has a Key. Scan reads it whole,
// Fetch is never asked for it, and no Reference of it changes its rows unseen: a
// tap refuses a table of which that is not so.
package tap

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// Assurance is what a tap can promise about the changes that it delivers.
type Assurance uint8

// The assurances; their numbers equal those of crypto/commit.
const (
	ScanOnly     Assurance = 1
	LastVersion  Assurance = 2
	EveryVersion Assurance = 3
)

// Tap is a connector to one source. Open is called once, before everything but
// Describe; Close once, last. Stream runs at most once at a time; Tables, Scan,
// Fetch and Ack may be called while it runs.
type Tap interface {
	// Describe says what the tap is. It works before Open.
	Describe() Description
	// Open connects and checks everything that Stream, Scan and Fetch will
	// need: credentials, grants, server settings. Its error is a *SetupError
	// that names each missing thing with its mend.
	Open(ctx context.Context, config Config) error
	// Tables lists the configured tables as they stand now, each either covered
	// or with the reason why it cannot be.
	Tables(ctx context.Context) ([]Table, error)
	// Stream delivers events from a position on until ctx ends; a nil position
	// means from now on, and then the first event is a Commit that tells where
	// now is. It returns ctx's error, or why it cannot go on; the host then
	// restarts it from the last position that was logged.
	Stream(ctx context.Context, from Position, sink Sink) error
	// Scan reads up to limit rows of a table in the order of its key, after a
	// key (nil: from the start). It needs a running Stream to deliver its fence.
	// A table without a key it reads whole, in any order: after is nil, the chunk is
	// the last, and more rows than limit are an error that says so.
	Scan(ctx context.Context, table string, after []row.Value, limit int) (Chunk, error)
	// Fetch reads the rows with the given keys as they stand now; a key without
	// a row is left out. Where the rows are large it may look for some of the keys
	// alone, at least for one, and name the others in Chunk.Unread. It needs a
	// running Stream to deliver its fence.
	Fetch(ctx context.Context, table string, keys [][]row.Value) (Chunk, error)
	// Ack says that everything up to position is durably logged.
	Ack(ctx context.Context, position Position) error
	// Close releases everything.
	Close() error
}

// Position is where a tap resumes. Only the tap that made it reads it.
type Position []byte

// Config is a tap's own section of the configuration.
type Config struct {
	// Settings is the section as JSON; the tap defines and checks its fields.
	// It names files of secrets and never holds a secret itself.
	Settings json.RawMessage
	// Tables are the tables to tap, by the names that Table.Name will have.
	Tables []string
}

// Description says what a tap is.
type Description struct {
	Name      string // such as "mysql"
	Version   string
	Assurance Assurance
	// Schema is a JSON Schema of Config.Settings.
	Schema json.RawMessage
	// Scan and Fetch say which optional calls the tap serves.
	Scan, Fetch bool
	// Survey says that the tap is a Surveyor.
	Survey bool
	// BeforeImages says that updates and deletes carry the row as it was.
	BeforeImages bool
	// ColumnsTold says that Moved tells each column that comes, goes or gets
	// another name by what the source's stream shows. A table that has or lacks a
	// column otherwise was changed unrecorded.
	ColumnsTold bool
}

// Table describes a table of the source as it stands from some event on. It is
// never changed after it was handed over: another shape is another Table.
type Table struct {
	Name    string // as the configuration names it
	Columns []row.Column
	Key     []int // indexes into Columns, in key order; empty if nothing names a row
	// Refused says why the table cannot be covered, with the mend; empty if it
	// can. A refused table has no changes and no rows.
	Refused string
	// Notes are truths that an operator should know: cascades that change rows
	// unseen, columns left out and why.
	Notes []string
	// EstimatedRows is about how many rows the table has; 0 if unknown. Tables
	// and Survey alone tell it.
	EstimatedRows uint64
	// References are the foreign keys by which the source changes rows of this
	// table when rows of another one change, without telling changes of them. A
	// host keeps those last told beside its position: a stream that resumes tells
	// them again when it comes to a statement that changes them.
	References []Reference
}

// Keyless reports whether the table is covered though no key names its rows.
func (t *Table) Keyless() bool { return t.Refused == "" && len(t.Key) == 0 }

// KeyOf returns the key's cells of a row of the table.
func (t *Table) KeyOf(cells []row.Value) []row.Value {
	key := make([]row.Value, len(t.Key))
	for i, c := range t.Key {
		key[i] = cells[c]
	}
	return key
}

// A Reference is a foreign key of a table. A row refers to the row of the other
// table that has the same cells in the columns Of; one with a null among its
// own refers to none.
type Reference struct {
	Name    string   // what the source calls it
	Columns []string // of this table
	Table   string   // the other table, as the configuration would name it
	Of      []string // that table's columns, one for each of Columns
	// OnDelete and OnUpdate say what becomes of the rows of this table when the
	// row that they refer to is deleted, or gets other cells in Of.
	OnDelete, OnUpdate Action
}

// Action is what a source does to rows that refer to one that goes or changes.
type Action uint8

// The actions.
const (
	NoAction Action = 0 // nothing: the other row cannot go or change
	Cascade  Action = 1 // they go, or change, with it
	SetNull  Action = 2 // they refer to none from then on
)

// Following says whether references to a row were followed when it changed.
type Following uint8

// The ways of following.
const (
	NotFollowed Following = 0
	// Followed says that rows which refer to this one changed with it, as their
	// tables' References last told say, after all that was delivered before.
	Followed Following = 1
	// MaybeFollowed says that they may have: the tap is behind, and tells
	// references that may not have been there yet.
	MaybeFollowed Following = 2
)

// Op is what happened to a row.
type Op uint8

// The operations of a change.
const (
	Insert Op = 1
	Update Op = 2 // the key may change with it
	Delete Op = 3
	// Put is what a LastVersion tap says of a row that is there now; whether it
	// is new is for the log to know.
	Put Op = 4
)

// Change is one row change.
type Change struct {
	Table *Table
	Op    Op
	// Before is the row as it was: of Update and Delete, nil where the source
	// does not tell.
	Before []row.Value
	// After is the row as it is: of Insert, Update and Put.
	After []row.Value
	// Key names the row of a Delete without Before.
	Key []row.Value
	// EventID is the source's own name of this change, unique in its history:
	// a transaction id and the change's number in it.
	EventID string
	// Time is the source's own time of the change; zero if it has none.
	Time time.Time
	// Followed is of an Update or Delete with Before.
	Followed Following
}

// Commit ends a transaction: everything since the last Commit belongs to it.
// A Commit without changes reports progress.
type Commit struct {
	Position Position
	Time     time.Time
}

// Fence says that the stream has delivered everything that the Scan or Fetch
// of this id could have seen. It never stands inside a transaction.
type Fence struct {
	ID       uint64
	Position Position
}

// Gap says that changes may be missing before this point. Tables names those
// concerned; none means all. It never stands inside a transaction.
type Gap struct {
	Position Position
	Tables   []string
	Reason   string // for a person: what happened and what was lost
}

// SchemaChange says that a table has another shape from here on, or is gone
// (Refused says so), or that rows of it went with the statement.
type SchemaChange struct {
	Position Position
	Table    *Table
	// Rewritten says that existing rows may have changed with it without changes
	// of their own, in other ways than Removed and Moved tell.
	Rewritten bool
	Statement string // what the source calls it, without values
	// Removed says which rows went, nil if none did. Where it is not of all rows and
	// Rewritten is set too, rows may have come in their place, or come back.
	Removed *Removal
	// Moved lists the columns that have another name since, are gone or are new.
	// They are read all at once: two columns may swap names.
	Moved []Moved
}

// A Removal is of all rows of a table, or of those that have one of some values
// in a column of the key.
type Removal struct {
	All    bool
	Column string
	// Values and Ranges are of integers, dates, datetimes or timestamps.
	Values []row.Value
	Ranges []Range
}

// A Range is of the values from From on and below To; null stands for no bound.
type Range struct{ From, To row.Value }

// Moved is a column that got the name To, is gone if To is empty, or is new if
// From is empty. With neither name, columns may be new, or gone, that the tap cannot
// name.
type Moved struct {
	From, To string
	// Holds is of a new column: what each row that was there before holds in it by
	// the statement; nil if the tap does not know exactly.
	Holds *row.Value
}

// Detach gives a change memory of its own.
func (c *Change) Detach() {
	for _, cells := range []*[]row.Value{&c.Before, &c.After, &c.Key} {
		*cells = slices.Clone(*cells)
		row.Detach(*cells)
	}
}

// Sink takes a stream's events in order. A call blocks while the host is not
// ready (back-pressure) and returns an error once the stream must end; Stream
// returns that error. The cells of a Change are the tap's again when the call
// returns: a sink that keeps them calls Detach before.
type Sink interface {
	Change(Change) error
	Commit(Commit) error
	Fence(Fence) error
	Gap(Gap) error
	Schema(SchemaChange) error
}

// Row is one row as it was read.
type Row struct {
	Cells []row.Value // one per column of the chunk's table
}

// Chunk is what Scan or Fetch read, from one consistent view of the table.
type Chunk struct {
	Table *Table
	Rows  []Row
	// Last says that no row of the table follows (Scan).
	Last bool
	// Unread are those of the keys that were not looked for (Fetch): nothing is
	// known of their rows.
	Unread [][]row.Value
	// Fence is the id that the stream will deliver.
	Fence uint64
}
