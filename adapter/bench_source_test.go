package adapter_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// visits is a table of 20 columns and about 500 bytes a row.
const visits = `CREATE TABLE emr.visits (id BIGINT PRIMARY KEY, patient_id INT, doctor_id INT, ward VARCHAR(40),
	admitted DATETIME(3), discharged DATETIME, born DATE, name VARCHAR(80), address VARCHAR(120), phone VARCHAR(40),
	insurer VARCHAR(60), diagnosis VARCHAR(16), weight DECIMAL(6,2), height DECIMAL(5,2), temperature DECIMAL(4,1),
	pulse SMALLINT, note TEXT CHARACTER SET latin1, plan TEXT, changed_by VARCHAR(40), changed_at TIMESTAMP)`

// visit inserts the rows of the ids that a subquery gives as seq: ten of each
// patient, one after the other.
const visit = `INSERT INTO emr.visits SELECT seq, seq DIV 10, seq % 40, 'Surgery, second floor',
	'2026-03-04 05:06:07.125', '2026-03-09 10:11:12', '1961-07-08', CONCAT('Patient number ', seq DIV 10),
	CONCAT(seq % 200, ' Long Street, Lower Village, 4711'), '+49 30 4711 0815', 'General Health Insurance', 'S72.0',
	71.25, 168.5, 36.8, 60 + seq % 40, CONCAT(REPEAT('slept well, no pain, wound dry; ', 4), seq),
	REPEAT('mobilise, continue medication; ', 3), CONCAT('nurse ', seq % 25), '2026-03-04 06:00:00' FROM `

// visitsSource is a MariaDB server with the table visits and an account for the tap. It
// is not durable, so that filling it takes no longer than it must: only reads
// are measured.
type visitsSource struct {
	b        *testing.B
	server   *mariadbtest.Server
	settings json.RawMessage
}

func newVisitsSource(b *testing.B) *visitsSource {
	s := mariadbtest.Start(b, mariadbtest.Options{Args: []string{"--innodb-buffer-pool-size=512M"}})
	s.Exec(`CREATE DATABASE emr CHARACTER SET utf8mb4`, visits, `CREATE USER tap@'127.0.0.1'`,
		`GRANT REPLICATION SLAVE ON *.* TO tap@'127.0.0.1'`, `GRANT SELECT ON emr.* TO tap@'127.0.0.1'`)
	settings := fmt.Appendf(nil, `{"host":"127.0.0.1","port":%d,"user":"tap","accept_not_durable":true}`, s.Port())
	return &visitsSource{b: b, server: s, settings: settings}
}

// fill inserts the rows 1 … n in transactions of a size.
func (e *visitsSource) fill(n, size int) {
	e.b.Helper()
	if size > 1 {
		for from := 1; from <= n; from += size {
			e.server.Exec(fmt.Sprintf("%s emr.seq_%d_to_%d", visit, from, min(n, from+size-1)))
		}
		return
	}
	const writers = 4
	var group sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		group.Go(func() {
			for id := w + 1; id <= n && errs[w] == nil; id += writers {
				_, errs[w] = e.server.Admin().Exec(fmt.Sprintf("%s (SELECT %d AS seq) one", visit, id))
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		noError(e.b, err)
	}
}

// position is the end of the binary log.
func (e *visitsSource) position() gomysql.Position {
	var file, doDB, ignoreDB string
	var offset uint32
	noError(e.b, e.server.Admin().QueryRow("SHOW MASTER STATUS").Scan(&file, &offset, &doDB, &ignoreDB))
	return gomysql.Position{Name: file, Pos: offset}
}

// replica reads the binary log from a position on by BinlogSyncer, the library
// under the tap, until stop is called.
func (e *visitsSource) replica(from gomysql.Position) (streamer *replication.BinlogStreamer, stop func()) {
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 4711, Flavor: gomysql.MariaDBFlavor,
		Host: "127.0.0.1", Port: uint16(e.server.Port()), User: "tap", Logger: slog.New(slog.DiscardHandler)})
	streamer, err := syncer.StartSync(from)
	noError(e.b, err)
	return streamer, syncer.Close
}

