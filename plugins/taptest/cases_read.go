package taptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// serves skips a case for an optional call that the tap does not serve, once
// the tap has said so by ErrNotServed too.
func serves(served bool, call string, err error) error {
	if served {
		return nil
	}
	if !errors.Is(err, tap.ErrNotServed) {
		return fmt.Errorf("the description leaves out %s, and calling it does not give ErrNotServed", call)
	}
	return skipped("the tap does not serve " + call)
}

// passFence waits until the stream delivers a chunk's fence.
func (s *session) passFence(ctx context.Context, chunk *tap.Chunk) ([]event, error) {
	at := -1
	seen, err := s.stream.await(ctx, "the fence of a chunk", func(seen []event) bool {
		at = slices.IndexFunc(seen, func(e event) bool { return e.fence != nil && e.fence.ID == chunk.Fence })
		return at >= 0
	})
	if err != nil {
		return nil, err
	}
	return seen[:at], nil
}

// pages reads the whole table by scans of so many rows.
func (s *session) pages(ctx context.Context, limit int, each func(*tap.Chunk) error) error {
	var after []row.Value
	for {
		chunk, err := s.tap.Scan(ctx, s.kit.Table, after, limit)
		if err != nil {
			return fmt.Errorf("scan: %w", s.kit.heardError(err))
		}
		if len(chunk.Rows) > limit {
			return fmt.Errorf("a scan for %d rows gives %d", limit, len(chunk.Rows))
		}
		if err := each(&chunk); err != nil || chunk.Last {
			return err
		}
		if len(chunk.Rows) == 0 {
			return errors.New("a scan gives no rows and does not say that it is the last")
		}
		after = chunk.Table.KeyOf(chunk.Rows[len(chunk.Rows)-1].Cells)
	}
}

// read turns rows into row number → content.
func (k *kit) read(rows []tap.Row, into map[int]int) error {
	for _, r := range rows {
		number, content, err := k.Source.Read(r.Cells)
		if err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		if _, twice := into[number]; twice {
			return fmt.Errorf("row %d is read twice", number)
		}
		into[number] = content
	}
	return nil
}

// scanPages: pages of any size cover every row of a quiet table exactly once,
// and the stream delivers their fences.
func scanPages(ctx context.Context, k *kit) (err error) {
	if _, err := k.workload(ctx); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	_, scanErr := s.tap.Scan(ctx, k.Table, nil, 1)
	if err := serves(s.tap.Describe().Scan, "scan", k.heardError(scanErr)); err != nil {
		return err
	}
	want, err := k.Source.Rows(ctx)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	for _, limit := range []int{1, 3, len(want), len(want) + 1} {
		if err := s.covers(ctx, limit, want); err != nil {
			return fmt.Errorf("pages of %d rows: %w", limit, err)
		}
	}
	_, scanErr = s.tap.Scan(ctx, missing, nil, 1)
	if !errors.Is(k.heardError(scanErr), tap.ErrTable) {
		return errors.New("a scan of a table that does not exist does not give ErrTable")
	}
	return nil
}

func (s *session) covers(ctx context.Context, limit int, want map[int]int) error {
	got := map[int]int{}
	err := s.pages(ctx, limit, func(chunk *tap.Chunk) error {
		if err := s.kit.read(chunk.Rows, got); err != nil {
			return err
		}
		_, err := s.passFence(ctx, chunk)
		return err
	})
	if err != nil {
		return err
	}
	return sameRows(want, got)
}

