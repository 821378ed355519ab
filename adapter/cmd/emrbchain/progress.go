package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// barWidth is how many characters a bar has between its brackets.
const barWidth = 10

// progressText writes how far the reading of a table has come, as far as that is
// known.
func progressText(p *api.Progress) string {
	var b strings.Builder
	if p.AboutRows > 0 {
		done := p.Percent * barWidth / 100
		fmt.Fprintf(&b, "[%s%s] %d %%  %s of about ", strings.Repeat("#", done), strings.Repeat(".", barWidth-done),
			p.Percent, thousands(p.Rows))
		b.WriteString(count(p.AboutRows, "row"))
	} else {
		b.WriteString(count(p.Rows, "row"))
	}
	if p.RowsPerSecond > 0 {
		fmt.Fprintf(&b, ", %s rows/s", thousands(p.RowsPerSecond))
	}
	if p.SecondsLeft > 0 {
		fmt.Fprintf(&b, ", %s left", span(time.Duration(p.SecondsLeft)*time.Second))
	}
	return b.String()
}

// A line of a terminal that is written again and again: a long one is cut at the
// edge, since one that wraps could not be cleared.
const (
	clearLine = "\r\x1b[K"
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
)

// showProgress shows the progress of an audit where standard error is a terminal,
// until the function that it returns is called.
func showProgress(command *cobra.Command, status func(context.Context) (*api.Status, error)) (stop func()) {
	terminal, ok := command.ErrOrStderr().(*os.File)
	if !ok || !isatty.IsTerminal(terminal.Fd()) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(command.Context())
	var group sync.WaitGroup
	group.Go(func() { watchAudit(ctx, terminal, status) })
	return func() {
		cancel()
		group.Wait()
	}
}

// watchAudit writes how far an audit is, each second until ctx ends, and clears the
// line then.
func watchAudit(ctx context.Context, terminal io.Writer, status func(context.Context) (*api.Status, error)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprint(terminal, clearLine)
			return
		case <-ticker.C:
		}
		if s, err := status(ctx); err == nil {
			fmt.Fprint(terminal, clearLine+wrapOff+auditLine(s)+wrapOn)
		}
	}
}

// auditLine tells how far a running audit is.
func auditLine(s *api.Status) string {
	var line string
	if p := s.Audit.Progress; p != nil {
		line = "table " + shown(p.Table) + ": " + progressText(p)
	}
	if s.Source.Paused != nil {
		line = "PAUSED" + pauseEnd(s.Source.Paused) + "; emrbchain resume ends it  " + line
	}
	return line
}
