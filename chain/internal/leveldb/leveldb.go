// Package leveldb opens goleveldb stores so that damage is refused instead of
// passed over.
//
// goleveldb's defaults skip a journal record that is damaged and go on with the
// next: the store opens, with a hole in it. Its strict flags refuse that, but
// also refuse what every crash may leave, a last record cut short. So Check
// reads the journals beforehand and tells the two apart: a damaged end is what
// a crash leaves, and nothing that was synced is lost with it; a good record
// after a damaged one is a hole.
package leveldb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/syndtr/goleveldb/leveldb/journal"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// ErrDamaged says that a store's journal or manifest has a hole. The store must
// not be used: restore it, or remove it if it can be built anew.
var ErrDamaged = errors.New("store is damaged")

// Options returns the options to open a store with after Check.
func Options() *opt.Options {
	return &opt.Options{Strict: opt.StrictJournalChecksum | opt.StrictBlockChecksum |
		opt.StrictCompaction | opt.StrictReader}
}

// Check reads the journals and manifests of the store in a directory. It
// returns nil for a store that is not there yet, and ErrDamaged for one with a
// hole.
func Check(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read store: %w", err)
	}
	ended := ""
	for _, e := range entries { // sorted by name, hence by number
		switch {
		case strings.HasPrefix(e.Name(), "MANIFEST-"):
			if _, err := check(dir, e.Name(), ""); err != nil {
				return err
			}
		case strings.HasSuffix(e.Name(), ".log"):
			if ended, err = check(dir, e.Name(), ended); err != nil {
				return err
			}
		}
	}
	return nil
}

// check reads one file of records. ended is the file in which the records
// before it ended in damage, or empty; the result is the same for what follows.
func check(dir, name, ended string) (string, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("read store: %w", err)
	}
	defer f.Close()
	drops := new(drops)
	r := journal.NewReader(f, drops, false, true)
	for {
		whole, err := next(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read store: %s: %w", name, err)
		}
		if whole && drops.reason != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrDamaged, name, drops.reason)
		}
		if whole && ended != "" {
			return "", fmt.Errorf("%w: %s ends in a damaged record and %s follows it", ErrDamaged, ended, name)
		}
	}
	if drops.reason != nil {
		ended = name
	}
	return ended, nil
}

// next reads one record and says whether it is whole.
func next(r *journal.Reader) (bool, error) {
	record, err := r.Next()
	if err != nil {
		return false, err
	}
	_, err = io.Copy(io.Discard, record)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return err == nil, err
}

// drops keeps why the first record was dropped.
type drops struct{ reason error }

// Drop implements journal.Dropper.
func (d *drops) Drop(err error) {
	if d.reason == nil {
		d.reason = err
	}
}
