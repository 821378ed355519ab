package ingest

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// takenPrefix begins the names of the states that hold how many rows a table's
// snapshot has read, from its start, over restarts.
const takenPrefix = "ingest/taken/"

// Reading tells how far the table has come that is taken in or verified now, nil
// if none is.
func (i *Ingest) Reading() *sweep.Progress { return i.meter.Progress() }

// About returns about how many rows a table has that was taken in: as many as the
// last audit read, or the snapshot, or as the source believes. It is 0 if nobody
// knows.
func (i *Ingest) About(table string) (uint64, error) {
	if rows, err := findings.RowsRead(i.log, table); err != nil || rows > 0 {
		return rows, err
	}
	if rows, err := i.taken(table); err != nil || rows > 0 {
		return rows, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.session == nil {
		return 0, nil
	}
	return i.session.estimates[table], nil
}

// taken returns how many rows the snapshot of a table has read.
func (i *Ingest) taken(table string) (uint64, error) {
	value, err := i.log.Get(takenPrefix + table)
	if err != nil || value == nil {
		return 0, err
	}
	return parseTaken(value)
}

func parseTaken(value []byte) (uint64, error) {
	r := dcbor.NewReader(value)
	rows := r.Uint()
	if err := r.Done(); err != nil {
		return 0, fmt.Errorf("read how many rows were taken in: %w", err)
	}
	return rows, nil
}

// addTaken counts the rows of a snapshot's chunk.
func addTaken(b *recordlog.Batch, table string, first bool, rows int) error {
	var before uint64
	if !first {
		value, err := b.Get(takenPrefix + table)
		if err != nil {
			return err
		}
		if value != nil {
			if before, err = parseTaken(value); err != nil {
				return err
			}
		}
	}
	b.Set(takenPrefix+table, dcbor.AppendUint(nil, before+uint64(rows)))
	return nil
}

// measure begins to measure a snapshot, which may go on from where an earlier one
// stopped.
func (s *session) measure(table string) error {
	s.mu.Lock()
	goesOn := len(s.states[table].After) > 0
	s.mu.Unlock()
	var before uint64
	if goesOn {
		var err error
		if before, err = s.taken(table); err != nil {
			return err
		}
	}
	s.meter.Begin(table, before, s.estimates[table])
	return nil
}
