// Package patients finds the source's patients by the identifiers that other
// hospitals know them by.
//
//	row as recorded → identifiers (rule, text, normal form) → root of each epoch
//	→ local id (lid1…) → index: local id, row → patient
//
// The index is fed with the rows of the identity tables as they are recorded, in
// the same batch of the record log: it is never behind and never ahead of them, and
// the source is never asked. A row whose identifiers changed loses the old ones, a
// deleted one all. Two patients with one identifier are both found, and told as
// ambiguous. What is no identifier of its system is not indexed; it is counted by
// system and its row listed, without the value.
//
// A root is the same at every member, so none is ever on disk. In the log's named
// state stand
//
//	patients/id/ u16 epoch ‖ 16 bytes ‖ row      [1, patient, weak], sealed
//	patients/row/ row                            [1, digest, names of its ids, systems refused]
//	patients/refused/ row                        [1, table, key, [column, system, reason] …]
//	patients/count/ system                       how many rows have a refused one
//	patients/epoch/ u16 epoch                    [1, key id, 8 random bytes]
//	patients/table/ name                         [1, rules, 8 bytes of each epoch whole]
//	patients/site                                key id of the site's key
//	patients/merged/ patient                     [1, patient, leaf]
//	patients/local/ u16 epoch ‖ 20 bytes         [1, patient or empty]
//
// The 16 bytes are HMAC-SHA-256 of epoch and local id; a row is 4 bytes of the HMAC
// of its table and 12 of that of its table and key; values are sealed with
// AES-256-GCM, their names as associated data. Both keys are secrets of the log's
// own, which its wrapping key wraps. So who reads the disk, with the epoch's key and
// without the wrapping key, can neither invert the index nor test a guess.
package patients

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/vid"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Options of a Patients.
type Options struct {
	Site     *vid.Site
	Derivers []vid.Deriver // of the epochs that hold, one each
	Systems  *vid.Systems
	Tables   []Table
	Mappings []rows.Mapping // of all tables
}

// Patients is the index of one log's patients. Row is for one goroutine, inside the
// log's Update; all else is safe for concurrent use.
type Patients struct {
	log      *recordlog.Log
	site     *vid.Site
	systems  *vid.Systems
	derivers []vid.Deriver // by their epochs
	stamps   [][]byte      // of the derivers' epochs
	tables   map[string]*Table
	shapes   map[*tap.Table]*shape
	guide    *rows.Guide
	led      map[string]bool // tables whose rows are led to their patient by others
	secret   [32]byte        // of names
	aead     cipher.AEAD
}

const format = 1

// ErrSite says that the site's key is another than the one that this log's ids were
// made with.
var ErrSite = errors.New("not the site key that this log's patient ids were made with")

// New opens the index of a log. Epochs and tables that are not among the options any
// more are dropped from it; rows of tables whose rules are others, and rows without
// the ids of an epoch, are indexed once the table is read again.
func New(log *recordlog.Log, o Options) (*Patients, error) {
	p := &Patients{log: log, site: o.Site, systems: o.Systems, tables: make(map[string]*Table, len(o.Tables)),
		shapes: make(map[*tap.Table]*shape), derivers: slices.Clone(o.Derivers), guide: rows.NewGuide(log, o.Mappings)}
	p.led = make(map[string]bool)
	for _, m := range o.Mappings {
		p.led[m.Table] = m.To != ""
	}
	slices.SortFunc(p.derivers, func(a, b vid.Deriver) int { return int(a.Epoch()) - int(b.Epoch()) })
	for i := range o.Tables {
		p.tables[o.Tables[i].Name] = &o.Tables[i]
	}
	if err := log.Update(p.prepare); err != nil {
		return nil, fmt.Errorf("open the index of patients: %w", err)
	}
	if err := p.dropTables(); err != nil {
		return nil, fmt.Errorf("drop tables from the index of patients: %w", err)
	}
	if err := p.meetEpochs(); err != nil {
		return nil, fmt.Errorf("meet epochs in the index of patients: %w", err)
	}
	return p, nil
}

