package mysql

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

func drawGTID(t *rapid.T) gtid {
	return gtid{
		domain:   rapid.Uint32Range(0, 3).Draw(t, "domain"),
		server:   rapid.Uint32Min(1).Draw(t, "server"),
		sequence: rapid.Uint64Min(1).Draw(t, "sequence"),
	}
}

func TestPositionSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &position{
			point:   logPoint{file: rapid.StringMatching(`[a-z-]{1,9}\.\d{6}`).Draw(t, "file"), offset: rapid.Uint64().Draw(t, "offset")},
			started: rapid.Int64().Draw(t, "started"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "transactions") {
			p.advance(drawGTID(t), transactionDigest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest")))
		}
		q, err := parsePosition(p.encode())
		if err != nil {
			t.Fatalf("parse %s: %v", p.encode(), err)
		}
		if diff := cmp.Diff(p, q, cmp.AllowUnexported(position{}, gtid{}, logPoint{})); diff != "" {
			t.Fatalf("after its text (-before +after):\n%s", diff)
		}
	})
}

// TestBeforeIsThePositionBeforeTheLastTransaction: asked from there, the server
// sends the last transaction first.
func TestBeforeIsThePositionBeforeTheLastTransaction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p position
		var before gtidSet
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			before = append(gtidSet{}, p.executed...)
			p.advance(drawGTID(t), transactionDigest{})
		}
		if got := p.before(); got.String() != before.String() {
			t.Fatalf("before %s is %s, want %s", p.executed, got, before)
		}
	})
}

func TestParsePositionRefusesWhatItNeverWrote(t *testing.T) {
	good := string((&position{point: logPoint{file: "b.000001", offset: 4}}).encode())
	for _, text := range []string{"", "x", good + ";", good + "x", "mariadb2" + good[8:], good[:len(good)-1],
		"mariadb1;0-1;b.000001;4;0;;;", "mariadb1;;b.000001;-4;0;;;", "mariadb1;;b.000001;4;0;0-1-2;;abcd"} {
		if _, err := parsePosition(tap.Position(text)); !errors.Is(err, tap.ErrPosition) {
			t.Errorf("parse %q: %v, want ErrPosition", text, err)
		}
	}
}

func TestLogPointsAreOrdered(t *testing.T) {
	at := func(file string, offset uint64) logPoint { return logPoint{file: file, offset: offset} }
	for _, c := range []struct {
		p, q logPoint
		want bool
	}{
		{at("b.000002", 4), at("b.000002", 4), true},
		{at("b.000002", 3), at("b.000002", 4), false},
		{at("b.000003", 4), at("b.000002", 900), true},
		{at("b.1000000", 4), at("b.999999", 900), true},
		{at("b.000002", 900), at("b.000003", 4), false},
		{at("other.000009", 4), at("b.000003", 4), false},
		{at("", 0), at("b.000001", 4), false},
	} {
		if got := c.p.reached(c.q); got != c.want {
			t.Errorf("%v reached %v = %v", c.p, c.q, got)
		}
	}
}
