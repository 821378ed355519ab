package tap_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

func timeOf(t *rapid.T) time.Time {
	us := rapid.Int64Range(-1<<50, 1<<52).Draw(t, "time")
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func changeOf(t *rapid.T, table *tap.Table) tap.Change {
	c := tap.Change{Table: table, EventID: rapid.StringN(1, 20, -1).Draw(t, "id"), Time: timeOf(t)}
	switch c.Op = tap.Op(rapid.IntRange(1, 3).Draw(t, "op")); c.Op {
	case tap.Insert:
		c.After = rowOf(t, table)
	case tap.Update:
		c.After = rowOf(t, table)
		if rapid.Bool().Draw(t, "before") {
			c.Before = rowOf(t, table)
		}
	default:
		if cells := rowOf(t, table); rapid.Bool().Draw(t, "by key") {
			c.Key = table.KeyOf(cells)
		} else {
			c.Before = cells
		}
	}
	if c.Before != nil {
		c.Followed = tap.Following(rapid.IntRange(0, 2).Draw(t, "followed"))
	}
	return c
}

// removalOf draws what a statement took away; nil if nothing.
func removalOf(t *rapid.T, table *tap.Table) *tap.Removal {
	column := table.Columns[table.Key[0]]
	switch {
	case rapid.Bool().Draw(t, "nothing is removed"):
		return nil
	case column.Type != row.Int || rapid.Bool().Draw(t, "all are removed"):
		return &tap.Removal{All: true}
	}
	r := &tap.Removal{Column: column.Name}
	for range rapid.IntRange(0, 2).Draw(t, "values") {
		r.Values = append(r.Values, row.NewInt(rapid.Int64().Draw(t, "value")))
	}
	for range rapid.IntRange(0, 2).Draw(t, "ranges") {
		r.Ranges = append(r.Ranges, tap.Range{From: row.NewInt(rapid.Int64().Draw(t, "from"))})
	}
	return r
}

func movedOf(t *rapid.T, table *tap.Table) []tap.Moved {
	var list []tap.Moved
	for _, column := range table.Columns {
		if !rapid.Bool().Draw(t, "new") {
			continue
		}
		moved := tap.Moved{To: column.Name}
		if rapid.Bool().Draw(t, "held") {
			null := row.Null()
			moved.Holds = &null
		}
		list = append(list, moved)
	}
	for _, from := range rapid.SliceOfNDistinct(rapid.StringN(1, 10, -1), 0, 3, rapid.ID[string]).Draw(t, "moved") {
		list = append(list, tap.Moved{From: from, To: rapid.StringN(0, 10, -1).Draw(t, "to")})
	}
	return list
}

// eventsOf draws a stream that keeps to the contract.
func eventsOf(t *rapid.T) []any {
	tables := []*tap.Table{tableOf(t), tableOf(t)}
	events := []any{tap.Commit{Position: bytesOf(t, 1)}}
	for range rapid.IntRange(0, 12).Draw(t, "events") {
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			events = append(events, tap.Fence{ID: rapid.Uint64().Draw(t, "fence"), Position: bytesOf(t, 1)})
		case 1:
			gap := tap.Gap{Position: bytesOf(t, 1), Reason: rapid.StringN(1, 30, -1).Draw(t, "reason")}
			if rapid.Bool().Draw(t, "some tables") {
				gap.Tables = []string{tables[0].Name}
			}
			events = append(events, gap)
		case 2:
			tables[1] = tableOf(t)
			events = append(events, tap.SchemaChange{Position: bytesOf(t, 1), Table: tables[1],
				Rewritten: rapid.Bool().Draw(t, "rewritten"), Statement: rapid.String().Draw(t, "statement"),
				Removed: removalOf(t, tables[1]), Moved: movedOf(t, tables[1])})
		default:
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				events = append(events, changeOf(t, rapid.SampledFrom(tables).Draw(t, "table")))
			}
			events = append(events, tap.Commit{Position: bytesOf(t, 1), Time: timeOf(t)})
		}
	}
	return events
}

