package recordlog

import (
	"errors"
	"fmt"
)

// Errors that a caller acts upon.
var (
	// ErrExists: Create found a log. Open it instead.
	ErrExists = errors.New("directory already holds a record log")
	// ErrNoLog: Open found no log. Create one.
	ErrNoLog = errors.New("directory holds no record log")
	// ErrLocked: another process has the log open. There is nothing to retry
	// until it ends.
	ErrLocked = errors.New("record log is in use")
	// ErrFull: the file system has no room. The batch was dropped whole; retry
	// it after space was made.
	ErrFull = errors.New("file system is full")
	// ErrReadOnly: the log takes no batches until it is opened again: it was
	// opened read-only, damage was found, or the outcome of a write is unknown.
	ErrReadOnly = errors.New("record log is read-only")
	// ErrCorrupt: what is on disk is not what was written. The wrapping
	// *CorruptError says where. Alarm; never retry.
	ErrCorrupt = errors.New("record log is damaged")
	// ErrKeyLost: an owner's key is gone or cannot be opened, so its versions
	// cannot be opened either.
	ErrKeyLost = errors.New("owner key is lost")
	// ErrNoLeaf: the log has no such leaf yet.
	ErrNoLeaf = errors.New("no such leaf")
	// ErrEntry: the caller's entry is not one that may be appended. A defect of
	// the caller; the batch is to be dropped.
	ErrEntry = errors.New("entry refused")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("record log is closed")
)

// CorruptError says where a log is damaged. It matches ErrCorrupt.
type CorruptError struct {
	File   string
	Offset int64 // in File; -1 where the damage has no one place
	Reason string
	Err    error // what a layer below said, or nil
}

// Error names the file, the place, the reason and the mend.
func (e *CorruptError) Error() string {
	at := ""
	if e.Offset >= 0 {
		at = fmt.Sprintf(" at byte %d", e.Offset)
	}
	why := e.Reason
	if e.Err != nil {
		why += ": " + e.Err.Error()
	}
	return fmt.Sprintf("%v: %s%s: %s; keep the directory as it is and restore the log from its replica or backup",
		ErrCorrupt, e.File, at, why)
}

// Is reports whether target is ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap returns what a layer below said.
func (e *CorruptError) Unwrap() error { return e.Err }

func noLeaf(index, size uint64) error {
	return fmt.Errorf("%w: %d, the log has %d", ErrNoLeaf, index, size)
}

// noteCorrupt turns the log read-only if err tells of damage, and returns err.
func (l *Log) noteCorrupt(err error) error {
	if errors.Is(err, ErrCorrupt) {
		l.stop(err)
	}
	return err
}

// stop makes the log read-only; the first reason stays.
func (l *Log) stop(reason error) {
	t := &trouble{fmt.Errorf("%w: %w", ErrReadOnly, reason)}
	if l.trouble.CompareAndSwap(nil, t) {
		l.options.Logger.Error().Err(reason).Str("directory", l.dir).Msg("record log read-only")
	}
}
