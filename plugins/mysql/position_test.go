package mysql

import (
	"errors"
	"strings"
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
		p := &position{started: rapid.Int64().Draw(t, "started")}
		for range rapid.IntRange(0, 5).Draw(t, "transactions") {
			g := drawGTID(t)
			if rapid.Bool().Draw(t, "prepared") {
				p.prepare(g)
			}
			p.advance(g, transactionDigest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest")))
		}
		q, err := parsePosition(p.encode())
		if err != nil {
			t.Fatalf("parse %s: %v", p.encode(), err)
		}
		if diff := cmp.Diff(p, q, cmp.AllowUnexported(position{}, groupID{}, gtid{}, logPoint{})); diff != "" {
			t.Fatalf("after its text (-before +after):\n%s", diff)
		}
	})
}

// TestALogIsReadAgainFromBeforeTheLastTransaction: asked from there, the server
// sends the last transaction first.
func TestALogIsReadAgainFromBeforeTheLastTransaction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p position
		var before gtidSet
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			before = append(gtidSet{}, p.executed...)
			p.advance(drawGTID(t), transactionDigest{})
		}
		if got := p.from(nil); got.String() != before.String() {
			t.Fatalf("from behind %s is %s, want %s", p.executed, got, before)
		}
	})
}

// TestALogIsReadAgainFromBeforeTheOldestPreparedTransaction, in each domain.
func TestALogIsReadAgainFromBeforeTheOldestPreparedTransaction(t *testing.T) {
	p := position{}
	for _, step := range []string{"0-1-1", "7-1-1 prepared", "0-1-2 prepared", "0-1-3", "7-1-2", "0-1-4 prepared", "5-1-9", "0-1-5"} {
		text, prepared, _ := strings.Cut(step, " ")
		g, err := parseGTID(text)
		if err != nil {
			t.Fatal(err)
		}
		if prepared != "" {
			p.prepare(g)
		}
		p.advance(g, transactionDigest{})
	}
	for n, want := range []string{"0-1-1,5-1-9", "0-1-1,5-1-9,7-1-2", "0-1-3,5-1-9,7-1-2", "0-1-4,5-1-9,7-1-2"} {
		if got := p.from(p.prepared[n:]).String(); got != want {
			t.Errorf("without the %d oldest it is %q, want %q", n, got, want)
		}
	}
	if got := p.executed.String(); got != "0-1-5,5-1-9,7-1-2" {
		t.Errorf("executed became %s", got)
	}
}

func TestParsePositionRefusesWhatItNeverWrote(t *testing.T) {
	good := string((&position{}).encode())
	digest := strings.Repeat("ab", 32)
	for _, text := range []string{"", "x", good + ";", good + "x", "mariadb1" + good[8:], good[:len(good)-1],
		"mariadb2;0-1;4;;;", "mariadb2;0-1-0;4;;;", "mariadb2;;x;;;", "mariadb2;;4;0-1-2/;abcd;", "mariadb2;;4;0-1-2;" + digest + ";",
		"mariadb2;;4;0-1-2/1-1-1;" + digest + ";", "mariadb2;;4;;" + digest + ";", "mariadb2;;4;;;0-1-2/,", "mariadb2;;4;;;0-1-2", "mariadb2;;4;;;;4/b.000001",
		"mariadb2;;4;0-1-2/;" + digest + ";;x/b.000001", "mariadb2;;4;0-1-2/;" + digest + ";;4", "mariadb2;;4;0-1-2/;" + digest + ";;4/b\x00"} {
		if _, err := parsePosition(tap.Position(text)); !errors.Is(err, tap.ErrPosition) {
			t.Errorf("parse %q: %v, want ErrPosition", text, err)
		}
	}
}

// FuzzPosition: what is accepted is written again as what it means.
func FuzzPosition(f *testing.F) {
	digest := strings.Repeat("0f", 32)
	f.Add("mariadb2;;0;;;")
	f.Add("mariadb2;0-1-5,7-2-18446744073709551615;1700000000;0-1-5/0-1-4;" + digest + ";")
	f.Add("mariadb2;0-1-5,3-1-1;-1;3-1-1/;" + digest + ";0-1-2/0-1-1,0-1-5/0-1-4")
	f.Add("mariadb2;0-1-5;17;0-1-5/;" + digest + ";;4/b.000001")
	f.Add("mariadb1;0-1-5;b.000001;4;0;;;")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePosition(tap.Position(text))
		if err != nil {
			if !errors.Is(err, tap.ErrPosition) {
				t.Fatalf("error %v is no ErrPosition", err)
			}
			return
		}
		q, err := parsePosition(p.encode())
		if err != nil {
			t.Fatalf("parse %s: %v", p.encode(), err)
		}
		if diff := cmp.Diff(p, q, cmp.AllowUnexported(position{}, groupID{}, gtid{}, logPoint{})); diff != "" {
			t.Fatalf("after its text (-before +after):\n%s", diff)
		}
		p.from(p.prepared)
	})
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
