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

// Keyless is a table that the tap covers though no key names its rows.
type Keyless struct {
	Table string
	// Insert inserts so many rows that are equal to each other and to no other row of
	// the table, and to those of its last call. Delete deletes one of them. Each does
	// so in a transaction of its own.
	Insert func(ctx context.Context, n int) error
	Delete func(ctx context.Context) error
}

// keyless: of a table without a key each of some equal rows is streamed and read,
// with the same bytes, and the table is read whole or not at all.
func keyless(ctx context.Context, k *kit) (err error) {
	if k.Keyless == nil {
		return skipped("the harness offers no table without a key")
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.listedKeyless(ctx); err != nil {
		return err
	}
	if err := errors.Join(k.Keyless.Insert(ctx, 3), k.Keyless.Delete(ctx)); err != nil {
		return fmt.Errorf("change the table without a key: %w", err)
	}
	cells, err := s.equalChanges(ctx)
	if err != nil {
		return err
	}
	if err := s.equalRows(ctx, cells, 2); err != nil {
		return err
	}
	if err := errors.Join(k.Keyless.Delete(ctx), k.Keyless.Delete(ctx)); err != nil {
		return fmt.Errorf("change the table without a key: %w", err)
	}
	return s.equalRows(ctx, cells, 0)
}

func (s *session) listedKeyless(ctx context.Context) error {
	listed, err := s.tap.Tables(ctx)
	if err != nil {
		return fmt.Errorf("list tables: %w", s.kit.heardError(err))
	}
	if !slices.ContainsFunc(listed, func(t tap.Table) bool { return t.Name == s.kit.Keyless.Table && t.Keyless() }) {
		return fmt.Errorf("table %s is not listed as one without a key", s.kit.Keyless.Table)
	}
	return nil
}

// equalChanges waits for three inserts and a delete of equal rows, and returns the
// row's bytes.
func (s *session) equalChanges(ctx context.Context) (cells []byte, err error) {
	var images [][]byte
	_, err = s.stream.await(ctx, "three inserts and a delete of the table without a key", func(seen []event) bool {
		images = nil
		for _, e := range seen {
			c := e.change
			switch {
			case c == nil || c.Table.Name != s.kit.Keyless.Table:
			case c.Op == tap.Insert && len(images) < 3:
				images = append(images, row.AppendCells(nil, c.After))
			case c.Op == tap.Delete && len(images) == 3:
				images = append(images, row.AppendCells(nil, c.Before))
			}
		}
		return len(images) == 4
	})
	if err != nil {
		return nil, err
	}
	for _, image := range images {
		if !bytes.Equal(image, images[0]) {
			return nil, errors.New("rows that are equal have other bytes each time that they are streamed")
		}
	}
	return images[0], nil
}

// equalRows reads the table and demands so many rows of the given bytes.
func (s *session) equalRows(ctx context.Context, cells []byte, want int) error {
	const enough = 100_000
	chunk, err := s.tap.Scan(ctx, s.kit.Keyless.Table, nil, enough)
	if err != nil {
		return fmt.Errorf("scan the table without a key: %w", s.kit.heardError(err))
	}
	if !chunk.Last || !chunk.Table.Keyless() {
		return errors.New("a table without a key is not read whole, or with a key")
	}
	found := 0
	for _, r := range chunk.Rows {
		if bytes.Equal(row.AppendCells(nil, r.Cells), cells) {
			found++
		}
	}
	if found != want {
		return fmt.Errorf("%d rows are read of those that are equal, %d are there", found, want)
	}
	if _, err := s.passFence(ctx, &chunk); err != nil || len(chunk.Rows) < 2 {
		return err
	}
	if _, err := s.tap.Scan(ctx, s.kit.Keyless.Table, nil, len(chunk.Rows)-1); s.kit.heardError(err) == nil {
		return errors.New("a table without a key is read in part, or beyond the limit, where an error is due")
	}
	return nil
}
