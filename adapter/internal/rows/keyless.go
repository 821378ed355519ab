package rows

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
	"strings"
	"sync"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// The rows of a table without a key are a multiset. In the log each has a key all
// the same: a digest of all that it holds, under a secret of the log's own, so that
// no key tells a value to who can guess it; and its number among equal rows, from 1.
// The key's columns stand before the table's own wherever a row has cells, and in
// no commitment.
//
// An insert takes the next number and a delete the highest, so the numbers of equal
// rows that are there have no hole, and reading n equal rows is reading those of the
// numbers 1 to n: each is compared with its own versions like any other row. A row
// that is edited is one that is gone and one that is new.
const (
	digestColumn = "emrbchain.digest"
	numberColumn = "emrbchain.number"
	keyColumns   = 2
)

// NumberedWords end what a finding says of a row without a key.
const NumberedWords = "; no key names the table's rows, so one that was edited shows as one that is gone and one that nobody logged, " +
	"and of equal rows any may be meant"

// Numbered reports whether the rows of a table have the keys that a Numberer gave
// them.
func Numbered(t *tap.Table) bool {
	return len(t.Columns) > keyColumns && t.Columns[0].Name == digestColumn && len(t.Key) == keyColumns && t.Key[0] == 0
}

// NumberedKey reports whether the names are those of the columns of such a key.
func NumberedKey(names []string) bool {
	return len(names) == keyColumns && names[0] == digestColumn && names[1] == numberColumn
}

// DigestOf returns the digest in the canonical key of a row without one, empty if it
// is another key.
func DigestOf(key []byte) string {
	cells, err := row.ParseKey(key)
	if err != nil || len(cells) != keyColumns || cells[0].Type() != row.Bytes || cells[1].Type() != row.Int {
		return ""
	}
	return string(cells[0].Raw())
}

// own returns the columns that a table has of its own, and the cells in them.
func own(t *tap.Table, cells []row.Value) ([]row.Column, []row.Value) {
	if !Numbered(t) {
		return t.Columns, cells
	}
	if cells == nil {
		return t.Columns[keyColumns:], nil
	}
	return t.Columns[keyColumns:], cells[keyColumns:]
}

// isKeyColumn reports whether column at of a table is not its own.
func isKeyColumn(t *tap.Table, at int) bool { return at < keyColumns && Numbered(t) }

// A Numberer gives keys to rows that have none. Any number of goroutines may use it.
type Numberer struct {
	secret [commit.KeySize]byte
	leads  func(table string) bool
	mu     sync.Mutex
	forms  map[string]form // by table
}

// form is a table as a tap told it last, and as the log has it.
type form struct{ told, table *tap.Table }

// NewNumberer returns a Numberer for the rows of a log. Leads says whether rows of
// other tables refer to those of a table.
func NewNumberer(b *recordlog.Batch, leads func(table string) bool) (*Numberer, error) {
	secret, err := b.Secret("rows without a key/v1")
	if err != nil {
		return nil, err
	}
	return &Numberer{secret: secret, leads: leads, forms: make(map[string]form)}, nil
}

