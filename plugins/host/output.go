package host

import (
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rs/zerolog"
)

const (
	// maxLine bounds a line of a tap's output in the log, in bytes.
	maxLine = 2 << 10
	// A tap may print burstLines at once and then linesPerSecond: enough for a
	// stack trace, and less than 50 kB/s of log whatever it does.
	burstLines     = 200
	linesPerSecond = 20
)

// output brings what a tap prints into the log, line by line, and drops what
// is too long or too much, saying how much that was.
type output struct {
	logger zerolog.Logger
	clock  Clock

	mu      sync.Mutex
	tokens  float64 // lines that may be logged now
	filled  time.Time
	dropped int
}

func newOutput(logger zerolog.Logger, clock Clock) *output {
	return &output{logger: logger, clock: clock, tokens: burstLines, filled: clock.Now()}
}

// stream returns the writer of one of the tap's streams.
func (o *output) stream(name string) io.Writer { return &lineWriter{output: o, name: name} }

func (o *output) line(stream, text string, cut bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock.Now()
	o.tokens = min(burstLines, o.tokens+now.Sub(o.filled).Seconds()*linesPerSecond)
	o.filled = now
	if o.tokens < 1 {
		o.dropped++
		return
	}
	o.tokens--
	o.reportDropped()
	event := o.logger.Info().Str("stream", stream).Str("line", printable(text))
	if cut {
		event = event.Bool("cut", true)
	}
	event.Msg("tap output")
}

// reportDropped says how many lines were lost. The caller holds mu.
func (o *output) reportDropped() {
	if o.dropped == 0 {
		return
	}
	o.logger.Warn().Int("lines", o.dropped).Msg("tap output dropped: too much at once")
	o.dropped = 0
}

// flush reports what was dropped last; the tap has ended.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reportDropped()
}

// printable keeps a tap from steering the terminal of who reads the log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// lineWriter cuts a stream into lines.
type lineWriter struct {
	output *output
	name   string

	mu   sync.Mutex
	line []byte
	cut  bool
}

// Write implements io.Writer; it never fails.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range b {
		switch {
		case c == '\n':
			w.end()
		case len(w.line) < maxLine:
			w.line = append(w.line, c)
		default:
			w.cut = true
		}
	}
	return len(b), nil
}

func (w *lineWriter) end() {
	if len(w.line) > 0 {
		w.output.line(w.name, string(w.line), w.cut)
	}
	w.line, w.cut = w.line[:0], false
}
