package mysql

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// kinds are a position of each kind of server, where nothing was executed.
func kinds() map[string]position {
	return map[string]position{"MariaDB": {executed: mariadbSet(nil)}, "MySQL": {executed: mysqlSet(nil)}}
}

func (p *position) drawGTID(t *rapid.T) gtid {
	if p.version() == mysqlPosition {
		return gtid{source: uuid{rapid.ByteRange(1, 3).Draw(t, "source")}, tag: rapid.SampledFrom([]string{"", "a", "_b2"}).Draw(t, "tag"),
			sequence: rapid.Uint64Range(1, 9).Draw(t, "sequence")}
	}
	return gtid{
		domain:   rapid.Uint32Range(0, 3).Draw(t, "domain"),
		server:   rapid.Uint32Min(1).Draw(t, "server"),
		sequence: rapid.Uint64Min(1).Draw(t, "sequence"),
	}
}

// exported lets positions be compared.
var exported = cmp.Exporter(func(reflect.Type) bool { return true })

func TestPositionSurvivesItsText(t *testing.T) {
	for name, empty := range kinds() {
		t.Run(name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { survives(t, empty) }) })
	}
}

func survives(t *rapid.T, p position) {
	p.started = rapid.Int64().Draw(t, "started")
	for range rapid.IntRange(0, 5).Draw(t, "transactions") {
		g := p.drawGTID(t)
		if rapid.Bool().Draw(t, "prepared") {
			p.prepare(g)
		}
		p.advance(g, transactionDigest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest")))
	}
	if rapid.Bool().Draw(t, "shadowed") {
		p.shadowed = rapid.SliceOfN(rapid.StringN(1, 5, -1), 1, 3).Draw(t, "shadowed tables")
	}
	if p.hasLast() && rapid.Bool().Draw(t, "placed") {
		p.point = logPoint{"log.000001", 4}
	}
	q, err := parsePosition(p.encode())
	if err != nil {
		t.Fatalf("parse %s: %v", p.encode(), err)
	}
	if diff := cmp.Diff(&p, q, exported); diff != "" {
		t.Fatalf("after its text (-before +after):\n%s", diff)
	}
}

// TestALogIsReadAgainFromBeforeTheLastTransaction: asked from there, the server
// sends the last transaction first.
func TestALogIsReadAgainFromBeforeTheLastTransaction(t *testing.T) {
	for name, empty := range kinds() {
		t.Run(name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { readsAgain(t, empty) }) })
	}
}

func readsAgain(t *rapid.T, p position) {
	var before gtidSet
	for range rapid.IntRange(1, 6).Draw(t, "transactions") {
		before = p.executed.clone()
		g := p.drawGTID(t)
		if g.isMySQL() && before.covers(g) {
			t.Skip("MySQL runs a transaction once")
		}
		p.advance(g, transactionDigest{})
	}
	if got := p.from(nil); got.String() != before.String() {
		t.Fatalf("from behind %s is %s, want %s", p.executed, got, before)
	}
}

// TestASetOfMySQLIsASet: against one that lists its transactions.
func TestASetOfMySQLIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := kinds()["MySQL"]
		other, listed, listedOther := p.executed, make(map[gtid]bool), make(map[gtid]bool)
		set := p.executed
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			g := p.drawGTID(t)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				set = set.before(groupID{gtid: g})
				delete(listed, g)
			case 1:
				other = other.with(g)
				listedOther[g] = true
			default:
				set = set.with(g)
				listed[g] = true
			}
		}
		except := p.drawGTID(t)
		beyond := make(map[gtid]bool)
		for g := range listed {
			if !set.covers(g) {
				t.Fatalf("%s lacks %s", set, g)
			}
			if g != except && !listedOther[g] {
				beyond[g] = true
			}
		}
		if g := p.drawGTID(t); set.covers(g) != listed[g] {
			t.Fatalf("%s covers %s: %v", set, g, set.covers(g))
		}
		if g, more := set.beyond(other, except); more != (len(beyond) > 0) || more && !beyond[g] {
			t.Fatalf("%s is beyond %s but %s by %s, %v", set, other, except, g, more)
		}
		again, err := parseMySQLSet(set.String())
		if err != nil || again.String() != set.String() {
			t.Fatalf("%s became %s, %v", set, again, err)
		}
	})
}

