package findings_test

import (
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
)

// The keys are of two letters: equal rows have the first one in common.
func TestEqualRowsAreFoundAsOftenAsTheyDeviate(t *testing.T) {
	log := logtest.New(t)
	open := func(table, key string, verdict findings.Verdict) {
		t.Helper()
		if err := log.Update(func(b *recordlog.Batch) error {
			_, err := findings.Open(log, b, findings.Finding{Verdict: verdict, Table: table, Key: []byte(key)})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	open("t", "a3", findings.Deleted)
	open("t", "b1", findings.UnloggedInsert)
	open("t", "c1", findings.ChangedInGap)
	open("u", "d1", findings.Deleted)
	type deviation struct {
		verdict findings.Verdict
		key     string
	}
	gone := func(keys ...string) (list []deviation) {
		for _, key := range keys {
			list = append(list, deviation{findings.Deleted, key})
		}
		return list
	}
	for _, c := range []struct{ list, want []deviation }{
		{gone("a3"), nil}, {gone("a2"), nil}, {gone("a2", "a3"), gone("a2")}, {gone("a1", "a2"), gone("a2")},
		{gone("b1"), gone("b1")}, {gone("c1"), gone("c1")}, {gone("d1"), gone("d1")},
		{[]deviation{{findings.UnloggedInsert, "b2"}}, nil},
		{[]deviation{{findings.Restored, "a3"}}, []deviation{{findings.Restored, "a3"}}},
	} {
		got, err := findings.Untold(log, "t", func(key []byte) string { return string(key[:1]) }, c.list,
			func(d deviation) (findings.Verdict, []byte) { return d.verdict, []byte(d.key) })
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("of %v untold are %v, want %v: %v", c.list, got, c.want, err)
		}
	}
}
