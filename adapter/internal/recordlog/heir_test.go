package recordlog

import (
	"errors"
	"fmt"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// ownerOf returns the number of a patient's owner, to be used from now on.
func ownerOf(t *testing.T, l *Log, n int64) (id uint64) {
	t.Helper()
	must(t, l.Update(func(b *Batch) (err error) {
		id, _, err = b.Owner(patient(n))
		return err
	}))
	return id
}

func lost(l *Log, id uint64) bool {
	_, err := l.OwnerKey(id)
	return errors.Is(err, ErrKeyLost)
}

// TestDestroyedKeysStayGone: the caches, a second opening and a wrapped key that
// somebody puts back do not bring one back, and its name goes on under another.
func TestDestroyedKeysStayGone(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	first, other := ownerOf(t, l, 7), ownerOf(t, l, 8)
	wrapped, err := l.get(wrapKey(first))
	must(t, err)
	var leaf uint64
	must(t, l.Update(func(b *Batch) (err error) {
		if leaf, err = b.AppendEvent(commit.Erase, nil); err != nil {
			return err
		}
		return b.Destroy([]uint64{first}, leaf)
	}))
	check := func(l *Log) {
		t.Helper()
		at, ok, err := l.Destroyed(first)
		if !lost(l, first) || lost(l, other) || at != leaf || !ok || err != nil {
			t.Errorf("erased lost %t, other lost %t, destroyed by %d %t: %v", lost(l, first), lost(l, other), at, ok, err)
		}
	}
	check(l)
	heir := ownerOf(t, l, 7)
	if heir == first || lost(l, heir) || ownerOf(t, l, 7) != heir {
		t.Errorf("the patient goes on under owner %d", heir)
	}
	closeLog(t, l)
	x, err := openIndex(dir, indexOptions(false, 0))
	must(t, err)
	must(t, errors.Join(x.db.SetSync(wrapKey(first), wrapped), x.close()))
	l = openTestLog(t, dir, o)
	check(l)
	back, err := l.DestroyAgain()
	if again, _ := l.get(wrapKey(first)); back != 1 || err != nil || again != nil {
		t.Errorf("%d keys put back, %v; still there: %t", back, err, again != nil)
	}
	check(l)
	if ownerOf(t, l, 7) != heir {
		t.Error("the patient has yet another owner")
	}
}

// TestRewrapIsWholeOrAbsent crosses every write with every way to fail: the keys
// are all wrapped by the one key or all by the other, and an older copy of the
// index opens with the one before alone.
func TestRewrapIsWholeOrAbsent(t *testing.T) {
	for _, mode := range []faultMode{failed, persisted, torn} {
		for at := 0; ; at++ {
			d := &faultDisk{unsynced: map[string]bool{}}
			o := testOptions(t)
			o.disk, o.segment = d, 4000
			l, dir := newTestLog(t, o)
			ids := []uint64{ownerOf(t, l, 1), ownerOf(t, l, 2), ownerOf(t, l, 3)}
			must(t, l.Update(func(b *Batch) error { _, _, err := b.Owner(OwnerName{Kind: OwnerLog}); return err }))
			d.arm(at, mode)
			next := testWrapping(t)
			err := l.Rewrap(next)
			hit := d.hit
			_ = l.Close() // it may be the call that fails
			t.Run(fmt.Sprintf("%s/%d %s", mode, at, hit), func(t *testing.T) { checkRewrapped(t, dir, o, next, ids, err) })
			if at > 0 && hit == "" {
				break
			}
		}
	}
}

// checkRewrapped opens a log with the one wrapping key and with the other.
func checkRewrapped(t *testing.T, dir string, before Options, next *keys.Wrapping, ids []uint64, outcome error) {
	before.disk = nil
	after := before
	after.Wrapping = next
	var opened []string
	for _, o := range []Options{before, after} {
		l := openTestLog(t, dir, o)
		use, err := l.Wrapping()
		must(t, err)
		n := 0
		for _, id := range ids {
			if !lost(l, id) {
				n++
			}
		}
		if n != 0 && n != len(ids) {
			t.Errorf("wrapping key %s opens %d of %d keys", o.Wrapping.ID(), n, len(ids))
		}
		if n > 0 {
			opened = append(opened, o.Wrapping.ID())
			if use.ID != "" && use.ID != o.Wrapping.ID() {
				t.Errorf("the log says that %s is in use", use.ID)
			}
		}
		must(t, l.Check(t.Context(), 0, l.Size()))
		closeLog(t, l)
	}
	if len(opened) != 1 || outcome == nil && opened[0] != next.ID() {
		t.Errorf("%v opens the keys, after %v", opened, outcome)
	}
}
