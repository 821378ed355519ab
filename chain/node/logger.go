package node

import (
	"fmt"

	"github.com/cometbft/cometbft/libs/log"
	"github.com/rs/zerolog"
)

// consensusFailure is how CometBFT says that its consensus ended in a panic. It
// says so in its log and nowhere else, and the rest of the node lives on.
const consensusFailure = "CONSENSUS FAILURE!!!"

// logger gives CometBFT a zerolog logger as the kind that it knows.
type logger struct {
	to     zerolog.Logger
	failed func() // called when consensus has failed
	module string
}

func newLogger(to zerolog.Logger, failed func()) log.Logger {
	return logger{to: to, failed: failed}
}

// Debug implements log.Logger.
func (l logger) Debug(msg string, keyvals ...any) { write(l.to.Debug(), msg, keyvals) }

// Info implements log.Logger. CometBFT tells each step of each block as info.
func (l logger) Info(msg string, keyvals ...any) { write(l.to.Debug(), msg, keyvals) }

// Error implements log.Logger. What the network says when peers come and go is
// no error of this node.
func (l logger) Error(msg string, keyvals ...any) {
	if msg == consensusFailure {
		defer l.failed()
	}
	e := l.to.Error()
	if l.module == "p2p" || l.module == "blocksync" || l.module == "pex" {
		e = l.to.Debug()
	}
	write(e, msg, keyvals)
}

// With implements log.Logger.
func (l logger) With(keyvals ...any) log.Logger {
	c := l.to.With()
	for i := 0; i+1 < len(keyvals); i += 2 {
		key := fmt.Sprint(keyvals[i])
		if module, ok := keyvals[i+1].(string); ok && key == "module" {
			l.module = module
		}
		c = c.Interface(key, keyvals[i+1])
	}
	l.to = c.Logger()
	return l
}

// write adds the pairs only when the line will be written: CometBFT's values
// are costly to print.
func write(e *zerolog.Event, msg string, keyvals []any) {
	if !e.Enabled() {
		return
	}
	for i := 0; i+1 < len(keyvals); i += 2 {
		key := fmt.Sprint(keyvals[i])
		switch v := keyvals[i+1].(type) {
		case error:
			e = e.AnErr(key, v)
		case fmt.Stringer:
			e = e.Stringer(key, v)
		case []byte:
			e = e.Hex(key, v)
		default:
			e = e.Interface(key, v)
		}
	}
	e.Msg(msg)
}
