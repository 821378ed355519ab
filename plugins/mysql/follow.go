package mysql

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// queued is how many events wait between the connection and the stream.
const queued = 64

// A follower is one connection that reads the binary log.
type follower struct {
	syncer *replication.BinlogSyncer
	events chan *replication.BinlogEvent
	failed chan error
	ended  chan struct{}
	closed context.Context
	close  context.CancelFunc
}

// HandleEvent hands an event to the stream; it blocks while the stream is busy,
// so that the server's own buffers hold the rest.
func (f *follower) HandleEvent(event *replication.BinlogEvent) error {
	select {
	case f.events <- event:
		return nil
	case <-f.closed.Done():
		return f.closed.Err()
	}
}

// follow connects and begins to read behind the given point.
func (t *Tap) follow(ctx context.Context, from gtidSet) (*follower, error) {
	f := &follower{events: make(chan *replication.BinlogEvent, queued), failed: make(chan error, 1), ended: make(chan struct{})}
	f.closed, f.close = context.WithCancel(ctx)
	f.syncer = replication.NewBinlogSyncer(syncerConfig(t.settings, from, f))
	streamer, err := f.syncer.StartSync(mysql.Position{Pos: 4})
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

// end closes the connection and waits for its goroutines.
func (f *follower) end() {
	f.close()
	f.syncer.Close()
	<-f.ended
}

// Server errors of the binary log's sender.
const (
	errorLogLost   = 1236 // purged, unknown GTID, reset: all have this number
	errorReaderCut = 4052 // another reader came with our server_id
)

// A historyError says that the server's log does not continue where the tap
// stopped: what lies between is lost.
type historyError struct{ reason string }

func (e *historyError) Error() string { return e.reason }

// followError explains why the log can no longer be read.
func followError(settings *settings, err error) error {
	var e *mysql.MyError
	if !errors.As(err, &e) {
		return fmt.Errorf("follow binary log: %w", err)
	}
	switch e.Code {
	case errorLogLost:
		return &historyError{reason: "the server cannot continue from the last position: " + e.Message}
	case errorReaderCut:
		return fmt.Errorf("follow binary log: another reader uses server_id %d: give each its own: %w", settings.ServerID, err)
	}
	return fmt.Errorf("follow binary log: %w", err)
}
