package mysql

import (
	"context"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// sampleSeconds bounds one read of a sample, at the server.
const sampleSeconds = 10

// sample reads some rows of a table by the same statements as Scan, and makes
// the same values of them, to show that they can be read and how fast.
func (c *inspection) sample(ctx context.Context, name string, limit int) *tap.Sample {
	sample := &tap.Sample{}
	began := c.now()
	rows, err := c.readSample(ctx, name, min(limit, maxScan))
	sample.Took = c.now().Sub(began)
	if err != nil {
		sample.Problem = readError(name, err).Error()
		return sample
	}
	var cells []byte
	for _, r := range rows {
		cells = row.AppendCells(cells[:0], r.Cells)
		sample.Rows++
		sample.Bytes += uint64(len(cells))
	}
	return sample
}

func (c *inspection) readSample(ctx context.Context, name string, limit int) ([]tap.Row, error) {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s := &snapshot{conn: conn, dialect: c.dialect, most: maxBytes}
	defer s.end()
	for _, statement := range []string{fmt.Sprintf(c.dialect.timeLimit, sampleSeconds), "START TRANSACTION READ ONLY"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	d, err := s.definition(ctx, name)
	if err != nil {
		return nil, err
	}
	if d.keyless() && d.refused == "" {
		most, _ := d.wholeBounds()
		if err := s.believeSmall(ctx, d, most); err != nil {
			return nil, err
		}
	}
	return s.scan(ctx, d, nil, limit)
}
