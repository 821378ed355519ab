package recordlog

import (
	"bytes"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/journal"

	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// tornFixture is a log before and after one batch, as crashes would leave it.
type tornFixture struct {
	o             Options
	before, after *history
	dir           string // after the batch
	ack           []byte // the file ACK before the batch
	journal       string // name of the index's journal
	start, end    int    // of the batch in the journal
}

func newTornFixture(t *testing.T) *tornFixture {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	h, err := h.update(l, 0)
	must(t, err)
	f := &tornFixture{o: o, before: h}
	names, err := journals(indexPath(dir))
	must(t, err)
	f.journal = filepath.Join("index.db", names[len(names)-1])
	f.ack, err = os.ReadFile(ackPath(dir))
	must(t, err)
	f.start = fileSize(t, filepath.Join(dir, f.journal))
	// Large states make the batch's record span blocks of the journal.
	f.after, err = f.before.padded(l, 80_000)
	must(t, err)
	f.end = fileSize(t, filepath.Join(dir, f.journal))
	f.dir = copyDir(t, dir)
	return f
}

// padded runs batch 1 with a named state of so many bytes.
func (h *history) padded(l *Log, bytesOfState int) (*history, error) {
	after := &history{maker: h.maker, model: h.model.clone()}
	return after, l.Update(func(b *Batch) error {
		value := bytes.Repeat([]byte("state "), bytesOfState/6)
		b.Set("padding", value)
		after.model.named["padding"] = value
		return after.batch(1)(b)
	})
}

func fileSize(t *testing.T, path string) int {
	info, err := os.Stat(path)
	must(t, err)
	return int(info.Size())
}

// places samples the batch's bytes in the journal, its first and last all.
func (f *tornFixture) places() (at []int) {
	step, edge := 7919, 8
	if testing.Short() {
		step, edge = 30_000, 1
	}
	for i := f.start; i < f.end; i++ {
		if i < f.start+edge || i >= f.end-edge || (i-f.start)%step == 0 {
			at = append(at, i)
		}
	}
	return at
}

// TestTornJournalEndIsCutBackToTheLastBatch has the journal's last record torn
// at many places: not acknowledged, it is dropped whole.
func TestTornJournalEndIsCutBackToTheLastBatch(t *testing.T) {
	f := newTornFixture(t)
	for _, at := range f.places() {
		for _, spoil := range []func(path string){
			func(path string) { must(t, os.Truncate(path, int64(at))) },
			func(path string) { zero(t, path, at, f.end) },
		} {
			dir := copyDir(t, f.dir)
			must(t, os.WriteFile(ackPath(dir), f.ack, 0o600))
			spoil(filepath.Join(dir, f.journal))
			readOnly := f.o
			readOnly.ReadOnly = true
			l := openTestLog(t, dir, readOnly)
			if err := errors.Join(f.before.model.differs(l)); err != nil || errors.Is(l.Err(), ErrCorrupt) {
				t.Fatalf("read-only, journal spoilt at %d of %d…%d: %v, %v", at, f.start, f.end, err, l.Err())
			}
			closeLog(t, l)
			reopenEither(t, dir, f.o, f.before, f.before)
		}
	}
}

// TestTornJournalEndThatWasAcknowledgedIsDamage is the same with the batch
// acknowledged.
func TestTornJournalEndThatWasAcknowledgedIsDamage(t *testing.T) {
	f := newTornFixture(t)
	for _, at := range f.places() {
		dir := copyDir(t, f.dir)
		must(t, os.Truncate(filepath.Join(dir, f.journal), int64(at)))
		if _, err := Open(dir, f.o); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d of %d…%d: open says %v", at, f.start, f.end, err)
		}
		if at == f.start {
			continue // the journal itself is whole then
		}
		if got := fileSize(t, filepath.Join(dir, f.journal)); got != at {
			t.Fatalf("cut at %d: open changed the journal to %d bytes", at, got)
		}
	}
}

// TestDamagedJournalIsNotTakenForATornEnd spoils a record that another one
// follows, with ACK lagging as after a power cut: the later one shows that it
// was acknowledged.
func TestDamagedJournalIsNotTakenForATornEnd(t *testing.T) {
	f := newTornFixture(t)
	dir := copyDir(t, f.dir)
	root, err := merkle.Root(0, nil)
	must(t, err)
	seed := crc32.Checksum([]byte(testOrigin), castagnoli)
	must(t, os.WriteFile(ackPath(dir), newAck(seed, &state{root: root}), 0o600))
	path := filepath.Join(dir, f.journal)
	flip(t, path, f.start-10)
	if _, err := Open(dir, f.o); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Fatalf("open: %v", err)
	}
	if got := fileSize(t, path); got != f.end {
		t.Fatalf("open cut the journal to %d bytes", got)
	}
}

// TestScanJournalAgreesWithTheWriter compares the scan with goleveldb's own
// writer, and each prefix of a journal with the records that end in it.
func TestScanJournalAgreesWithTheWriter(t *testing.T) {
	var b bytes.Buffer
	w := journal.NewWriter(&b)
	var records [][]byte
	var ends []int
	for _, n := range []int{1, 100, 32_600, 40, 16, 32761, 100_000, 5, 32 << 10, 7} {
		record := bytes.Repeat([]byte{byte(n)}, n)
		r, err := w.Next()
		must(t, err)
		_, err = r.Write(record)
		must(t, errors.Join(err, w.Flush()))
		records, ends = append(records, record), append(ends, b.Len())
	}
	for cut := 0; cut <= b.Len(); cut++ {
		near := slices.ContainsFunc(ends, func(end int) bool { return cut > end-9 && cut < end+9 })
		if !near && cut%101 != 0 && cut%(32<<10) > 9 {
			continue
		}
		var got [][]byte
		end, err := scanJournal(bytes.NewReader(b.Bytes()[:cut]), func(record []byte) error {
			got = append(got, bytes.Clone(record))
			return nil
		})
		must(t, err)
		whole := 0
		for whole < len(ends) && ends[whole] <= cut {
			whole++
		}
		if len(got) != whole || end.later || whole > 0 && !bytes.Equal(got[whole-1], records[whole-1]) {
			t.Fatalf("cut at %d: %d records, want %d; %+v", cut, len(got), whole, end)
		}
		if end.torn() == (cut == 0 || whole > 0 && ends[whole-1] == cut) {
			t.Fatalf("cut at %d: %+v", cut, end)
		}
	}
}

// TestScanJournalSeesRecordsAfterDamage spoils one record: the later ones show
// that it is no torn end.
func TestScanJournalSeesRecordsAfterDamage(t *testing.T) {
	var b bytes.Buffer
	w := journal.NewWriter(&b)
	for _, n := range []int{10, 500, 70_000, 300} {
		r, err := w.Next()
		must(t, err)
		_, err = r.Write(bytes.Repeat([]byte{byte(n)}, n))
		must(t, errors.Join(err, w.Flush()))
	}
	last := b.Len() - 307
	for at := 0; at < b.Len(); at += 61 {
		spoilt := bytes.Clone(b.Bytes())
		spoilt[at] ^= 4
		end, err := scanJournal(bytes.NewReader(spoilt), func([]byte) error { return nil })
		must(t, err)
		if end.later != (at < last) || !end.torn() {
			t.Fatalf("bit flipped at %d, last record at %d: %+v", at, last, end)
		}
	}
}
