package mysql

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// Events that wait between the connection and the stream are bounded in number
// and bytes: each takes one place per block that it has begun, a larger one than
// all places takes them all.
const (
	queuePlaces = 64
	queueBlock  = 64 << 10
)

// A follower is one connection that reads the binary log.
type follower struct {
	syncer *replication.BinlogSyncer
	events chan *replication.BinlogEvent
	places chan struct{} // holds a token per place that is taken
	failed chan error
	ended  chan struct{}
	closed context.Context
	close  context.CancelFunc
}

// HandleEvent hands an event to the stream; it blocks while the stream is busy,
// so that the server's own buffers hold the rest.
func (f *follower) HandleEvent(event *replication.BinlogEvent) error {
	for range places(event) {
		select {
		case f.places <- struct{}{}:
		case <-f.closed.Done():
			return f.closed.Err()
		}
	}
	f.events <- event // never blocks: each event in it has a place
	return nil
}

// done says that an event was handled.
func (f *follower) done(event *replication.BinlogEvent) {
	for range places(event) {
		<-f.places
	}
}

func places(event *replication.BinlogEvent) int {
	return min(1+len(event.RawData)/queueBlock, queuePlaces)
}

// follow connects and begins to read behind the given GTIDs or, where place is
// not zero, from that place in the log's files on.
func (t *Tap) follow(ctx context.Context, from gtidSet, place logPoint) (*follower, error) {
	f := &follower{events: make(chan *replication.BinlogEvent, queuePlaces), places: make(chan struct{}, queuePlaces),
		failed: make(chan error, 1), ended: make(chan struct{})}
	f.closed, f.close = context.WithCancel(ctx)
	streamer, err := f.start(syncerConfig(t.settings, t.dialect, f), from, place)
	if err != nil {
		close(f.ended)
		f.end()
		return nil, err
	}
	go func() {
		defer close(f.ended)
		// With a synchronous handler the streamer carries the end alone.
		_, err := streamer.GetEvent(f.closed)
		f.failed <- err
	}()
	return f, nil
}

// start sends the server the point to read from. Of MariaDB it is a session
// variable of our own, so that the library keeps no GTID set beside ours.
func (f *follower) start(config replication.BinlogSyncerConfig, from gtidSet, place logPoint) (*replication.BinlogStreamer, error) {
	start := mysql.Position{Pos: 4}
	switch _, isMySQL := from.(mysqlSet); {
	case place != (logPoint{}):
		start = mysql.Position{Name: place.file, Pos: uint32(place.offset)}
	case isMySQL:
		set, err := mysql.ParseMysqlGTIDSet(from.String())
		if err != nil {
			return nil, err
		}
		f.syncer = replication.NewBinlogSyncer(config)
		return f.syncer.StartSyncGTID(set)
	default:
		config.Option = func(c *client.Conn) error {
			_, err := c.Execute("SET @slave_connect_state='" + from.String() + "', @slave_gtid_strict_mode=1")
			return err
		}
	}
	f.syncer = replication.NewBinlogSyncer(config)
	return f.syncer.StartSync(start)
}

// end closes the connection and waits for its goroutines.
func (f *follower) end() {
	f.close()
	if f.syncer != nil {
		f.syncer.Close()
	}
	<-f.ended
}

// Server errors of the binary log's sender.
const (
	errorLogLost   = 1236 // purged, unknown GTID, reset: all have this number
	errorReaderCut = 4052 // another reader came with our server_id
)

// A historyError says that the server's log does not continue where the tap
// stopped: what lies between is lost.
type historyError struct {
	reason string
	// unfound says that the server does not find the GTIDs in its log.
	unfound bool
}

func (e *historyError) Error() string { return e.reason }

// followError explains why the log can no longer be read.
func followError(settings *settings, err error) error {
	var e *mysql.MyError
	if !errors.As(err, &e) {
		return fmt.Errorf("follow binary log: %w", err)
	}
	switch e.Code {
	case errorLogLost:
		return &historyError{unfound: true, reason: "the server cannot continue from the last position: " + e.Message +
			"; if GTIDs of MariaDB are out of order: SET GLOBAL gtid_strict_mode=1, then FLUSH BINARY LOGS"}
	case errorReaderCut:
		return fmt.Errorf("follow binary log: another reader uses server_id %d: give each its own: %w", settings.ServerID, err)
	}
	return fmt.Errorf("follow binary log: %w", err)
}
