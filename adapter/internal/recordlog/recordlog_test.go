package recordlog

import (
	"testing"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

func TestSmoke(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	m := newMaker(3)
	for i := range 5 {
		if err := l.Update(func(b *Batch) error {
			for n := range int64(10) {
				op := commit.Insert
				if i > 0 {
					op = commit.Update
				}
				if _, err := m.add(b, patient(n), "visits", intKey(n-5), op); err != nil {
					return err
				}
			}
			_, err := b.AppendEvent(commit.Audit, []byte("x"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Check(t.Context(), 0, l.Size()); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	l = openTestLog(t, dir, o)
	if err := l.Check(t.Context(), 0, l.Size()); err != nil {
		t.Fatal(err)
	}
	if err := l.Heads(t.Context(), "visits", func(key []byte, h Head) error { t.Logf("%x %+v", key, h); return nil }); err != nil {
		t.Fatal(err)
	}
}