// prepare makes the log's secrets and checks whose site's log it is.
func (p *Patients) prepare(b *recordlog.Batch) error {
	seal, err := b.Secret("patients/seal/v1")
	if err != nil {
		return err
	}
	if p.secret, err = b.Secret("patients/names/v1"); err != nil {
		return err
	}
	block, err := aes.NewCipher(seal[:])
	if err != nil {
		return err
	}
	if p.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return err
	}
	const name = "patients/site"
	held, err := b.Get(name)
	if err != nil {
		return err
	}
	if held != nil && string(held) != p.site.KeyID() {
		return fmt.Errorf("%w: that was %s, this is %s", ErrSite, held, p.site.KeyID())
	}
	if held == nil {
		b.Set(name, []byte(p.site.KeyID()))
	}
	for table := range p.tables { // so that it is known to have rows here before it is whole
		held, err := b.Get(tablePrefix + table)
		if err != nil {
			return err
		}
		if held == nil {
			b.Set(tablePrefix+table, tableState(nil, nil))
		}
	}
	return nil
}

func tableState(rules, stamps []byte) []byte {
	b := dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 3), format), rules)
	return dcbor.AppendBytes(b, stamps)
}

const (
	idPrefix      = "patients/id/"
	rowPrefix     = "patients/row/"
	refusedPrefix = "patients/refused/"
	countPrefix   = "patients/count/"
	epochPrefix   = "patients/epoch/"
	tablePrefix   = "patients/table/"

	stampSize = 8
	nameSize  = 16
	tagSize   = 4
)

func u16(n uint16) string { return string(binary.BigEndian.AppendUint16(nil, n)) }

// meetEpochs drops the epochs that ended, or whose number has another key now, and
// notes the new ones. An epoch that is dropped and comes again has another stamp, so
// that its ids are made anew.
func (p *Patients) meetEpochs() error {
	held := map[uint16][]byte{}
	err := p.log.Each(epochPrefix, func(name string, value []byte) error {
		epoch := binary.BigEndian.Uint16([]byte(name[len(epochPrefix):]))
		r := dcbor.NewReader(value)
		r.ArrayOf(3)
		version, id, stamp := r.Uint(), r.Text(), r.Bytes()
		if err := r.Done(); err != nil || version != format || len(stamp) != stampSize {
			return fmt.Errorf("the state of epoch %d is malformed or of another format", epoch)
		}
		for _, d := range p.derivers {
			if d.Epoch() == epoch && d.KeyID() == id {
				held[epoch] = stamp
				return nil
			}
		}
		return p.dropAll(name, idPrefix+u16(epoch))
	})
	if err != nil {
		return err
	}
	return p.log.Update(func(b *recordlog.Batch) error {
		for _, d := range p.derivers {
			stamp, known := held[d.Epoch()]
			if !known {
				stamp = newStamp()
				value := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 3), format), d.KeyID())
				b.Set(epochPrefix+u16(d.Epoch()), dcbor.AppendBytes(value, stamp))
			}
			p.stamps = append(p.stamps, stamp)
		}
		return nil
	})
}

// dropTables drops the rows of tables that say nothing of patients any more.
func (p *Patients) dropTables() error {
	return p.log.Each(tablePrefix, func(name string, _ []byte) error {
		table := name[len(tablePrefix):]
		if p.Observes(table) {
			return nil
		}
		return p.dropTable(name, table)
	})
}

func (p *Patients) dropTable(state, table string) error {
	tag := string(p.mac("table", []byte(table))[:tagSize])
	err := p.inBatches(rowPrefix+tag, func(b *recordlog.Batch, name string, _ []byte) error {
		return p.forget(b, []byte(name[len(rowPrefix):]))
	})
	if err != nil {
		return err
	}
	return p.log.Update(func(b *recordlog.Batch) error { b.Set(state, nil); return nil })
}

