package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// progress is how often a stream of changes to other tables tells how far it is.
const progress = time.Second

// A stream is one run of Tap.Stream.
type stream struct {
	tap  *Tap
	sink tap.Sink
	at   *position
	// point is the place in the log's files that was read last; unlike the
	// position it means something on this server alone.
	point logPoint
	// unverified is set after a resume until the last transaction was read
	// again and found to be the same.
	unverified bool
	passedOver bool // transactions after the position were read meanwhile
	fresh      bool // nothing was read since the stream was set to now
	// place is where the log is read from by its files, zero while GTIDs do.
	place   logPoint
	unfound string // why the log is read by its files
	read    bool   // a transaction was read since the log was opened
	open    transaction
	digest  *digester
	memory  memory
	held    map[xid]*heldXA   // prepared and not resolved
	tables  map[string]string // configured names by their name in the log
	known   map[string]*definition
	told    map[string]*tap.Table // the last shape that the sink was given
	covered map[string]*tap.Table // the last one that was not refused
	// unsure holds, of the tables whose references were read while the stream ran,
	// where the server was by then: until the stream is there, they may not have
	// been in force.
	unsure     map[string]gtidSet
	shapes     map[string]*shape    // by the bytes of their table map
	mapped     map[uint64]*shape    // by the log's table id; nil for other tables
	outsiders  map[uint64]*outsider // by the log's table id; nil for most
	checksum   int                  // bytes of checksum at the end of each event
	lastCommit time.Time
	moved      bool // transactions without changes since the last Commit
}

// Stream implements tap.Tap.
func (t *Tap) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	s := &stream{tap: t, sink: sink, tables: make(map[string]string), held: make(map[xid]*heldXA)}
	for _, name := range t.tables {
		s.tables[t.fold(name)] = name
	}
	if err := s.learn(ctx); err != nil {
		return err
	}
	err := s.resume(ctx, from)
	if err == nil {
		s.digest, err = newDigester(s.at.digest)
	}
	for err == nil {
		err = s.goOn(ctx, s.run(ctx))
	}
	err = errors.Join(err, s.forgetHeld())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// goOn returns nil if the log can be opened again after it failed.
func (s *stream) goOn(ctx context.Context, failed error) error {
	var lost *historyError
	switch {
	case errors.Is(failed, errOverlap):
		return nil
	case !errors.As(failed, &lost):
		return failed
	case !s.read && s.forgetPrepared():
		return nil
	case lost.unfound && s.takePlace(lost.reason):
		return nil
	case s.fresh:
		// A log that is lost again before anything was read of it will be lost
		// next time too.
		return failed
	}
	if s.unfound != "" {
		return s.skip(ctx, s.unfound)
	}
	return s.skip(ctx, lost.reason)
}

// fold returns a table's name as the server compares it.
func (t *Tap) fold(name string) string {
	if t.folded {
		return strings.ToLower(name)
	}
	return name
}

// learn reads all definitions as they stand now.
func (s *stream) learn(ctx context.Context) error {
	s.known, s.unsure = make(map[string]*definition), make(map[string]gtidSet)
	s.told, s.covered = make(map[string]*tap.Table), make(map[string]*tap.Table)
	for _, name := range s.tap.tables {
		d, err := readDefinition(ctx, s.tap.db, s.tap.dialect, name)
		if err != nil {
			return err
		}
		s.known[name] = d
		s.setTold(s.tap.shapes.intern(d.table()))
	}
	by, err := s.tap.dialect.executedNow(ctx, s.tap.db)
	for _, d := range s.known {
		d.readBy(by)
	}
	return err
}