// The form is the one of the server's own texts.
func TestSetsOfMySQLAreReadAsTheServerWritesThem(t *testing.T) {
	const a, b = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "4e11fa47-71ca-11e1-9e33-c80aa9429562"
	for text, want := range map[string]string{
		"":                                "",
		a + ":1-5":                        a + ":1-5",
		strings.ToUpper(a) + ":5:1-4":     a + ":1-5",
		a + ":1-3:11:47-49,\n" + b + ":1": a + ":1-3:11:47-49," + b + ":1",
		a + ":1-3:Blue:1-2:7:red:4":       a + ":1-3," + a + ":blue:1-2:7," + a + ":red:4",
		a + ":blue:1," + a + ":blue:2," + b + ":9": a + ":blue:1-2," + b + ":9",
	} {
		set, err := parseMySQLSet(text)
		if err != nil || set.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, set, err, want)
		}
	}
	for _, text := range []string{a, a + ":", a + ":0", a + ":5-4", "x:1", a + ":1-", a + ":99999999999999999999", "00000000-0000-0000-0000-000000000000:1"} {
		if set, err := parseMySQLSet(text); err == nil {
			t.Errorf("%q was read as %q", text, set)
		}
	}
}

// TestALogIsReadAgainFromBeforeTheOldestPreparedTransaction, in each domain.
func TestALogIsReadAgainFromBeforeTheOldestPreparedTransaction(t *testing.T) {
	p := kinds()["MariaDB"]
	for _, step := range []string{"0-1-1", "7-1-1 prepared", "0-1-2 prepared", "0-1-3", "7-1-2", "0-1-4 prepared", "5-1-9", "0-1-5"} {
		text, prepared, _ := strings.Cut(step, " ")
		g, err := parseMariaDBGTID(text)
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
	empty := kinds()["MariaDB"]
	good := string(empty.encode())
	digest := strings.Repeat("ab", 32)
	for _, text := range []string{"", "x", good + ";", good + "x", "mariadb1" + good[8:], good[:len(good)-1],
		"mariadb2;0-1;4;;;", "mariadb2;0-1-0;4;;;", "mariadb2;;x;;;", "mariadb2;;4;0-1-2/;abcd;", "mariadb2;;4;0-1-2;" + digest + ";",
		"mariadb2;;4;0-1-2/1-1-1;" + digest + ";", "mariadb2;;4;;" + digest + ";", "mariadb2;;4;;;0-1-2/,", "mariadb2;;4;;;0-1-2", "mariadb2;;4;;;;4/b.000001",
		"mariadb2;;4;0-1-2/;" + digest + ";;x/b.000001", "mariadb2;;4;0-1-2/;" + digest + ";;4", "mariadb2;;4;0-1-2/;" + digest + ";;4/b\x00",
		"mysql1;0-1-1;4;;;", "mysql1;;4;0-1-2/;" + digest + ";", "mariadb2;" + serverUUID + ":1;4;;;", "mysql1;;4;" + serverUUID + ":1-2/;" + digest + ";",
		"mysql1;;4;" + serverUUID + ":2/" + serverUUID + ":1;" + digest + ";", "mysql1;;4;;;" + serverUUID + ":2"} {
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
	f.Add("mysql1;" + serverUUID + ":1-5:7," + serverUUID + ":tag:3;17;" + serverUUID + ":tag:3/;" + digest + ";" + serverUUID + ":2/")
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
		if diff := cmp.Diff(p, q, exported); diff != "" {
			t.Fatalf("after its text (-before +after):\n%s", diff)
		}
		p.from(p.prepared)
	})
}

const serverUUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"

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