var errEnough = errors.New("that was all")

func TestEveryEventSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := eventsOf(t)
		v := opened(t, &scripted{stream: func(_ context.Context, from tap.Position, sink tap.Sink) error {
			for _, e := range events {
				if err := put(sink, e); err != nil {
					return err
				}
			}
			return errEnough
		}})
		got := &collected{}
		if err := v.client.Stream(context.Background(), nil, got); err == nil || err.Error() != errEnough.Error() {
			t.Fatalf("stream ended with %v", err)
		}
		if diff := cmp.Diff(events, got.events, equalValues()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestPositionAbsentAndEmptyStayApart(t *testing.T) {
	for _, from := range []tap.Position{nil, {}, tap.Position("p")} {
		var got tap.Position
		v := opened(t, &scripted{stream: func(_ context.Context, from tap.Position, _ tap.Sink) error {
			got = from
			return errEnough
		}})
		if err := v.client.Stream(t.Context(), from, &collected{}); err == nil {
			t.Fatal("no error")
		}
		if diff := cmp.Diff(from, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestChunksKeysAndTablesSurviveTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := tableOf(t)
		chunk := tap.Chunk{Table: table, Last: rapid.Bool().Draw(t, "last"), Fence: rapid.Uint64().Draw(t, "fence")}
		keys := [][]row.Value{}
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: rowOf(t, table)})
			keys = append(keys, table.KeyOf(rowOf(t, table)))
		}
		var gotAfter []row.Value
		gotKeys := [][]row.Value{}
		v := opened(t, &scripted{
			tables: func(context.Context) ([]tap.Table, error) { return []tap.Table{*table}, nil },
			scan: func(_ context.Context, _ string, after []row.Value, _ int) (tap.Chunk, error) {
				gotAfter = after
				return chunk, nil
			},
			fetch: func(_ context.Context, _ string, keys [][]row.Value) (tap.Chunk, error) {
				gotKeys = append(gotKeys, keys...)
				return chunk, nil
			},
		})
		after := table.KeyOf(rowOf(t, table))
		scanned, err := v.client.Scan(context.Background(), table.Name, after, 5)
		if err != nil {
			t.Fatal(err)
		}
		fetched, err := v.client.Fetch(context.Background(), table.Name, keys)
		if err != nil {
			t.Fatal(err)
		}
		tables, err := v.client.Tables(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		want := []any{chunk, chunk, after, keys, []tap.Table{*table}}
		if diff := cmp.Diff(want, []any{scanned, fetched, gotAfter, gotKeys, tables}, equalValues()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func sentinels() []error {
	return []error{tap.ErrPosition, tap.ErrBusy, tap.ErrTable, tap.ErrNotServed}
}

func TestEveryErrorSurvivesTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var wrapped []error
		for _, s := range sentinels() {
			if rapid.Bool().Draw(t, "wraps") {
				wrapped = append(wrapped, s)
			}
		}
		setup := &tap.SetupError{}
		for i := range rapid.IntRange(0, 5).Draw(t, "problems") {
			text := rapid.StringN(0, 40, -1).Draw(t, "text")
			setup.Problems = append(setup.Problems, tap.Problem{Thing: fmt.Sprint(i, text), Reason: text, Mend: "mend " + text})
		}
		if len(setup.Problems) > 0 {
			wrapped = append(wrapped, setup)
		}
		sent := fmt.Errorf("open source: %w", errors.Join(append(wrapped, errors.New("the rest"))...))
		got := serve(t, &scripted{open: func(context.Context, tap.Config) error { return sent }}).
			client.Open(context.Background(), tap.Config{})
		if got == nil || got.Error() != sent.Error() {
			t.Fatalf("sent %q, got %q", sent, got)
		}
		for _, s := range sentinels() {
			if errors.Is(sent, s) != errors.Is(got, s) {
				t.Errorf("%v: sent %v, got %v", s, errors.Is(sent, s), errors.Is(got, s))
			}
		}
		var found *tap.SetupError
		if errors.As(got, &found) != (len(setup.Problems) > 0) {
			t.Fatalf("setup error: %v", found)
		}
		if found != nil {
			if diff := cmp.Diff(setup, found); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestBareSetupErrorComesBackAsItself(t *testing.T) {
	sent := tap.NewSetupError("grant", "it is missing", "GRANT it")
	err := serve(t, &scripted{open: func(context.Context, tap.Config) error { return sent }}).
		client.Open(t.Context(), tap.Config{})
	if diff := cmp.Diff(error(sent), err); diff != "" {
		t.Fatal(diff)
	}
}

func TestErrorTextThatCannotTravelIsMadeToFit(t *testing.T) {
	for _, text := range []string{"not UTF-8: \xff\xfe", strings.Repeat("\x00", 20<<10)} {
		problems := make([]tap.Problem, 1000)
		for i := range problems {
			problems[i] = tap.Problem{Thing: text, Reason: text, Mend: text}
		}
		err := serve(t, &scripted{open: func(context.Context, tap.Config) error { return &tap.SetupError{Problems: problems} }}).
			client.Open(t.Context(), tap.Config{})
		var setup *tap.SetupError
		if !errors.As(err, &setup) || len(setup.Problems) < 10 {
			t.Errorf("got %.200v", err)
		}
	}
}

func TestConfigurationSurvivesTheWire(t *testing.T) {
	want := tap.Config{Settings: []byte(`{"a": "\u0000é"}`), Tables: []string{"x", "y.z"}}
	var got tap.Config
	v := serve(t, &scripted{open: func(_ context.Context, config tap.Config) error {
		got = config
		return nil
	}})
	if err := v.client.Open(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// unreadTap is a tap that fetches one row of a table with an integer key and
// leaves some keys unread.
func unreadTap(unread ...int64) *scripted {
	table := &tap.Table{Name: "t", Columns: []row.Column{{Name: "id", Type: row.Int}}, Key: []int{0}}
	chunk := tap.Chunk{Table: table, Rows: []tap.Row{{Cells: []row.Value{row.NewInt(1)}}}, Unread: intKeys(unread...), Fence: 1}
	return &scripted{fetch: func(context.Context, string, [][]row.Value) (tap.Chunk, error) { return chunk, nil }}
}

func intKeys(ids ...int64) (keys [][]row.Value) {
	for _, id := range ids {
		keys = append(keys, []row.Value{row.NewInt(id)})
	}
	return keys
}

func TestUnreadKeysSurviveTheWire(t *testing.T) {
	chunk, err := opened(t, unreadTap(3, 2)).client.Fetch(t.Context(), "t", intKeys(1, 2, 3, 4))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(intKeys(3, 2), chunk.Unread, equalValues()); diff != "" {
		t.Error(diff)
	}
}

// A tap that leaves keys unread that have a row, or that nobody asked for, or as
// many as were asked for, is not believed.
func TestUnreadKeysAreChecked(t *testing.T) {
	for _, unread := range [][]int64{{1}, {5}, {2, 2}} {
		_, err := opened(t, unreadTap(unread...)).client.Fetch(t.Context(), "t", intKeys(1, 2))
		var contract *tap.ContractError
		if !errors.As(err, &contract) {
			t.Errorf("unread %v: error %v, want a broken contract", unread, err)
		}
	}
}

// To a host that knows nothing of unread keys they would look like keys without
// a row.
func TestAnOlderHostIsToldOfNoPart(t *testing.T) {
	v := opened(t, unreadTap(2))
	request := &tapv1.FetchRequest{Table: "t", Keys: row.AppendKey(row.AppendKey(nil, intKeys(1)[0]), intKeys(2)[0])}
	parts, err := tapv1.NewTapClient(v.conn).Fetch(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if part, err := parts.Recv(); err == nil || !strings.Contains(err.Error(), "update the host") {
		t.Errorf("got part %v, error %v, want none and the word to update the host", part, err)
	}
}