func sameRows(want, got map[int]int) error {
	for number, content := range want {
		if read, found := got[number]; !found || read != content {
			return fmt.Errorf("row %d is read with content %d and has %d (0: not there)", number, read, content)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d rows are read where there are %d", len(got), len(want))
	}
	return nil
}

// fetch: Fetch gives the rows of the keys that are there, and no other.
func fetch(ctx context.Context, k *kit) (err error) {
	n, err := k.newRows(ctx, 4)
	if err != nil {
		return err
	}
	steps := []Step{k.insert(n[0]), k.insert(n[1]), k.insert(n[2])}
	if err := k.apply(ctx, steps...); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	keys := [][]row.Value{k.Source.Key(n[2]), k.Source.Key(n[3]), k.Source.Key(n[0])}
	chunk, fetchErr := s.tap.Fetch(ctx, k.Table, keys)
	if err := serves(s.tap.Describe().Fetch, "fetch", k.heardError(fetchErr)); err != nil {
		return err
	}
	if fetchErr != nil {
		return fmt.Errorf("fetch: %w", fetchErr)
	}
	if err := s.fetched(ctx, &chunk, map[int]int{n[0]: steps[0].Content, n[2]: steps[2].Content}); err != nil {
		return err
	}
	if chunk, err = s.tap.Fetch(ctx, k.Table, keys[1:2]); err != nil {
		return fmt.Errorf("fetch a row that is not there: %w", k.heardError(err))
	}
	if err := s.fetched(ctx, &chunk, map[int]int{}); err != nil {
		return err
	}
	_, fetchErr = s.tap.Fetch(ctx, missing, keys)
	if !errors.Is(k.heardError(fetchErr), tap.ErrTable) {
		return errors.New("a fetch from a table that does not exist does not give ErrTable")
	}
	return nil
}

func (s *session) fetched(ctx context.Context, chunk *tap.Chunk, want map[int]int) error {
	got := map[int]int{}
	if err := s.kit.read(chunk.Rows, got); err != nil {
		return err
	}
	if err := sameRows(want, got); err != nil {
		return err
	}
	_, err := s.passFence(ctx, chunk)
	return err
}

// sameBytes: a cell has the same canonical bytes by stream, scan and fetch.
func sameBytes(ctx context.Context, k *kit) (err error) {
	if len(k.Samples) == 0 {
		return skipped("the harness offers no samples of the tap's types")
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	var wrong []error
	for _, sample := range k.Samples {
		if err := s.sample(ctx, sample); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", sample.Name, err))
		}
	}
	return errors.Join(wrong...)
}

// A reading is one way by which a row was read.
type reading struct {
	way   string
	table *tap.Table
	cells image
}

func (s *session) sample(ctx context.Context, sample Sample) error {
	key, err := sample.Write(ctx)
	if err != nil {
		return fmt.Errorf("write the sample: %w", err)
	}
	var readings []reading
	for _, read := range []func(context.Context, string, []row.Value) (*reading, error){
		s.byStream, s.byFetch, s.byScan,
	} {
		r, err := read(ctx, sample.Table, key)
		if err != nil {
			return err
		}
		if r != nil {
			readings = append(readings, *r)
		}
	}
	for _, r := range readings[min(1, len(readings)):] {
		if err := sameCells(&readings[0], &r); err != nil {
			return err
		}
	}
	return nil
}

// sameCells compares two readings and names the first column that differs.
func sameCells(a, b *reading) error {
	if len(a.cells) != len(b.cells) {
		return fmt.Errorf("%s gives %d cells, %s %d", a.way, len(a.cells), b.way, len(b.cells))
	}
	for i := range a.cells {
		if a.table.Columns[i] != b.table.Columns[i] {
			return fmt.Errorf("%s and %s disagree about column %d", a.way, b.way, i+1)
		}
		if !bytes.Equal(row.AppendCell(nil, a.cells[i]), row.AppendCell(nil, b.cells[i])) {
			return fmt.Errorf("column %s has other bytes by %s than by %s", a.table.Columns[i].Name, a.way, b.way)
		}
	}
	return nil
}

func hasKey(table *tap.Table, cells image, key []row.Value) bool {
	return bytes.Equal(row.AppendKey(nil, table.KeyOf(cells)), row.AppendKey(nil, key))
}

func (s *session) byStream(ctx context.Context, table string, key []row.Value) (*reading, error) {
	if s.kit.Assurance == tap.ScanOnly {
		return nil, nil
	}
	var found *tap.Change
	_, err := s.stream.await(ctx, "the sample's change", func(seen []event) bool {
		for _, e := range slices.Backward(seen) {
			if c := e.change; c != nil && c.Table.Name == table && c.After != nil && hasKey(c.Table, c.After, key) {
				found = c
				return true
			}
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	return &reading{"stream", found.Table, found.After}, nil
}

func (s *session) byFetch(ctx context.Context, table string, key []row.Value) (*reading, error) {
	if !s.tap.Describe().Fetch {
		return nil, nil
	}
	chunk, err := s.tap.Fetch(ctx, table, [][]row.Value{key})
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", s.kit.heardError(err))
	}
	if len(chunk.Rows) != 1 {
		return nil, fmt.Errorf("fetch gives %d rows of one key", len(chunk.Rows))
	}
	return &reading{"fetch", chunk.Table, chunk.Rows[0].Cells}, nil
}

func (s *session) byScan(ctx context.Context, table string, key []row.Value) (*reading, error) {
	if !s.tap.Describe().Scan {
		return nil, nil
	}
	var after []row.Value
	for {
		chunk, err := s.tap.Scan(ctx, table, after, 1000)
		if err != nil {
			return nil, fmt.Errorf("scan: %w", s.kit.heardError(err))
		}
		for _, r := range chunk.Rows {
			if hasKey(chunk.Table, r.Cells, key) {
				return &reading{"scan", chunk.Table, r.Cells}, nil
			}
		}
		if chunk.Last || len(chunk.Rows) == 0 {
			return nil, errors.New("scan does not find the row")
		}
		after = chunk.Table.KeyOf(chunk.Rows[len(chunk.Rows)-1].Cells)
	}
}
