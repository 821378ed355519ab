package recordlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Backlog returns how many committed leaves the last anchor does not cover.
func (l *Log) Backlog() (uint64, error) {
	anchored, _, err := l.lastAnchor()
	if err != nil {
		return 0, l.noteCorrupt(err)
	}
	return l.Size() - anchored, nil
}

// DiskUse returns the bytes that the log's files hold, and the bytes that their
// file system has free.
func (l *Log) DiskUse() (used, free uint64, err error) {
	err = filepath.WalkDir(l.dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the index drops files as it compacts
		} else if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		used += uint64(info.Size())
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("add up record log: %w", err)
	}
	if free, _, err = l.disk.space(l.dir); err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", err)
	}
	return used, free, nil
}

// VersionBytes is about what one row version takes on disk, index and tree
// included: a digest per column, and what a row of any width takes. A test
// measures it.
func VersionBytes(columns, keyBytes int) uint64 {
	return uint64(200 + 34*columns + 2*keyBytes)
}
