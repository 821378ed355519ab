package mysql_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A parityLoad is how much is compared: each round has the same number of cells
// of every column case.
type parityLoad struct{ rounds, rows, cells int }

func loadOfParity() parityLoad {
	switch {
	case os.Getenv("EMRBCHAIN_TEST_FULL") != "":
		return parityLoad{rounds: 12, rows: 400, cells: 1_000_000}
	case testing.Short():
		return parityLoad{rounds: 1, rows: 20, cells: 4_000}
	}
	return parityLoad{rounds: 2, rows: 150, cells: 60_000}
}

// TestRowImagesEqualScansAndFetches: random rows of tables in which columns of
// all types stand beside each other in random order, inserted, replaced, updated
// and deleted, with the ENUM columns renumbered in between. What the images of
// the log leave is what a scan reads and what a fetch reads, no row more and no
// row less, and the image before each change is the image after the last one.
func TestRowImagesEqualScansAndFetches(t *testing.T) {
	t.Parallel()
	load := loadOfParity()
	s := start(t, "--default-time-zone=+05:30", "--max-allowed-packet=64M")
	total := 0
	for round := range load.rounds {
		t.Run(fmt.Sprintf("round %d", round), func(t *testing.T) {
			p := newParity(t, s, uint64(round), load.rows)
			total += p.run()
		})
	}
	if total < load.cells {
		t.Errorf("%d cells were compared, want %d", total, load.cells)
	}
	t.Logf("%d cells of %d column types in %d rounds: stream = scan = fetch", total, len(columnCases()), load.rounds)
}

// A parity is one round: its own tables on the server of the test.
type parity struct {
	t      *testing.T
	server *mariadbtest.Server
	random *rand.Rand
	rows   int // of each table
	// behind says that the tap reads the log after all is written; otherwise it
	// follows.
	behind bool
	tables []parityTable
	*images
}

// A parityTable has the columns c0, c1, … of some cases.
type parityTable struct {
	name  string
	cases []columnCase
}

// parityWidth is how many columns a table has beside its key.
const parityWidth = 17

func newParity(t *testing.T, s *mariadbtest.Server, round uint64, rows int) *parity {
	p := &parity{t: t, server: s, random: rand.New(rand.NewPCG(round, 7)), rows: rows, behind: round%2 == 1, images: newImages()}
	var old, usual []columnCase
	for _, c := range columnCases() {
		if strings.Contains(c.declared, oldFormat) {
			old = append(old, c)
		} else {
			usual = append(usual, c)
		}
	}
	for _, cases := range [][]columnCase{usual, old} {
		p.random.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		for part := range slices.Chunk(cases, parityWidth) {
			p.tables = append(p.tables, parityTable{fmt.Sprintf("emr.p%d_%d", round, len(p.tables)), part})
		}
	}
	return p
}

// run writes and compares, and returns how many cells it compared.
func (p *parity) run() (cells int) {
	p.create()
	var names []string
	for _, table := range p.tables {
		names = append(names, table.name)
	}
	m := open(p.t, p.server, names...)
	from := p.now(m)
	if !p.behind {
		p.start(m, from)
	}
	p.write()
	if p.behind {
		p.start(m, from)
	}
	for _, table := range p.tables {
		cells += p.compare(m, table)
	}
	for _, name := range names {
		p.server.Exec("DROP TABLE " + name)
	}
	return cells
}

// create makes the tables, of each engine and with rows compressed in the log or
// not.
func (p *parity) create() {
	p.server.Exec("SET GLOBAL log_bin_compress=" + fmt.Sprint(p.random.IntN(2)))
	for i, table := range p.tables {
		columns := "id INT PRIMARY KEY"
		for i, c := range table.cases {
			columns += fmt.Sprintf(", c%d %s", i, c.declared)
		}
		engine := []string{"InnoDB", "InnoDB", "MyISAM", "Aria"}[i%4]
		p.server.Exec(table.cases[0].format(), "CREATE TABLE "+table.name+" ("+columns+") ENGINE="+engine)
	}
}

// now returns the position at which the log is.
func (p *parity) now(m tap.Tap) tap.Position {
	r := stream(p.t, m, nil)
	r.end(p.t)
	return position(r.all())
}

