package adapter

import (
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
)

// measure takes what an audit tells of its progress.
func (s *Sidecar) measure(table string, rows uint64) {
	if rows > 0 {
		s.meter.Read(rows)
		return
	}
	about, err := s.ingest.About(table)
	if err != nil {
		s.options.Logger.Debug().Str("event", "rows not estimated").Err(err).Msg("the audit's progress lacks a time")
	}
	s.meter.Begin(table, 0, about)
}

// describeProgress leaves out the rate while reading is paused.
func (s *Sidecar) describeProgress(p *sweep.Progress) *api.Progress {
	if p == nil {
		return nil
	}
	out := &api.Progress{Table: p.Table, Rows: p.Rows, AboutRows: p.About, Percent: p.Percent}
	if s.ingest.Paused() == nil {
		out.RowsPerSecond, out.SecondsLeft = uint64(p.Rate), uint64(p.Left.Seconds())
	}
	return out
}
