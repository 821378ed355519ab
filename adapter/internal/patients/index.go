package patients

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/crypto/vid"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func newStamp() []byte {
	stamp := make([]byte, stampSize)
	_, _ = rand.Read(stamp) // never fails
	return stamp
}

// mac returns the digest of parts for a purpose, under the secret of names.
func (p *Patients) mac(purpose string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, p.secret[:])
	m.Write([]byte(purpose))
	for _, part := range parts {
		m.Write(binary.BigEndian.AppendUint32(make([]byte, 0, 4), uint32(len(part))))
		m.Write(part)
	}
	return m.Sum(nil)
}

// rowName names a row: a tag of its table, and a digest of both.
func (p *Patients) rowName(table string, key []byte) []byte {
	name := p.mac("table", []byte(table))[:tagSize:tagSize]
	return append(name, p.mac("row", []byte(table), key)[:nameSize-tagSize]...)
}

// idName names a local id: its epoch, and a digest of both.
func (p *Patients) idName(l vid.Local) []byte {
	name := binary.BigEndian.AppendUint16(make([]byte, 0, 2+nameSize), l.Epoch)
	return append(name, p.mac("id", name, l.ID[:])[:nameSize]...)
}

// heldRow is what the index holds of a row.
type heldRow struct {
	digest  []byte   // of all that its entries are made of
	ids     [][]byte // idNames
	refused []string // systems
}

func (h *heldRow) append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(b, 4), format), h.digest)
	b = dcbor.AppendArray(b, len(h.ids))
	for _, id := range h.ids {
		b = dcbor.AppendBytes(b, id)
	}
	b = dcbor.AppendArray(b, len(h.refused))
	for _, system := range h.refused {
		b = dcbor.AppendText(b, system)
	}
	return b
}

func (p *Patients) readRow(b *recordlog.Batch, at []byte) (h heldRow, err error) {
	value, err := b.Get(rowPrefix + string(at))
	if err != nil || value == nil {
		return h, err
	}
	r := dcbor.NewReader(value)
	r.ArrayOf(4)
	if f := r.Uint(); r.Err() == nil && f != format {
		return h, fmt.Errorf("index of patients has format %d, this program knows %d", f, format)
	}
	h.digest = r.Bytes()
	for range r.Array() {
		h.ids = append(h.ids, r.Bytes())
	}
	for range r.Array() {
		h.refused = append(h.refused, r.Text())
	}
	return h, r.Done()
}

// Row brings the index to a row of an identity table as it stands.
func (p *Patients) Row(b *recordlog.Batch, t *tap.Table, key []byte, cells []row.Value, patient []byte) error {
	at := p.rowName(t.Name, key)
	held, err := p.readRow(b, at)
	if err != nil {
		return err
	}
	if cells == nil {
		return p.forgetRow(b, at, held)
	}
	ids, refused := p.identifiers(t, cells)
	if patient == nil {
		ids = nil // nobody is found by it
	}
	digest := p.digest(ids, refused, patient)
	if bytes.Equal(digest, held.digest) {
		return nil
	}
	want, weak, err := p.want(ids)
	if err != nil {
		return err
	}
	want.digest = digest
	for _, r := range refused {
		want.refused = append(want.refused, r.System)
	}
	p.drop(b, at, held.ids, want.ids)
	for n, id := range want.ids {
		name := idPrefix + string(id) + string(at)
		b.Set(name, p.seal(name, entry{patient, weak[n]}))
	}
	b.Set(rowPrefix+string(at), want.append(nil))
	return p.refuse(b, at, t.Name, key, held.refused, refused)
}

// digest is of all that the index makes of a row: most changes of a row leave it as
// it is, and then nothing needs to be derived.
func (p *Patients) digest(ids []vid.Identifier, refused []Refusal, patient []byte) []byte {
	parts := append([][]byte{patient}, p.stamps...)
	for _, id := range ids {
		parts = append(parts, []byte(id.System()), []byte(id.Value()))
	}
	for _, r := range refused {
		parts = append(parts, []byte(r.Column), []byte(r.System), []byte(r.Reason))
	}
	return p.mac(fmt.Sprintf("row as it stands, %d epochs, %d identifiers", len(p.stamps), len(ids)), parts...)[:nameSize]
}

// want returns the names of identifiers in all epochs, and which are weak.
func (p *Patients) want(ids []vid.Identifier) (h heldRow, weak []bool, err error) {
	for _, id := range ids {
		for _, d := range p.derivers {
			l, err := p.site.Local(d.Epoch(), d.Root(id))
			if err != nil {
				return h, nil, err
			}
			name := p.idName(l)
			if slices.ContainsFunc(h.ids, func(held []byte) bool { return bytes.Equal(held, name) }) {
				continue // two columns hold the same
			}
			h.ids, weak = append(h.ids, name), append(weak, id.Weak())
		}
	}
	return h, weak, nil
}

// drop deletes the entries of a row but for those that stay.
func (p *Patients) drop(b *recordlog.Batch, at []byte, held, stay [][]byte) {
	for _, id := range held {
		if !slices.ContainsFunc(stay, func(s []byte) bool { return bytes.Equal(s, id) }) {
			b.Set(idPrefix+string(id)+string(at), nil)
		}
	}
}

// ForgetRow drops all that the index holds of a row of an identity table, until the
// source changes it.
func (p *Patients) ForgetRow(b *recordlog.Batch, table string, key []byte) error {
	return p.forget(b, p.rowName(table, key))
}

// forget drops all that the index holds of a row.
func (p *Patients) forget(b *recordlog.Batch, at []byte) error {
	held, err := p.readRow(b, at)
	if err != nil {
		return err
	}
	return p.forgetRow(b, at, held)
}

func (p *Patients) forgetRow(b *recordlog.Batch, at []byte, held heldRow) error {
	if held.digest == nil {
		return nil
	}
	p.drop(b, at, held.ids, nil)
	b.Set(rowPrefix+string(at), nil)
	return p.refuse(b, at, "", nil, held.refused, nil)
}

// entry is what the index says of an id: whose it is.
type entry struct {
	patient []byte
	weak    bool
}

func (p *Patients) seal(name string, e entry) []byte {
	weak := uint64(0)
	if e.weak {
		weak = 1
	}
	plain := dcbor.AppendUint(dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 3), format), e.patient), weak)
	return p.aead.Seal(nil, nil, plain, []byte(name))
}

func (p *Patients) open(name string, value []byte) (e entry, err error) {
	plain, err := p.aead.Open(nil, nil, value, []byte(name))
	if err != nil {
		return e, fmt.Errorf("open an entry of the index of patients: it was altered, or sealed with another log's key")
	}
	r := dcbor.NewReader(plain)
	r.ArrayOf(3)
	if f := r.Uint(); r.Err() == nil && f != format {
		return e, fmt.Errorf("index of patients has format %d, this program knows %d", f, format)
	}
	e.patient, e.weak = r.Bytes(), r.Uint() == 1
	return e, r.Done()
}