// Table returns a table in the form that the log has it in: with a key, or refused.
func (n *Numberer) Table(t *tap.Table) *tap.Table {
	reserved := slices.ContainsFunc(t.Columns, func(c row.Column) bool { return c.Name == digestColumn || c.Name == numberColumn })
	if !t.Keyless() && !reserved {
		return t
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	held := n.forms[t.Name]
	if held.told == t || held.told != nil && slices.Equal(held.told.Columns, t.Columns) && slices.Equal(held.told.Key, t.Key) &&
		slices.Equal(held.told.Notes, t.Notes) && held.told.Refused == t.Refused {
		return held.table
	}
	made := *t
	switch {
	case n.leads(t.Name):
		made.Refused = "no key names its rows, and rows of other tables are led to their patient through it: give it a primary key of one column"
	case reserved:
		made.Refused = "a column of it is called " + digestColumn + " or " + numberColumn + ", as the keys of rows without one are: give it another name"
	default:
		made.Columns = append([]row.Column{{Name: digestColumn, Type: row.Bytes}, {Name: numberColumn, Type: row.Int}}, t.Columns...)
		made.Key = []int{0, 1}
	}
	n.forms[t.Name] = form{t, &made}
	return &made
}

// Chunk brings a table that was read whole into the form that the log has it in.
func (n *Numberer) Chunk(c *tap.Chunk) {
	t := n.Table(c.Table)
	if c.Table = t; !Numbered(t) {
		return
	}
	d := n.digester(t)
	counts := make(map[reference]int64)
	for i := range c.Rows {
		digest := d.digest(c.Rows[i].Cells)
		counts[digest]++
		c.Rows[i].Cells = numbered(digest, counts[digest], c.Rows[i].Cells)
	}
}

// numbered puts a row's key before its cells.
func numbered(digest reference, number int64, cells []row.Value) []row.Value {
	out := make([]row.Value, 0, keyColumns+len(cells))
	return append(append(out, row.NewBytes(digest[:]), row.NewInt(number)), cells...)
}

// Change brings a change of a table without a key into the form that the log has
// the table in; any other change stays as it is. What b holds tells the numbers.
func (n *Numberer) Change(b *recordlog.Batch, c *tap.Change) (*tap.Change, error) {
	t := n.Table(c.Table)
	if t == c.Table {
		return c, nil
	}
	d, out := n.digester(t), *c
	if out.Table = t; t.Refused != "" {
		return &out, nil
	}
	var before, after reference
	var err error
	if c.Before != nil {
		before = d.digest(c.Before)
		out.Before, err = highest(b, t.Name, before, c.Before)
	}
	if err != nil || c.After == nil {
		return &out, err
	}
	if after = d.digest(c.After); c.Before != nil && before == after { // what differs is not told
		out.After = slices.Concat(out.Before[:keyColumns], c.After)
		return &out, nil
	}
	live, err := liveNumber(b, t.Name, after)
	out.After = numbered(after, live+1, c.After)
	return &out, err
}

// Renumber gives the row that an update in the log's form leaves the number that is
// the next by now. The row that it was may have had it until it was found under that key.
func Renumber(b *recordlog.Batch, c *tap.Change) error {
	if !Numbered(c.Table) || c.Before == nil || c.After == nil || row.Equal(c.Before[0], c.After[0]) {
		return nil
	}
	live, err := liveNumber(b, c.Table.Name, reference(c.After[0].Raw()))
	c.After[1] = row.NewInt(live + 1)
	return err
}

// highest gives a row the highest number that a row like it has, or the first if
// there is none.
func highest(b *recordlog.Batch, table string, digest reference, cells []row.Value) ([]row.Value, error) {
	live, err := liveNumber(b, table, digest)
	return numbered(digest, max(live, 1), cells), err
}

// liveNumber returns the highest number that a row of a digest has in the log, 0 if
// there is no such row: it is there, and the next one is not.
func liveNumber(b *recordlog.Batch, table string, digest reference) (int64, error) {
	var key []byte
	live := func(number int64) (bool, error) {
		key = row.AppendKey(key[:0], numbered(digest, number, nil))
		head, known, err := b.Head(table, key)
		return known && !head.Deleted, err
	}
	least, most := int64(0), int64(1)
	for {
		there, err := live(most)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		least, most = most, 2*most
	}
	for least+1 < most {
		middle := (least + most) / 2
		there, err := live(middle)
		if err != nil {
			return 0, err
		}
		if there {
			least = middle
		} else {
			most = middle
		}
	}
	return least, nil
}

// digester computes the digests of rows of one table.
type digester struct {
	mac   hash.Hash
	names []string // of the table's own columns, in lower case
	order []int    // of the columns, by these names
	head  []byte
	buf   []byte
}

// digester returns that of a table in the log's form. The digest is HMAC-SHA-256 of
// the table's name, and of name and cell of each cell that is not null in the order
// of the names: a column that comes with nulls changes none, wherever it stands.
func (n *Numberer) digester(t *tap.Table) *digester {
	columns, _ := own(t, nil)
	d := &digester{mac: hmac.New(sha256.New, n.secret[:]), head: dcbor.AppendText(nil, t.Name)}
	for i := range columns {
		d.names, d.order = append(d.names, strings.ToLower(columns[i].Name)), append(d.order, i)
	}
	slices.SortFunc(d.order, func(a, b int) int { return strings.Compare(d.names[a], d.names[b]) })
	return d
}

func (d *digester) digest(cells []row.Value) (out reference) {
	d.buf = append(d.buf[:0], d.head...)
	for _, i := range d.order {
		if !cells[i].IsNull() {
			d.buf = row.AppendCell(dcbor.AppendText(d.buf, d.names[i]), cells[i])
		}
	}
	d.mac.Reset()
	d.mac.Write(d.buf)
	d.buf = d.mac.Sum(d.buf[:0])
	copy(out[:], d.buf)
	return out
}
