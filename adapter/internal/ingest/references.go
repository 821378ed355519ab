package ingest

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// The references that the stream last told are kept, for it goes on where it
// stopped: what the source followed before it comes to a change of them went by
// those, whatever the source has by now.
const (
	referencesPrefix = "ingest/references/"
	referencesFormat = 1
)

// recallReferences gives a table that was listed the references last told at the
// place where the stream stands. A stream that begins now has those listed.
func (s *session) recallReferences(b *recordlog.Batch, t *tap.Table) error {
	if t.Refused != "" {
		return nil
	}
	held, err := b.Get(referencesPrefix + t.Name)
	if err != nil {
		return err
	}
	if held == nil || s.place.position == nil {
		setReferences(b, t)
		return nil
	}
	if t.References, err = parseReferences(held); err != nil {
		return fmt.Errorf("read references of table %s: %w", t.Name, err)
	}
	return nil
}

// setReferences keeps a table's references: [1, name, columns, table, of,
// on delete, on update, name, …].
func setReferences(b *recordlog.Batch, t *tap.Table) {
	e := dcbor.AppendUint(dcbor.AppendArray(nil, 1+6*len(t.References)), referencesFormat)
	for _, r := range t.References {
		e = appendNames(dcbor.AppendText(e, r.Name), r.Columns)
		e = appendNames(dcbor.AppendText(e, r.Table), r.Of)
		e = dcbor.AppendUint(dcbor.AppendUint(e, uint64(r.OnDelete)), uint64(r.OnUpdate))
	}
	b.Set(referencesPrefix+t.Name, e)
}

func parseReferences(b []byte) (list []tap.Reference, err error) {
	r := dcbor.NewReader(b)
	n := r.Array()
	if f := r.Uint(); r.Err() == nil && f != referencesFormat {
		return nil, fmt.Errorf("references of format %d, this program knows %d", f, referencesFormat)
	}
	for ; n > 1 && r.Err() == nil; n -= 6 {
		list = append(list, tap.Reference{Name: r.Text(), Columns: readNames(r), Table: r.Text(), Of: readNames(r),
			OnDelete: tap.Action(r.Uint()), OnUpdate: tap.Action(r.Uint())})
	}
	return list, r.Done()
}

func appendNames(b []byte, names []string) []byte {
	b = dcbor.AppendArray(b, len(names))
	for _, name := range names {
		b = dcbor.AppendText(b, name)
	}
	return b
}

func readNames(r *dcbor.Reader) (names []string) {
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		names = append(names, r.Text())
	}
	return names
}
