package commit

import (
	"fmt"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// AppendColumns appends the ordered list of (name, type).
func AppendColumns(b []byte, columns []row.Column) []byte {
	b = dcbor.AppendArray(b, len(columns))
	for _, c := range columns {
		b = dcbor.AppendUint(dcbor.AppendText(dcbor.AppendArray(b, 2), c.Name), uint64(c.Type))
	}
	return b
}

// CheckColumns checks what a version's columns must be: at most MaxColumns, of
// different names in valid UTF-8, of known types.
func CheckColumns(columns []row.Column) error {
	if len(columns) > MaxColumns {
		return fmt.Errorf("%w: %d columns, at most %d", ErrColumns, len(columns), MaxColumns)
	}
	seen := make(map[string]bool, len(columns))
	for _, c := range columns {
		switch {
		case seen[c.Name]:
			return fmt.Errorf("%w: two columns named %q", ErrColumns, c.Name)
		case !c.Type.Valid():
			return fmt.Errorf("%w: unknown type code %d", ErrColumns, uint8(c.Type))
		case !utf8.ValidString(c.Name):
			return fmt.Errorf("%w: a name is not valid UTF-8", ErrColumns)
		}
		seen[c.Name] = true
	}
	return nil
}

// ParseColumns reads a column list as AppendColumns writes it, and checks it
// with CheckColumns.
func ParseColumns(b []byte) ([]row.Column, error) {
	r := dcbor.NewReader(b)
	columns, err := readColumns(r)
	if err != nil {
		return nil, err
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse columns: %w", err)
	}
	return columns, nil
}

func readColumns(r *dcbor.Reader) ([]row.Column, error) {
	n := r.Array()
	columns := make([]row.Column, 0, min(n, MaxColumns))
	for range n {
		r.ArrayOf(2)
		c := row.Column{Name: r.Text(), Type: row.Type(smallUint(r))}
		if r.Err() != nil {
			return nil, fmt.Errorf("parse columns: %w", r.Err())
		}
		columns = append(columns, c)
	}
	return columns, CheckColumns(columns)
}

func smallUint(r *dcbor.Reader) uint8 {
	v := r.Uint()
	if v > 255 {
		r.Fail("code above 255")
	}
	return uint8(v)
}