// start runs the stream until the round ends.
func (p *parity) start(m tap.Tap, from tap.Position) {
	done := make(chan error, 1)
	ctx := p.t.Context()
	go func() {
		err := m.Stream(ctx, from, p.images)
		p.images.end(err)
		done <- err
	}()
	p.t.Cleanup(func() { <-done })
}

// write fills all tables and changes them, in a session of the old databases' mode.
func (p *parity) write() {
	conn, err := p.server.Admin().Conn(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	run := func(query string) {
		if _, err := conn.ExecContext(p.t.Context(), query); err != nil {
			p.t.Fatalf("%.300s: %v", query, err)
		}
	}
	run(laxSession)
	for _, table := range p.tables {
		for first := 0; first < p.rows; first += 50 {
			run("INSERT IGNORE " + p.values(table, first, min(first+50, p.rows)))
		}
		run("REPLACE " + p.values(table, p.rows/2, p.rows/2+p.rows/10))
		for i, c := range table.cases {
			run(fmt.Sprintf("UPDATE IGNORE %s SET c%d = %s WHERE id %% %d = %d", table.name, i, c.value(p.random), len(table.cases), i))
		}
		run("DELETE FROM " + table.name + " WHERE id % 19 = 7")
		if renumber := table.renumber(); renumber != "" {
			run(renumber)
			run("REPLACE " + p.values(table, p.rows, p.rows+p.rows/10))
		}
	}
}

// renumber returns the ALTER that gives each ENUM a new first label, so that all
// its numbers are others.
func (table parityTable) renumber() string {
	var parts []string
	for i, c := range table.cases {
		if labels, ok := strings.CutPrefix(c.declared, "ENUM("); ok {
			parts = append(parts, fmt.Sprintf("MODIFY c%d ENUM('new',%s", i, labels))
		}
	}
	if parts == nil {
		return ""
	}
	return "ALTER TABLE " + table.name + " " + strings.Join(parts, ", ")
}

// values returns INTO … VALUES of the rows with the ids first to end-1. The
// first rows of a table hold the edges of its columns.
func (p *parity) values(table parityTable, first, end int) string {
	var text strings.Builder
	text.WriteString("INTO " + table.name + " (id")
	for i := range table.cases {
		fmt.Fprintf(&text, ", c%d", i)
	}
	separator := ") VALUES "
	for id := first; id < end; id++ {
		fmt.Fprintf(&text, "%s(%d", separator, id)
		for _, c := range table.cases {
			value := c.value(p.random)
			if id < len(c.edges) {
				value = c.edges[id]
			}
			text.WriteString(", " + value)
		}
		separator = "), "
	}
	return text.String() + ")"
}

// value returns a random literal for the column, NULL now and then.
func (c columnCase) value(r *rand.Rand) string {
	if r.IntN(10) == 0 {
		return "NULL"
	}
	return c.random(r)
}

// compare compares one table by all three ways.
func (p *parity) compare(m tap.Tap, table parityTable) (cells int) {
	scanned, columns := p.scanAll(m, table.name)
	streamed := p.images.of(table.name)
	for key := range streamed {
		if scanned[key] == nil {
			p.t.Errorf("%s: the stream has row %s, the scan has not", table.name, key)
		}
	}
	for key, scan := range scanned {
		if p.equal(table, "scan and stream", scan, streamed[key]) {
			cells += len(scan) - 1
		}
		for i := range scan {
			if !scan[i].Fits(columns[i].Type) {
				p.t.Errorf("%s: %s in a column of %s", table.name, scan[i].Type(), columns[i].Type)
			}
		}
	}
	p.compareFetches(m, table, scanned)
	return cells
}

// equal reports whether two readings of a row have the same canonical bytes, and
// names the column that has not.
func (p *parity) equal(table parityTable, ways string, a, b []row.Value) bool {
	if string(row.AppendCells(nil, a)) == string(row.AppendCells(nil, b)) {
		return true
	}
	if len(a) != len(b) {
		p.t.Errorf("%s: %s differ: %.100s, %.100s", table.name, ways, show(a), show(b))
		return false
	}
	for i := range a {
		if !row.Equal(a[i], b[i]) {
			p.t.Errorf("%s: %s differ in row %s, column %s: %.100s, %.100s", table.name, ways, a[0].Display(),
				table.cases[i-1].declared, a[i].Display(), b[i].Display())
		}
	}
	return false
}

// scanAll reads a table to its end and waits for its fences.
func (p *parity) scanAll(m tap.Tap, name string) (rows map[string][]row.Value, columns []row.Column) {
	rows = make(map[string][]row.Value)
	var after []row.Value
	for {
		chunk := untilCalm(p.t, func() (tap.Chunk, error) { return m.Scan(p.t.Context(), name, after, 1000) })
		for _, r := range chunk.Rows {
			after = chunk.Table.KeyOf(r.Cells)
			rows[show(after)] = r.Cells
		}
		if chunk.Last {
			p.images.await(p.t, chunk.Fence)
			return rows, chunk.Table.Columns
		}
	}
}

// compareFetches fetches all keys, and some that no row has.
func (p *parity) compareFetches(m tap.Tap, table parityTable, scanned map[string][]row.Value) {
	var keys [][]row.Value
	for id := range p.rows + p.rows/10 + 5 {
		keys = append(keys, []row.Value{row.NewInt(int64(id))})
	}
	fetched := 0
	for len(keys) > 0 {
		chunk := untilCalm(p.t, func() (tap.Chunk, error) { return m.Fetch(p.t.Context(), table.name, keys) })
		for _, r := range chunk.Rows {
			p.equal(table, "fetch and scan", r.Cells, scanned[show(r.Cells[:1])])
		}
		fetched += len(chunk.Rows)
		keys = chunk.Unread
	}
	if fetched != len(scanned) {
		p.t.Errorf("%s: %d rows were fetched, %d scanned", table.name, fetched, len(scanned))
	}
}

// images is a sink that holds each table as the images left it.
type images struct {
	mu     sync.Mutex
	grown  *sync.Cond
	tables map[string]map[string][]row.Value // by name and key
	fences map[uint64]bool
	ended  error
}

func newImages() *images {
	s := &images{tables: make(map[string]map[string][]row.Value), fences: make(map[uint64]bool)}
	s.grown = sync.NewCond(&s.mu)
	return s
}

// of returns the rows of a table; nothing may be written to it any more.
func (s *images) of(name string) map[string][]row.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables[name]
}

