package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// untilSignal returns a context that ends at SIGTERM or SIGINT. A second signal
// then ends the process at once.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// notify tells systemd a state, where it runs the process and asked to be told.
func notify(state string) {
	_, _ = daemon.SdNotify(false, state) // without systemd there is nobody to tell
}

// watchdog tells systemd, while ctx lasts, that the process is alive, and then
// that it is stopping.
func watchdog(ctx context.Context) {
	defer notify(daemon.SdNotifyStopping)
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil || limit <= 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(limit / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			notify(daemon.SdNotifyWatchdog)
		}
	}
}

// newLogger returns a logger of a level and format that were checked.
func newLogger(out io.Writer, level, format string) zerolog.Logger {
	if format == "console" {
		out = zerolog.ConsoleWriter{Out: out, NoColor: true, TimeFormat: time.RFC3339}
	}
	parsed, err := zerolog.ParseLevel(level)
	if err != nil {
		parsed = zerolog.InfoLevel
	}
	return zerolog.New(out).Level(parsed).With().Timestamp().Logger()
}
