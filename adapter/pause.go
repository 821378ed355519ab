package adapter

import (
	"context"
	"net/http"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
)

// Pause keeps rows of the source from being read, for a time or until Resume.
func (s *Sidecar) Pause(ctx context.Context, lasts time.Duration) (*api.Pause, error) {
	p, err := s.ingest.Pause(ctx, lasts)
	return describePause(p), err
}

// Resume has the source read again.
func (s *Sidecar) Resume(context.Context) (*api.Resumed, error) {
	p, err := s.ingest.Resume()
	if err != nil {
		return nil, err
	}
	return &api.Resumed{Ended: describePause(p)}, nil
}

func describePause(p *ingest.Pause) *api.Pause {
	if p == nil {
		return nil
	}
	out := &api.Pause{Since: p.Since.UTC(), ReadsInWork: p.Reads}
	if !p.Until.IsZero() {
		until := p.Until.UTC()
		out.Until = &until
	}
	return out
}

// refuseWhilePaused refuses what must read the source, so that who asks need not
// wait for the end of a pause.
func (s *Sidecar) refuseWhilePaused() error {
	p := s.ingest.Paused()
	if p == nil {
		return nil
	}
	until := "until it is resumed"
	if !p.Until.IsZero() {
		until = "until " + p.Until.UTC().Format(time.RFC3339)
	}
	return api.NewProblem(http.StatusServiceUnavailable, "reading of the source is paused "+until,
		"ask again then, or end the pause: emrbchain resume")
}
