package ingest

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// What the source told of rows that changed without changes of their own is kept
// in the log's named state: rules until every row that they concern was looked
// at, for they speak of values; shapes for good, for they speak of none but those
// that a statement gave to all rows.
const (
	rulePrefix  = "ingest/rule/"
	shapePrefix = "ingest/shape/"
)

func ruleName(entry uint64) string {
	return rulePrefix + string(binary.BigEndian.AppendUint64(nil, entry))
}

func shapeName(leaf uint64) string {
	return shapePrefix + string(binary.BigEndian.AppendUint64(nil, leaf))
}

// maxRuleValues bounds how many values are kept of one table's rules.
const maxRuleValues = 50_000

// readBook reads what was told and is not forgotten.
func readBook(log *recordlog.Log) (*cause.Book, error) {
	book := cause.NewBook()
	err := log.Each(shapePrefix, func(_ string, value []byte) error {
		shape, err := cause.ParseShape(value)
		if err != nil {
			return fmt.Errorf("read a change of shape: %w", err)
		}
		book.AddShape(shape)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return book, log.Each(rulePrefix, func(_ string, value []byte) error {
		step, err := cause.ParseStep(value)
		if err != nil {
			return fmt.Errorf("read a rule: %w", err)
		}
		book.Add(*step)
		return nil
	})
}

func (s *session) addRule(b *recordlog.Batch, step cause.Step) {
	b.Set(ruleName(step.Entry), step.Append(nil))
	s.book.Add(step)
}

func (s *session) addShape(b *recordlog.Batch, shape *cause.Shape) {
	b.Set(shapeName(shape.Leaf), shape.Append(nil))
	s.book.AddShape(shape)
}

// forget forgets a table's rules from before a place in the log: every row that
// they concern has a newer version.
func (s *session) forget(b *recordlog.Batch, table string, before uint64) {
	for _, step := range s.book.Steps(table) {
		if step.Leaf < before {
			b.Set(ruleName(step.Entry), nil)
		}
	}
	s.book.Forget(table, func(step *cause.Step) bool { return step.Leaf >= before })
}

// Book is what the source told of rows that changed without changes of their
// own, as far as it is not in their versions; empty while no tap is attached.
func (i *Ingest) Book() *cause.Book {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.session == nil {
		return cause.NewBook()
	}
	return i.session.book
}

// Settled waits until every row that a rule told so far concerns was looked at,
// or ctx ends, or no tap is attached.
func (i *Ingest) Settled(ctx context.Context) {
	size := i.log.Size()
	for {
		i.mu.Lock()
		changed, s := i.changed, i.session
		i.mu.Unlock()
		if s == nil {
			return
		}
		if _, oldest := s.book.Pending(); oldest >= size {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func keyNames(t *tap.Table) []string {
	names := make([]string, len(t.Key))
	for i, at := range t.Key {
		names[i] = t.Columns[at].Name
	}
	return names
}
