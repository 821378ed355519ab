package recordlog

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/syndtr/goleveldb/leveldb/opt"
)

// A crash tears at most the end of the newest journal (a batch that nobody was
// told of) or of the manifest (a change of tables whose inputs are all still
// there). Those ends are cut off; any other damage is an error.

// prepareIndex makes the index fit to be opened strictly, and returns the
// options to open it with.
func (l *Log) prepareIndex(acknowledged uint64) (*opt.Options, error) {
	o := indexOptions(l.options.ReadOnly, l.options.buffer)
	if err := l.prepareManifest(o); err != nil {
		return nil, err
	}
	names, err := journals(l.index.path)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		path := filepath.Join(l.index.path, name)
		end, err := l.scanFile(path, func([]byte) error { return nil })
		if err != nil {
			return nil, err
		}
		if !end.torn() {
			continue
		}
		if end.later || i < len(names)-1 {
			return nil, &CorruptError{File: path, Offset: end.good, Reason: "journal is damaged before its end"}
		}
		if err := l.cutJournal(path, end, acknowledged, o); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// journals lists the index's journals in order.
func journals(path string) ([]string, error) {
	all, err := os.ReadDir(path)
	if err != nil {
		return nil, &CorruptError{File: path, Offset: -1, Reason: "index cannot be listed", Err: err}
	}
	var names []string
	for _, e := range all {
		if strings.HasSuffix(e.Name(), ".log") {
			names = append(names, e.Name())
		}
	}
	// Numbers have six digits and more, so the shorter name is the older.
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return names, nil
}

func (l *Log) scanFile(path string, fn func([]byte) error) (journalEnd, error) {
	f, err := os.Open(path)
	if err != nil {
		return journalEnd{}, &CorruptError{File: path, Offset: -1, Reason: "file cannot be opened", Err: err}
	}
	defer f.Close()
	end, err := scanJournal(f, fn)
	if err != nil {
		return end, &CorruptError{File: path, Offset: end.good, Reason: "file cannot be read", Err: err}
	}
	return end, nil
}

// cutJournal cuts the torn end off the newest journal, once it is certain that
// no acknowledged batch stands there.
func (l *Log) cutJournal(path string, end journalEnd, acknowledged uint64, o *opt.Options) error {
	loose := indexOptions(true, l.options.buffer)
	loose.Strict &^= opt.StrictJournal | opt.StrictManifest
	x, err := openIndex(l.dir, loose)
	if err != nil {
		return err
	}
	s, err := x.loadState()
	if closeErr := x.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if s.batch < acknowledged {
		return &CorruptError{File: path, Offset: end.good,
			Reason: fmt.Sprintf("journal is damaged where batch %d was acknowledged", s.batch+1)}
	}
	if l.options.ReadOnly {
		o.Strict &^= opt.StrictJournal
		return nil
	}
	return l.cutEnd(path, end)
}

// cutEnd removes the torn end of a journal or manifest for good.
func (l *Log) cutEnd(path string, end journalEnd) error {
	l.options.Logger.Warn().Str("file", path).Int64("offset", end.good).Int64("bytes", end.size-end.good).
		Msg("record log cut torn end")
	f, err := l.disk.open(path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("open journal to cut: %w", err)
	}
	defer f.Close()
	if err := f.Truncate(end.good); err != nil {
		return fmt.Errorf("cut journal: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync cut journal: %w", err)
	}
	return nil
}

// prepareManifest cuts the torn end off the manifest and checks that the
// journal which it goes on from is there: goleveldb takes a missing one as
// empty. If a record that took effect were cut off, the journal or a table
// that the one before names would be gone.
func (l *Log) prepareManifest(o *opt.Options) error {
	current, err := os.ReadFile(filepath.Join(l.index.path, "CURRENT"))
	name := strings.TrimSuffix(string(current), "\n")
	if err != nil || !strings.HasPrefix(name, "MANIFEST-") {
		return &CorruptError{File: filepath.Join(l.index.path, "CURRENT"), Offset: -1, Reason: "file names no manifest", Err: err}
	}
	path := filepath.Join(l.index.path, filepath.Base(name))
	journal := uint64(0)
	end, err := l.scanFile(path, func(record []byte) error {
		if n, ok := manifestJournal(record); ok {
			journal = n
		}
		return nil
	})
	if err != nil {
		return err
	}
	if end.later {
		return &CorruptError{File: path, Offset: end.good, Reason: "manifest is damaged before its end"}
	}
	needed := filepath.Join(l.index.path, fmt.Sprintf("%06d.log", journal))
	if _, err := os.Stat(needed); err != nil {
		return &CorruptError{File: needed, Offset: -1, Reason: "journal that the manifest names cannot be read", Err: err}
	}
	if !end.torn() {
		return nil
	}
	if l.options.ReadOnly {
		o.Strict &^= opt.StrictManifest
		return nil
	}
	return l.cutEnd(path, end)
}

// Fields of a manifest record: a tag each, then numbers and byte strings.
const (
	manifestComparer   = 1 // string
	manifestJournalNum = 2 // number
	manifestNextFile   = 3 // number
	manifestSequence   = 4 // number
	manifestCompactPtr = 5 // number, string
	manifestDelTable   = 6 // number, number
	manifestAddTable   = 7 // number, number, number, string, string
	manifestPrevious   = 9 // number
)

// manifestForms says what follows each tag: n a number, s a byte string.
func manifestForm(tag uint64) string {
	switch tag {
	case manifestComparer:
		return "s"
	case manifestJournalNum, manifestNextFile, manifestSequence, manifestPrevious:
		return "n"
	case manifestCompactPtr:
		return "ns"
	case manifestDelTable:
		return "nn"
	case manifestAddTable:
		return "nnnss"
	}
	return ""
}

// manifestJournal returns the journal number that a manifest record sets.
func manifestJournal(record []byte) (journal uint64, ok bool) {
	for len(record) > 0 {
		tag, n := binary.Uvarint(record)
		form := manifestForm(tag)
		if n <= 0 || form == "" {
			return journal, ok
		}
		record = record[n:]
		for _, kind := range form {
			v, n := binary.Uvarint(record)
			if n <= 0 || kind == 's' && v > uint64(len(record)-n) {
				return journal, ok
			}
			if record = record[n:]; kind == 's' {
				record = record[v:]
			}
			if tag == manifestJournalNum {
				journal, ok = v, true
			}
		}
	}
	return journal, ok
}