// dropAll deletes all states of a prefix, and then the one that tells of them.
func (p *Patients) dropAll(last, prefix string) error {
	err := p.inBatches(prefix, func(b *recordlog.Batch, name string, _ []byte) error { b.Set(name, nil); return nil })
	if err != nil {
		return err
	}
	return p.log.Update(func(b *recordlog.Batch) error { b.Set(last, nil); return nil })
}

// inBatches calls fn for all states of a prefix, in updates of some thousand.
func (p *Patients) inBatches(prefix string, fn func(b *recordlog.Batch, name string, value []byte) error) error {
	return inBatches(p.log, prefix, fn)
}

type state struct {
	name  string
	value []byte
}

func inBatches(log *recordlog.Log, prefix string, fn func(b *recordlog.Batch, name string, value []byte) error) error {
	const most = 5000
	var held []state
	flush := func() error {
		defer func() { held = held[:0] }()
		if len(held) == 0 {
			return nil
		}
		return log.Update(func(b *recordlog.Batch) error {
			for _, s := range held {
				if err := fn(b, s.name, s.value); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := log.Each(prefix, func(name string, value []byte) error {
		if held = append(held, state{name, value}); len(held) < most {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// Forget drops the index from a log whose configuration has no patients any more.
// Merges and ids that were given out stay.
func Forget(log *recordlog.Log) error {
	for _, prefix := range []string{tablePrefix, idPrefix, rowPrefix, refusedPrefix, countPrefix, epochPrefix} {
		err := inBatches(log, prefix, func(b *recordlog.Batch, name string, _ []byte) error { b.Set(name, nil); return nil })
		if err != nil {
			return fmt.Errorf("forget the index of patients: %w", err)
		}
	}
	return nil
}

// Observes reports whether a table says who patients are.
func (p *Patients) Observes(table string) bool { return p.tables[table] != nil }

// Whole reports whether all recorded rows of a table are in the index by its rules
// and with the ids of all epochs.
func (p *Patients) Whole(b *recordlog.Batch, table string) (bool, error) {
	held, err := b.Get(tablePrefix + table)
	if err != nil {
		return false, err
	}
	return p.isWhole(table, held)
}

func (p *Patients) isWhole(table string, held []byte) (bool, error) {
	if held == nil {
		return false, nil
	}
	r := dcbor.NewReader(held)
	r.ArrayOf(3)
	version, rules, stamps := r.Uint(), r.Bytes(), r.Bytes()
	if err := r.Done(); err != nil || version != format || len(stamps)%stampSize != 0 {
		return false, fmt.Errorf("the state of table %s is malformed or of another format", table)
	}
	digest := p.tables[table].digest()
	if !bytes.Equal(rules, digest[:]) {
		return false, nil
	}
	for _, stamp := range p.stamps {
		if !slices.ContainsFunc(slices.Collect(slices.Chunk(stamps, stampSize)), func(s []byte) bool { return bytes.Equal(s, stamp) }) {
			return false, nil
		}
	}
	return true, nil
}

// SetWhole says that they are.
func (p *Patients) SetWhole(b *recordlog.Batch, table string) {
	digest := p.tables[table].digest()
	b.Set(tablePrefix+table, tableState(digest[:], bytes.Join(p.stamps, nil)))
}

// Lacking returns the tables of which rows are not in the index yet as they are to
// be: what is not found may be in them.
func (p *Patients) Lacking() (tables []string, err error) {
	for table := range p.tables {
		held, err := p.log.Get(tablePrefix + table)
		if err != nil {
			return nil, err
		}
		whole, err := p.isWhole(table, held)
		if err != nil {
			return nil, err
		}
		if !whole {
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	return tables, nil
}

// digest is of all that says what a table's rows are indexed by.
func (t *Table) digest() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %q", format, *t))
}
