package host

import (
	"errors"
	"fmt"
)

// Why a tap does not run. An *Error wraps one of these, tap.ErrProtocol or a
// *tap.ContractError.
var (
	// ErrManifest: the manifest cannot be read, or is not one.
	ErrManifest = errors.New("bad manifest")
	// ErrChecksum: a file is not the one that the manifest names.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrStart: the process cannot be started, or nothing listens on the socket.
	ErrStart = errors.New("tap does not start")
	// ErrStartTimeout: the tap started and said nothing in time.
	ErrStartTimeout = errors.New("tap does not answer at start")
	// ErrExited: the tap's process ended.
	ErrExited = errors.New("tap ended")
	// ErrHung: the tap stopped answering and was killed.
	ErrHung = errors.New("tap hangs")
	// ErrClosed: the host closed the tap.
	ErrClosed = errors.New("tap is closed")
)

// Error says which tap does not run, why, and what to do. It holds nothing
// that the tap printed: that is in the log alone.
type Error struct {
	Tap    string
	Reason string
	Mend   string
	Err    error // the kind of failure
}

// Error names thing, reason and mend.
func (e *Error) Error() string {
	return fmt.Sprintf("tap %s: %s; %s", e.Tap, e.Reason, e.Mend)
}

// Unwrap returns the kind of failure.
func (e *Error) Unwrap() error { return e.Err }

func (o Options) fail(kind error, reason, mend string) *Error {
	return &Error{Tap: o.Name, Reason: reason, Mend: mend, Err: kind}
}
