package wire

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// A CellReader reads rows and keys that stand one after the other in canonical
// encoding. All its values share one allocation and the memory of its input.
type CellReader struct {
	reader *dcbor.Reader
	values []row.Value
}

// NewCellReader returns a reader over input that expects about total values in
// all. It never allocates more than the input can hold.
func NewCellReader(input []byte, total int) *CellReader {
	return &CellReader{
		reader: dcbor.NewReader(input),
		values: make([]row.Value, 0, min(total, len(input))),
	}
}

// Next reads the next row or key, which must have n cells. The error names the
// form that was broken, never a value.
func (c *CellReader) Next(n int) ([]row.Value, error) {
	start := len(c.values)
	c.values = row.ReadCells(c.reader, c.values)
	if err := c.reader.Err(); err != nil {
		return nil, fmt.Errorf("read cells: %w", err)
	}
	got := c.values[start:len(c.values):len(c.values)]
	if len(got) != n {
		return nil, fmt.Errorf("read cells: %d cells where %d are expected", len(got), n)
	}
	return got, nil
}

// More reports whether there is input left.
func (c *CellReader) More() bool { return c.reader.Len() > 0 }

// NextAny reads the next row or key of any length.
func (c *CellReader) NextAny() ([]row.Value, error) {
	start := len(c.values)
	c.values = row.ReadCells(c.reader, c.values)
	if err := c.reader.Err(); err != nil {
		return nil, fmt.Errorf("read cells: %w", err)
	}
	return c.values[start:len(c.values):len(c.values)], nil
}

// Done returns an error if cells are left over.
func (c *CellReader) Done() error {
	if err := c.reader.Done(); err != nil {
		return fmt.Errorf("read cells: %w", err)
	}
	return nil
}