// run reads the log from where the stream is until that fails.
func (s *stream) run(ctx context.Context) (err error) {
	s.shapes, s.mapped, s.open = make(map[string]*shape), make(map[uint64]*shape), transaction{}
	s.outsiders = make(map[uint64]*outsider)
	s.point, s.read, s.passedOver = logPoint{}, false, false
	s.tap.fences.unknown()
	defer func() { err = errors.Join(err, s.open.rows.clear()) }()
	f, err := s.tap.follow(ctx, s.from(), s.place)
	if err != nil {
		return followError(s.tap.settings, err)
	}
	defer f.end()
	for {
		if err := s.passFences(); err != nil {
			return err
		}
		select {
		case event := <-f.events:
			err = s.handle(ctx, event)
			f.done(event)
		case <-s.tap.fences.changed:
		case err = <-f.failed:
			return s.drain(ctx, f, err)
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// drain handles the events that arrived before the connection failed, so that
// no transaction that is here is asked for again.
func (s *stream) drain(ctx context.Context, f *follower, failed error) error {
	for {
		select {
		case event := <-f.events:
			err := s.handle(ctx, event)
			f.done(event)
			if err != nil {
				return err
			}
		default:
			return followError(s.tap.settings, failed)
		}
	}
}

// handle takes one event of the log.
func (s *stream) handle(ctx context.Context, event *replication.BinlogEvent) error {
	switch e := event.Event.(type) {
	case *replication.RotateEvent:
		s.point = logPoint{file: string(e.NextLogName), offset: e.Position}
		return nil
	case *replication.HeartbeatEvent:
		return s.heartbeat(event, e)
	case *replication.MariadbGTIDEvent:
		return s.beginMariaDB(ctx, event, e)
	case *replication.GTIDEvent:
		return s.beginMySQL(ctx, event, e)
	case *replication.GtidTaggedLogEvent:
		return s.beginMySQL(ctx, event, &e.GTIDEvent)
	case *replication.TransactionPayloadEvent:
		return s.expand(ctx, e)
	case *replication.FormatDescriptionEvent:
		s.checksum = 0
		if e.ChecksumAlgorithm == replication.BINLOG_CHECKSUM_ALG_CRC32 {
			s.checksum = replication.BinlogChecksumLength
		}
		return s.other(ctx, event)
	case *replication.TableMapEvent:
		return s.mapTable(ctx, event, e)
	case *replication.RowsEvent:
		return s.addRows(event, e)
	case *replication.QueryEvent:
		return s.query(ctx, event, e)
	case *replication.XIDEvent:
		return s.end(ctx, event)
	case *replication.ExecuteLoadQueryEvent:
		s.open.gap("LOAD DATA ran as a statement, so its rows were not logged")
	default:
		return s.other(ctx, event)
	}
	return nil
}

// begin opens a transaction at its GTID event.
func (s *stream) begin(ctx context.Context, event *replication.BinlogEvent, g gtid) error {
	if err := s.abandon(ctx, event); err != nil {
		return err
	}
	s.open.begin(g, s.digest)
	s.open.start = s.point
	if event.Header.LogPos != 0 {
		s.open.start.offset = uint64(event.Header.LogPos - event.Header.EventSize)
	}
	s.open.skipped = s.unverified && !s.wanted(g)
	s.fresh, s.read = false, true
	return nil
}

func (s *stream) beginMariaDB(ctx context.Context, event *replication.BinlogEvent, e *replication.MariadbGTIDEvent) error {
	xa, err := parseXAGroup(event, e, s.checksum)
	if err != nil {
		return err
	}
	g := gtid{domain: e.GTID.DomainID, server: e.GTID.ServerID, sequence: e.GTID.SequenceNumber}
	if err := s.begin(ctx, event, g); err != nil {
		return err
	}
	s.open.xa, s.open.standalone = xa, e.IsStandalone()
	s.open.undone = alters(event, e) && !xa.prepared && !xa.completed
	return nil
}

// abandon ends a transaction whose end the tap did not recognise, and says so.
func (s *stream) abandon(ctx context.Context, event *replication.BinlogEvent) error {
	if !s.open.open() {
		return nil
	}
	if err := s.open.rows.clear(); err != nil {
		return err
	}
	s.open.gap("a transaction ended in a way that the tap does not know")
	return s.end(ctx, event)
}

func (s *stream) other(ctx context.Context, event *replication.BinlogEvent) error {
	switch event.Header.EventType {
	case replication.XA_PREPARE_LOG_EVENT:
		if err := s.open.preparedBy(event, s.checksum); err != nil {
			return err
		}
		return s.end(ctx, event)
	case replication.INCIDENT_EVENT:
		s.open.gap("the server reports that its own log lost events")
	}
	s.reach(event.Header)
	return nil
}

// reach notes how far in its file the stream is, outside transactions.
func (s *stream) reach(header *replication.EventHeader) {
	if !s.open.open() && uint64(header.LogPos) > s.point.offset {
		s.point.offset = uint64(header.LogPos)
	}
}

// heartbeat comes when the server has nothing more to send.
func (s *stream) heartbeat(event *replication.BinlogEvent, e *replication.HeartbeatEvent) error {
	if s.open.open() || s.unverified {
		return nil
	}
	if e.Filename != "" && e.Filename != s.point.file {
		s.point = logPoint{file: e.Filename}
	}
	s.reach(event.Header)
	return s.reportProgress(eventTime(event.Header))
}

// body returns what a table map or row event says of its table and rows: what
// stands behind the table id and before the checksum, which covers the event's
// place in the log and so differs each time.
func (s *stream) body(event *replication.BinlogEvent) []byte {
	const tableID = 6
	return event.RawData[replication.EventHeaderSize+tableID : len(event.RawData)-s.checksum]
}

// mapTable finds the shape of the rows that follow.
func (s *stream) mapTable(ctx context.Context, event *replication.BinlogEvent, e *replication.TableMapEvent) error {
	body := s.body(event)
	s.open.hash(event.Header, body)
	name, tapped := s.tables[s.tap.fold(string(e.Schema)+"."+string(e.Table))]
	if !tapped {
		s.mapped[e.TableID] = nil
		var err error
		s.outsiders[e.TableID], err = s.outside(string(e.Schema)+"."+string(e.Table), body)
		return err
	}
	if known := s.shapes[string(body)]; known != nil {
		s.mapped[e.TableID] = known
		return nil
	}
	made, err := s.makeShape(ctx, name, body)
	if err != nil {
		return err
	}
	s.shapes[string(body)], s.mapped[e.TableID] = made, made
	return nil
}

// makeShape makes a shape from the definition known; where that does not agree
// with the log, from the one in force now.
func (s *stream) makeShape(ctx context.Context, name string, body []byte) (*shape, error) {
	m, err := s.tap.dialect.parseTableMap(body)
	if err != nil {
		return nil, err
	}
	made := makeShape(m, s.known[name], s.tap.charsets)
	if !made.exact {
		d, err := s.define(ctx, name)
		if err != nil {
			return nil, err
		}
		made = makeShape(m, d, s.tap.charsets)
	}
	made.table = s.tap.shapes.intern(made.table)
	return made, nil
}

func (s *stream) addRows(event *replication.BinlogEvent, e *replication.RowsEvent) error {
	s.open.hash(event.Header, s.body(event))
	mapped := s.mapped[e.TableID]
	if o := s.outsiders[e.TableID]; mapped == nil && o != nil && !s.open.skipped {
		s.addOutside(o, event, e)
		return nil
	}
	if mapped == nil || s.open.skipped || s.uncovered(mapped.table) {
		return nil
	}
	if err := s.open.addRows(mapped, event, e); err != nil {
		return fmt.Errorf("read row event of table %s: %w", mapped.table.Name, err)
	}
	if s.open.rows.memory > rowMemory {
		return s.open.rows.spill(s.tap.settings.SpillDirectory)
	}
	return nil
}

// uncovered reports whether the sink knows that a table is refused. A table that
// is gone by now was covered when its rows were written.
func (s *stream) uncovered(t *tap.Table) bool {
	return t.Refused != "" && s.told[t.Name].Refused != "" && !s.known[t.Name].missing
}

// query takes a statement of the log: an end of a transaction, or something
// that may change tables or rows without row events.
func (s *stream) query(ctx context.Context, event *replication.BinlogEvent, e *replication.QueryEvent) error {
	s.open.hash(event.Header, e.Schema, e.Query)
	statement := parseStatement(e.Schema, e.Query, readMode(e.StatusVars, s.tap.charsets))
	statement.temporary = event.Header.Flags&temporaryFlag != 0
	switch statement.class {
	case statementCommit:
		return s.end(ctx, event)
	case statementRollback:
		if err := s.open.rollback(); err != nil {
			return err
		}
		return s.end(ctx, event)
	case statementSavepoint:
		s.open.setSavepoint(statement)
	case statementRollbackTo:
		if err := s.open.rollbackTo(statement); err != nil {
			return err
		}
	case statementBegin:
		s.open.standalone = false
	case statementXACommit, statementXARollback:
		s.open.completedBy(e.Query)
		if err := s.complete(statement.class == statementXACommit); err != nil {
			return err
		}
	case statementTemporary:
		s.shadow(statement)
	case statementRows:
		s.open.gap("a statement changed rows that were not logged (a session's binlog_format)")
	case statementTable, statementDatabase, statementIndex:
		if s.open.undone {
			break
		}
		s.open.statements = append(s.open.statements, statement)
	}
	if s.open.standalone {
		return s.end(ctx, event)
	}
	return nil
}

// rollback drops the rows of a transaction that the log says was rolled back.
// It is logged at all because something in it could not be undone.
func (x *transaction) rollback() error {
	if names := x.rows.tables(); len(names) > 0 {
		x.gap("a transaction was rolled back in part", names...)
	}
	return x.rows.clear()
}
