package patients

import (
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// A RefusedRow is a row with columns that hold what is no identifier of its system.
type RefusedRow struct {
	Table    string
	Key      []byte // canonical
	Refusals []Refusal
}

// refuse notes what was refused of a row, and counts it by system.
func (p *Patients) refuse(b *recordlog.Batch, at []byte, table string, key []byte, before []string, now []Refusal) error {
	if len(before) == 0 && len(now) == 0 {
		return nil
	}
	change := map[string]int{}
	for _, system := range before {
		change[system]--
	}
	var value []byte
	if len(now) > 0 {
		value = dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 4), format), table)
		value = dcbor.AppendArray(dcbor.AppendBytes(value, key), len(now))
	}
	for _, r := range now {
		change[r.System]++
		value = dcbor.AppendText(dcbor.AppendText(dcbor.AppendText(dcbor.AppendArray(value, 3), r.Column), r.System), r.Reason)
	}
	b.Set(refusedPrefix+string(at), value)
	for system, by := range change {
		if err := addCount(b, system, by); err != nil {
			return err
		}
	}
	return nil
}

func addCount(b *recordlog.Batch, system string, by int) error {
	if by == 0 {
		return nil
	}
	held, err := b.Get(countPrefix + system)
	if err != nil {
		return err
	}
	count, err := parseCount(held)
	if err != nil {
		return err
	}
	if count += int64(by); count == 0 {
		b.Set(countPrefix+system, nil)
		return nil
	}
	b.Set(countPrefix+system, dcbor.AppendInt(nil, count))
	return nil
}

func parseCount(value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	r := dcbor.NewReader(value)
	count := r.Int()
	if err := r.Done(); err != nil {
		return 0, fmt.Errorf("read how many identifiers were refused: %w", err)
	}
	return count, nil
}

// RefusedCounts returns how many cells hold what is no identifier of its system, by
// the system.
func (p *Patients) RefusedCounts() (map[string]int64, error) {
	counts := map[string]int64{}
	return counts, p.log.Each(countPrefix, func(name string, value []byte) (err error) {
		counts[name[len(countPrefix):]], err = parseCount(value)
		return err
	})
}

var errEnough = errors.New("as many as were asked for")

// Refused returns up to most rows with refused identifiers, in no order, and
// whether there are more.
func (p *Patients) Refused(most int) (rows []RefusedRow, more bool, err error) {
	err = p.log.Each(refusedPrefix, func(_ string, value []byte) error {
		if len(rows) == most {
			return errEnough
		}
		r := dcbor.NewReader(value)
		r.ArrayOf(4)
		if f := r.Uint(); r.Err() == nil && f != format {
			return fmt.Errorf("refused identifiers of format %d, this program knows %d", f, format)
		}
		row := RefusedRow{Table: r.Text(), Key: r.Bytes()}
		for range r.Array() {
			r.ArrayOf(3)
			row.Refusals = append(row.Refusals, Refusal{r.Text(), r.Text(), r.Text()})
		}
		rows = append(rows, row)
		return r.Done()
	})
	if errors.Is(err, errEnough) {
		return rows, true, nil
	}
	return rows, false, err
}