// bareRead reads a part of the binary log, which has so many row images, and
// drops it.
func (e *visitsSource) bareRead(from, to gomysql.Position, images int) {
	streamer, stop := e.replica(from)
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for read, at := 0, from; at.Compare(to) < 0; {
		event, err := streamer.GetEvent(ctx)
		noError(e.b, err)
		switch event := event.Event.(type) {
		case *replication.RotateEvent:
			at = gomysql.Position{Name: string(event.NextLogName), Pos: uint32(event.Position)}
		case *replication.RowsEvent:
			read += len(event.Rows)
		}
		if event.Header.LogPos > 0 {
			at.Pos = event.Header.LogPos
		}
		if at.Compare(to) >= 0 && read != images {
			e.b.Fatalf("the bare read saw %d row images of %d", read, images)
		}
	}
}

// open returns an open tap in this process.
func (e *visitsSource) open() tap.Tap {
	t := mysql.New()
	e.openTap(t)
	return t
}

// launch runs the tap as a process of its own.
func (e *visitsSource) launch(b *testing.B) tap.Tap {
	h, err := host.Launch(context.Background(), host.Options{Name: "emr", Logger: zerolog.Nop(),
		Command: []string{sidecartest.Program(b), "tap", "mysql"}})
	noError(b, err)
	t := h.Tap()
	e.openTap(t)
	return t
}

func (e *visitsSource) openTap(t tap.Tap) {
	noError(e.b, t.Open(context.Background(), tap.Config{Settings: e.settings, Tables: []string{"emr.visits"}}))
}

// visitsLog is a record log with its key, and an ingest into it.
type visitsLog struct {
	b        *testing.B
	dir      string
	wrapping *keys.Wrapping
	log      *recordlog.Log
	ingest   *ingest.Ingest
}

func newVisitsLog(b *testing.B) *visitsLog {
	wrapping, err := keys.NewWrapping(rand.Reader)
	noError(b, err)
	s := &visitsLog{b: b, dir: filepath.Join(b.TempDir(), "log"), wrapping: wrapping}
	origin := merkle.Origin("bench-chain", "00112233445566778899aabbccddeeff", 0)
	noError(b, recordlog.Create(s.dir, origin, recordlog.Options{Wrapping: wrapping}))
	s.open()
	return s
}

func (s *visitsLog) open() {
	var err error
	s.log, err = recordlog.Open(s.dir, recordlog.Options{Wrapping: s.wrapping, Logger: zerolog.Nop()})
	noError(s.b, err)
	s.ingest, err = ingest.New(s.log, ingest.Options{Mappings: []rows.Mapping{{Table: "emr.visits", Patient: "patient_id"}}, Logger: zerolog.Nop()})
	noError(s.b, err)
}

// close closes the log.
func (s *visitsLog) close() { noError(s.b, s.log.Close()) }

// copied opens a copy of a store that is closed.
func (s *visitsLog) copied() *visitsLog {
	c := &visitsLog{b: s.b, dir: filepath.Join(s.b.TempDir(), "log"), wrapping: s.wrapping}
	noError(s.b, os.CopyFS(c.dir, os.DirFS(s.dir)))
	c.open()
	return c
}

// attach ingests from a tap until detach is called.
func (s *visitsLog) attach(t tap.Tap) (detach func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.ingest.Run(ctx, t) }()
	return func() {
		cancel()
		<-done // it ended because it was told to
	}
}

// settled waits until the table is taken in.
func (s *visitsLog) settled() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c, err := s.ingest.Settle(ctx, "emr.visits")
	noError(s.b, err)
	if c.Since == 0 {
		s.b.Fatalf("the table is not taken in: %+v", c)
	}
}

// logged waits until the log has so many leaves.
func (s *visitsLog) logged(size uint64) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(5 * time.Minute)
	for s.log.Size() < size {
		select {
		case <-ticker.C:
		case <-deadline:
			s.b.Fatalf("the log has %d leaves, waiting for %d", s.log.Size(), size)
		}
	}
}
