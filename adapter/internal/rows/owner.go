package rows

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// whose says whose key a version is committed under.
type whose struct {
	id    uint64
	owner *commit.Owner
	// lead is how that was found, for the rows that refer to this one; the zero
	// lead where they are to stay with what they have.
	lead lead
}

// whose finds the owner of a version.
func (r *Recorder) whose(b *recordlog.Batch, s *shape, v Version, head recordlog.Head, known bool) (w whose, err error) {
	switch {
	case v.Op == commit.Delete && known:
		w.id, w.owner, err = b.OwnerOf(head.Index)
	case s.patient < 0 || v.Op == commit.Delete:
		w.id, w.owner, err = b.Owner(recordlog.OwnerName{Kind: recordlog.OwnerTable, Table: v.Table.Name})
	default:
		w, err = r.led(b, s, v.Table.Name, v.Cells)
	}
	return w, err
}

// led finds whose a row of r.key is, by where it leads.
func (r *Recorder) led(b *recordlog.Batch, s *shape, table string, cells []row.Value) (w whose, err error) {
	who, ok := identity(cells[s.patient])
	switch {
	case !ok:
		w.id, w.owner, err = r.own(b, table)
	case s.to == "":
		w.id, w.owner, err = b.Owner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: row.AppendCell(nil, who)})
	default:
		if w.lead.to, err = r.index.reference(b, s.to, who); err == nil {
			w.id, w.owner, err = r.index.follow(b, w.lead, len(r.mappings))
		}
		return w, err
	}
	w.lead.owner = w.id
	return w, err
}

// note keeps what later rows need to know of a recorded version.
func (r *Recorder) note(b *recordlog.Batch, s *shape, v Version, w whose) error {
	if v.Op == commit.Delete || s.patient < 0 {
		return nil
	}
	if err := r.linkOwn(b, v.Table.Name, w.id); err != nil {
		return fmt.Errorf("link a row's own key: %w", err)
	}
	if !s.leads {
		return nil
	}
	return r.noteRow(b, v.Table, v.Cells, w)
}

func (r *Recorder) noteRow(b *recordlog.Batch, t *tap.Table, cells []row.Value, w whose) error {
	named, ok := identity(cells[t.Key[0]])
	if !ok {
		return nil
	}
	at, err := r.index.reference(b, t.Name, named)
	if err != nil {
		return err
	}
	return r.index.note(b, at, w, len(r.mappings))
}

// ownPrefix names, per table, the state that rows of it have keys of their own:
// where it is absent nobody needs to look for one.
const ownPrefix = "owner/own/"

// own returns the owner that a row of r.key has while its patient is not known.
func (r *Recorder) own(b *recordlog.Batch, table string) (uint64, *commit.Owner, error) {
	r.index.own[table] = true
	b.Set(ownPrefix+table, []byte{indexFormat})
	return b.Owner(recordlog.OwnerName{Kind: recordlog.OwnerRow, Table: table, Key: r.key})
}

// linkOwn links a row's own key, if its version before was committed under that,
// to the owner that the row has now.
func (r *Recorder) linkOwn(b *recordlog.Batch, table string, owner uint64) error {
	any, asked := r.index.own[table]
	if !asked {
		held, err := b.Get(ownPrefix + table)
		if err != nil {
			return err
		}
		any = held != nil
		r.index.own[table] = any
	}
	if !any {
		return nil
	}
	own, err := b.KnownOwner(recordlog.OwnerName{Kind: recordlog.OwnerRow, Table: table, Key: r.key})
	if err != nil || own == 0 || own == owner {
		return err
	}
	head, _, err := b.Head(table, r.key)
	if err != nil {
		return err
	}
	latest, err := b.Entry(head.Index)
	if err != nil || latest.Header.Previous == commit.NoPrevious {
		return err
	}
	before, err := b.Entry(latest.Header.Previous)
	if err != nil || before.Owner != own {
		return err
	}
	return link(b, own, owner)
}

// identity returns a patient's key, or a reference to a row, in the one form
// that it has here whatever the type of the column; ok is false where it says
// that there is none.
func identity(v row.Value) (id row.Value, ok bool) {
	switch v.Type() {
	case row.Any:
		return v, false
	case row.Decimal, row.Text, row.Enum:
		return textIdentity(v)
	case row.Bits:
		n, _ := v.Int64()
		return row.NewUint(uint64(n)), n != 0
	case row.Int:
		n, _ := v.Int64()
		return v, n != 0
	}
	return v, true
}

// ParsePatient reads a patient's key as a person writes it, as one canonical cell.
// Text that is not ASCII is taken for UTF-8; 0x and hex digits are bytes.
func ParsePatient(text string) (cell []byte, ok bool) {
	if digits, is := strings.CutPrefix(text, "0x"); is {
		b, err := hex.DecodeString(digits)
		return row.AppendCell(nil, row.NewBytes(b)), err == nil && len(b) > 0
	}
	v, ok := textIdentity(row.NewText("utf8", []byte(text)))
	return row.AppendCell(nil, v), ok && utf8.ValidString(text)
}

// FormatPatient writes what ParsePatient reads.
func FormatPatient(cell []byte) (string, error) {
	r := dcbor.NewReader(cell)
	v := row.ReadCell(r)
	if err := r.Done(); err != nil {
		return "", fmt.Errorf("read a patient's key: %w", err)
	}
	switch v.Type() {
	case row.Bytes, row.UUID:
		return "0x" + hex.EncodeToString(v.Raw()), nil
	case row.Text, row.Enum:
		return string(v.Raw()), nil
	}
	return v.Display(), nil
}

// textIdentity reads a whole number that is written as text. Blanks at the end
// do not count, as they do not to databases. ASCII is the same in every set.
func textIdentity(v row.Value) (row.Value, bool) {
	text := bytes.TrimRight(v.Raw(), " ")
	if len(text) == 0 {
		return v, false
	}
	if n, err := strconv.ParseUint(string(text), 10, 64); err == nil && strconv.FormatUint(n, 10) == string(text) {
		return row.NewUint(n), n != 0
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(text) {
		return row.NewInt(n), true
	}
	for _, c := range text {
		if c >= 0x80 {
			return row.NewText(v.Charset(), text), true
		}
	}
	return row.NewText("ascii", text), true
}
