package sweep

import (
	"context"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// settle fetches suspects by key until each is at rest or judged.
func (s *sweep) settle(ctx context.Context, suspects [][]row.Value) error {
	for try := 0; len(suspects) > 0; try++ {
		var hot [][]row.Value
		for batch := range slices.Chunk(suspects, s.options.ChunkRows) {
			again, err := s.settleBatch(ctx, batch, try >= s.options.Retries)
			if err != nil {
				return err
			}
			hot = append(hot, again...)
		}
		suspects = hot
	}
	return nil
}

// settleBatch fetches suspects, in as many parts as the source makes of them,
// and returns the keys of those still hot. A key that the source has not looked
// for is judged by the part that has.
func (s *sweep) settleBatch(ctx context.Context, batch [][]row.Value, last bool) (hot [][]row.Value, err error) {
	for len(batch) > 0 {
		chunk, window, err := s.source.Fetch(ctx, s.table, batch)
		if err != nil {
			return nil, err
		}
		again, err := s.judgeAll(without(batch, chunk.Unread), chunk, window, last)
		if err != nil {
			return nil, err
		}
		hot, batch = append(hot, again...), chunk.Unread
	}
	return hot, nil
}

// without returns the keys that are not among others.
func without(keys, others [][]row.Value) [][]row.Value {
	if len(others) == 0 {
		return keys
	}
	drop := make(map[string]bool, len(others))
	for _, key := range others {
		drop[string(row.AppendKey(nil, key))] = true
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key []row.Value) bool { return drop[string(row.AppendKey(nil, key))] })
}

// judgeAll judges fetched suspects and returns the keys of those still hot.
func (s *sweep) judgeAll(keys [][]row.Value, chunk tap.Chunk, w recordlog.Window, last bool) ([][]row.Value, error) {
	s.result.Table = chunk.Table
	found := make(map[string][]row.Value, len(chunk.Rows))
	for _, r := range chunk.Rows {
		found[string(row.AppendKey(nil, chunk.Table.KeyOf(r.Cells)))] = r.Cells
	}
	s.reading = make(map[string]bool, len(keys))
	var there, absent [][]row.Value
	for _, key := range keys {
		encoded := string(row.AppendKey(nil, key))
		if s.reading[encoded] {
			continue
		}
		s.reading[encoded] = true
		if found[encoded] != nil {
			there = append(there, key)
		} else {
			absent = append(absent, key)
		}
	}
	var hot [][]row.Value
	// A row that is there may be one that is absent under another key.
	for _, key := range append(there, absent...) {
		encoded := row.AppendKey(nil, key)
		d := Deviation{Table: chunk.Table, Key: encoded, Cells: found[string(encoded)], Window: w}
		rest, err := s.judge(&d)
		switch {
		case err != nil:
			return nil, err
		case rest == atRest:
		case rest == stillHot && !last:
			hot = append(append(hot, key), d.moved...)
		default:
			if rest == stillHot {
				if err := s.judgeHot(&d); err != nil {
					return nil, err
				}
			}
			s.add(d)
		}
	}
	return hot, nil
}

func (s *sweep) add(d Deviation) {
	if d.Kind == Erased {
		s.result.Erased = append(s.result.Erased, d)
		return
	}
	s.result.Deviations = append(s.result.Deviations, d)
}