// Change applies a change, which must be one of the row as it is.
func (s *images) Change(c tap.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.tables[c.Table.Name]
	if rows == nil {
		rows = make(map[string][]row.Value)
		s.tables[c.Table.Name] = rows
	}
	if c.Before != nil {
		key := show(c.Before[:1])
		if string(row.AppendCells(nil, rows[key])) != string(row.AppendCells(nil, c.Before)) {
			return fmt.Errorf("%s: before a change row %.200s, was %.200s", c.Table.Name, show(c.Before), show(rows[key]))
		}
		delete(rows, key)
	}
	c.Detach()
	if c.After != nil {
		key := show(c.After[:1])
		if rows[key] != nil {
			return fmt.Errorf("%s: row %s came twice", c.Table.Name, key)
		}
		rows[key] = c.After
	}
	return nil
}

func (s *images) Commit(tap.Commit) error       { return nil }
func (s *images) Schema(tap.SchemaChange) error { return nil }
func (s *images) Gap(g tap.Gap) error           { return fmt.Errorf("gap: %s", g.Reason) }

func (s *images) Fence(f tap.Fence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fences[f.ID] = true
	s.grown.Broadcast()
	return nil
}

// end says how the stream ended.
func (s *images) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = err
	s.grown.Broadcast()
}

var errPatience = errors.New("no fence within the test's patience")

// await waits for a fence.
func (s *images) await(t *testing.T, id uint64) {
	t.Helper()
	timer := time.AfterFunc(patience, func() { s.end(errPatience) })
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.fences[id] && s.ended == nil {
		s.grown.Wait()
	}
	if !s.fences[id] {
		t.Fatalf("the stream ended: %v", s.ended)
	}
}
