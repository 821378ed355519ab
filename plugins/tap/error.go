package tap

import (
	"errors"
	"strings"
)

// Errors that the host acts upon. A tap wraps them.
var (
	// ErrPosition: the position is not one that this tap can resume from (not
	// its own, or the source has no such history). The host records a gap and
	// starts from now, then scans. Prefer to deliver a Gap event yourself.
	ErrPosition = errors.New("cannot resume from this position")
	// ErrBusy: the source is too busy to scan now; the host waits and retries.
	ErrBusy = errors.New("source is busy")
	// ErrTable: the table is unknown or refused.
	ErrTable = errors.New("no such table")
	// ErrNotServed: the tap does not serve this optional call.
	ErrNotServed = errors.New("call not served by this tap")
)

// Errors of the connection to a tap that runs as a process of its own.
var (
	// ErrConnection: the connection broke; the tap ended or was killed. The
	// host relaunches it and streams from the last logged position.
	ErrConnection = errors.New("connection to the tap is lost")
	// ErrProtocol: the tap was built for another version of this contract.
	// Nothing but an update of the tap or of this program helps.
	ErrProtocol = errors.New("tap speaks another protocol version")
)

// ContractError says that a tap did not keep to the contract of this package,
// so that nothing it delivered after its last Commit can be trusted. It names
// the rule, and never a value.
type ContractError struct {
	Thing  string // the event or call concerned
	Reason string // which rule is broken
}

// Error names thing, rule and mend.
func (e *ContractError) Error() string {
	return "tap breaks its contract: " + e.Thing + ": " + e.Reason +
		"; update the tap, or send this line to its author, who finds the case with `emrbchain tap test`"
}

// A Problem is one thing that keeps a tap from working.
type Problem struct {
	Thing  string // what is concerned: a grant, a setting, a file, a table
	Reason string // what is wrong with it
	Mend   string // what to do, as SQL or a command where there is one
}

// SetupError is what Open found missing. No field holds a row value, a key or
// a password.
type SetupError struct {
	Problems []Problem
}

// Error lists all problems, one per line.
func (e *SetupError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Thing + ": " + p.Reason)
		if p.Mend != "" {
			b.WriteString("; " + p.Mend)
		}
	}
	return b.String()
}

// NewSetupError returns a SetupError of one problem.
func NewSetupError(thing, reason, mend string) *SetupError {
	return &SetupError{Problems: []Problem{{Thing: thing, Reason: reason, Mend: mend}}}
}
