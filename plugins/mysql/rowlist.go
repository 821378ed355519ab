package mysql

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

const (
	// rowMemory bounds the memory of the row events of the open transaction, and
	// that of all XA transactions that are held; what exceeds it goes to a file.
	rowMemory = 16 << 20
	// rowOverhead is what a row event costs beside its bytes.
	rowOverhead = 128
)

// A rowEvent is a row event of a tapped table, not decoded yet.
type rowEvent struct {
	shape *shape
	op    tap.Op
	body  []byte
	time  time.Time
	// unchecked says that foreign keys were not followed (foreign_key_checks=0).
	unchecked bool
}

// A rowList holds the row events of one transaction in their order: those that
// were spilled to a file first, then those in memory.
type rowList struct {
	events []rowEvent
	memory int      // bytes that events hold
	shapes []*shape // each once, in the order in which they came
	file   *spillFile
	count  int      // of the events that were added
	undone []undone // in their order; none overlap
}

// An undone is the events from a number on, before another, that the session
// took back. Those of tables without transactions stay.
type undone struct{ from, before int }

func (l *rowList) empty() bool { return len(l.shapes) == 0 }

// add appends an event.
func (l *rowList) add(r rowEvent) {
	if !slices.Contains(l.shapes, r.shape) {
		l.shapes = append(l.shapes, r.shape)
	}
	l.events = append(l.events, r)
	l.count++
	l.memory += len(r.body) + rowOverhead
}

// spill moves the events in memory to a file in the given directory.
func (l *rowList) spill(directory string) (err error) {
	if l.file == nil {
		if l.file, err = newSpillFile(directory); err != nil {
			return spillError(directory, err)
		}
	}
	for i := range l.events {
		r := &l.events[i]
		if err := l.file.write(slices.Index(l.shapes, r.shape), r); err != nil {
			return spillError(directory, err)
		}
	}
	if err := l.file.flush(); err != nil {
		return spillError(directory, err)
	}
	l.forgetEvents()
	return nil
}

// spillError says what to do about a directory that takes no more.
func spillError(directory string, err error) error {
	return fmt.Errorf("keep a large transaction in directory %s: %w: make room there for the largest transaction, "+
		"or name another directory in the setting spill_directory", directory, err)
}

// undo takes back the events from a number on, counted from 0.
func (l *rowList) undo(from int) {
	for n := len(l.undone); n > 0 && l.undone[n-1].from >= from; n-- {
		l.undone = l.undone[:n-1]
	}
	l.undone = append(l.undone, undone{from, l.count})
}

// each calls f with the events that were not undone, in order. An event that f
// was called with may be kept, its bytes are not used again.
func (l *rowList) each(f func(*rowEvent) error) error {
	number, left := -1, l.undone
	valid := func(r *rowEvent) error {
		number++
		for len(left) > 0 && left[0].before <= number {
			left = left[1:]
		}
		if len(left) > 0 && left[0].from <= number && !r.shape.lasting {
			return nil
		}
		return f(r)
	}
	if l.file != nil {
		if err := l.file.each(l.shapes, valid); err != nil {
			return err
		}
	}
	for i := range l.events {
		if err := valid(&l.events[i]); err != nil {
			return err
		}
		l.events[i].body = nil
	}
	return nil
}

// clear forgets all events. It keeps the memory for the next ones.
func (l *rowList) clear() error {
	l.forgetEvents()
	l.shapes, l.undone, l.count = l.shapes[:0], l.undone[:0], 0
	if l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	if err := file.close(); err != nil {
		return fmt.Errorf("close the file of a large transaction: %w", err)
	}
	return nil
}

func (l *rowList) forgetEvents() {
	clear(l.events)
	l.events, l.memory = l.events[:0], 0
	if cap(l.events)*rowOverhead > rowMemory/4 {
		l.events = nil
	}
}

// tables returns the names of the tables that the events are of.
func (l *rowList) tables() []string {
	var names []string
	for _, s := range l.shapes {
		if !slices.Contains(names, s.table.Name) {
			names = append(names, s.table.Name)
		}
	}
	return names
}

// checkSpillDirectory tries the directory out.
func checkSpillDirectory(directory string) error {
	file, err := newSpillFile(directory)
	if err == nil {
		err = errors.Join(file.write(0, &rowEvent{}), file.flush(), file.close())
	}
	if err == nil {
		return nil
	}
	return tap.NewSetupError("settings: spill_directory "+strconv.Quote(directory), fileReason(err),
		"name a directory that the tap may write to, with room for the largest transaction")
}
