package findings_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
)

func anyFinding(t *rapid.T) findings.Finding {
	f := findings.Finding{Verdict: findings.Verdict(rapid.SampledFrom([]findings.Verdict{findings.Altered, findings.Stale}).Draw(t, "verdict")),
		Table: rapid.String().Draw(t, "table"), Key: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "key"),
		Version: rapid.Uint64().Draw(t, "version"), Leaf: rapid.Uint64().Draw(t, "leaf"),
		LastGood: findings.Moment{Time: rapid.Int64().Draw(t, "good"), Height: rapid.Int64().Draw(t, "height")},
		FirstBad: findings.Moment{Time: rapid.Int64().Draw(t, "bad")}, Detail: rapid.String().Draw(t, "detail")}
	for range rapid.IntRange(0, 3).Draw(t, "columns") {
		f.Columns = append(f.Columns, rapid.String().Draw(t, "column"))
		f.Present = append(f.Present, commit.Digest{rapid.Byte().Draw(t, "digest")})
	}
	return f
}

func TestAFindingIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFinding(t)
		text := f.Append(nil)
		got, err := findings.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&f, got); diff != "" {
			t.Fatal(diff)
		}
		if _, err := findings.Parse(text[:len(text)-1]); err == nil {
			t.Fatal("a cut finding is read")
		}
	})
}

// A finding keeps its first moment; rows and verdicts do not get mixed up.
func TestAFindingStaysAsItWasFirstSeen(t *testing.T) {
	log := logtest.New(t)
	open := func(f findings.Finding) findings.Finding {
		t.Helper()
		var held findings.Finding
		err := log.Update(func(b *recordlog.Batch) (err error) {
			held, err = findings.Open(log, b, f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	first := findings.Finding{Verdict: findings.Altered, Table: "t", Key: logtest.Key(1), FirstBad: findings.Moment{Time: 5}}
	later := first
	later.FirstBad.Time = 9
	open(first)
	if held := open(later); held.FirstBad.Time != 5 {
		t.Errorf("the first moment became %d", held.FirstBad.Time)
	}
	stale, other := first, first
	stale.Verdict = findings.Stale
	other.Key = logtest.Key(12)
	open(stale)
	open(other)
	count := func(each func(func(*findings.Finding) error) error) (n int) {
		t.Helper()
		if err := each(func(*findings.Finding) error { n++; return nil }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(func(fn func(*findings.Finding) error) error { return findings.Each(log, fn) }); n != 3 {
		t.Errorf("%d findings are open", n)
	}
	of := func(fn func(*findings.Finding) error) error { return findings.OfRow(log, "t", logtest.Key(1), fn) }
	if n := count(of); n != 2 {
		t.Errorf("%d findings of the row are open", n)
	}
}
