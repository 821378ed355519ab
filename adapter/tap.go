package adapter

import (
	"context"
	"errors"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// runTap keeps the tap running and its changes coming in. A tap that cannot
// start or go on is started again, later and later. A store that may take
// batches again once it is opened anew ends the sidecar, for a service manager
// to start it again; a damaged one keeps it up, to say so.
func (s *Sidecar) runTap(ctx context.Context) error {
	source := s.config.Source
	tables := make([]string, len(source.Tables))
	for i, t := range source.Tables {
		tables[i] = t.Name
	}
	err := s.supervisor.Run(ctx, func(ctx context.Context, t tap.Tap) error {
		if err := t.Open(ctx, tap.Config{Settings: source.Settings, Tables: tables}); err != nil {
			s.options.Logger.Error().Str("event", "tap not open").Err(err).Msg("the source cannot be tapped")
			return err
		}
		s.options.Logger.Info().Str("event", "tap open").Str("tap", t.Describe().Name).Msg("the source is tapped")
		err := s.ingest.Run(ctx, t)
		if errors.Is(err, recordlog.ErrReadOnly) {
			return host.Permanent(err)
		}
		return err
	})
	if ctx.Err() == nil && errors.Is(err, recordlog.ErrCorrupt) && !errors.Is(err, recordlog.ErrFull) {
		s.options.Logger.Error().Str("event", "tapping halted").Err(err).Msg("the store is damaged; the source is not tapped any more")
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// hostOptions say how the configured tap is run: attached to, launched from
// its manifest, or launched from this program.
func (s *Sidecar) hostOptions() host.Options {
	source := s.config.Source
	o := host.Options{Name: source.Name, Logger: s.options.Logger, Socket: source.Socket, Manifest: source.Manifest}
	if o.Name == "" {
		o.Name = source.Tap
	}
	if source.Socket == "" && source.Manifest == "" {
		o.Command = append(slices.Clone(s.options.BuiltIn), source.Tap)
	}
	return o
}
