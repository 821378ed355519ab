package taptest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// isKey reports whether a key is that of a row's number.
func (k *kit) isKey(key []row.Value, number int) bool {
	return bytes.Equal(row.AppendKey(nil, key), row.AppendKey(nil, k.Source.Key(number)))
}

// A history is what a stream told of the table: its transactions, each a list
// of what happened in it.
type history [][]happened

// happened is one thing that happened to a row. A change of a key is a delete
// and an insert.
type happened struct {
	number  int
	content int // 0: the row was deleted
	known   bool
	inserts bool // it is told that the row was not there before
	id      string
}

func (h happened) String() string {
	switch {
	case h.content == 0:
		return fmt.Sprintf("delete %d", h.number)
	case !h.known:
		return fmt.Sprintf("put %d=%d", h.number, h.content)
	case h.inserts:
		return fmt.Sprintf("insert %d=%d", h.number, h.content)
	}
	return fmt.Sprintf("update %d=%d", h.number, h.content)
}

// expect turns steps into what a tap of assurance every version tells of them.
func expect(transactions [][]Step) history {
	var out history
	for _, steps := range transactions {
		var all []happened
		for _, s := range steps {
			switch {
			case s.Op == tap.Delete:
				all = append(all, happened{number: s.Row, known: true})
			case s.Op == tap.Update && s.To != s.Row:
				all = append(all, happened{number: s.Row, known: true},
					happened{number: s.To, content: s.Content, known: true, inserts: true})
			default:
				all = append(all, happened{number: s.To, content: s.Content, known: true, inserts: s.Op == tap.Insert})
			}
		}
		out = append(out, all)
	}
	return out
}

// history reads the table's transactions from events. Transactions without
// changes of the table are left out.
func (k *kit) history(events []event) (history, error) {
	var out history
	var open []happened
	for _, e := range events {
		switch {
		case e.change != nil && e.change.Table.Name == k.Table:
			told, err := k.happened(e.change)
			if err != nil {
				return nil, err
			}
			open = append(open, told...)
		case e.commit != nil && open != nil:
			out = append(out, open)
			open = nil
		}
	}
	return out, nil
}

// happened reads one change.
func (k *kit) happened(c *tap.Change) ([]happened, error) {
	var out []happened
	if c.Key != nil {
		number, err := k.numberOf(c.Key)
		return []happened{{number: number, known: true, id: c.EventID}}, err
	}
	gone := 0
	if c.Before != nil {
		number, _, err := k.Source.Read(c.Before)
		if err != nil {
			return nil, fmt.Errorf("read a row as it was: %w", err)
		}
		gone = number
	}
	if c.After == nil {
		return []happened{{number: gone, known: true, id: c.EventID}}, nil
	}
	number, content, err := k.Source.Read(c.After)
	if err != nil {
		return nil, fmt.Errorf("read a row as it is: %w", err)
	}
	moved := gone != 0 && gone != number
	if moved {
		out = append(out, happened{number: gone, known: true, id: c.EventID})
	}
	return append(out, happened{number: number, content: content, known: c.Op != tap.Put,
		inserts: c.Op == tap.Insert || moved, id: c.EventID}), nil
}

// numberOf finds the row of a key among those that the kit has made.
func (k *kit) numberOf(key []row.Value) (int, error) {
	for len(k.keys) < k.row {
		number := len(k.keys) + 1
		k.keys[string(row.AppendKey(nil, k.Source.Key(number)))] = number
	}
	number, known := k.keys[string(row.AppendKey(nil, key))]
	if !known {
		return 0, errors.New("a deleted row's key is none of the table's")
	}
	return number, nil
}

// difference says how what a stream told differs from what was done, as far
// as the assurance promises; empty if it does not.
func (k *kit) difference(want, got history) string {
	if k.Assurance == tap.EveryVersion {
		return firstDifference(want, got)
	}
	return lastDifference(want, got)
}

func firstDifference(want, got history) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("transaction %d of %d is missing: %s", i+1, len(want), text(want[i]))
		case i >= len(want):
			return fmt.Sprintf("there is a transaction too many: %s", text(got[i]))
		case text(want[i]) != text(got[i]):
			return fmt.Sprintf("transaction %d is told as %s and was %s", i+1, text(got[i]), text(want[i]))
		}
	}
	return ""
}

func text(transaction []happened) string {
	words := make([]string, len(transaction))
	for i, h := range transaction {
		words[i] = h.String()
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// lastDifference compares the rows that were touched, and their last content;
// a row's content may only rise on the way.
func lastDifference(want, got history) string {
	wanted, told := want.last(), got.last()
	for _, number := range slices.Sorted(maps.Keys(wanted)) {
		content, seen := told[number]
		if !seen {
			return fmt.Sprintf("a change of row %d is missing", number)
		}
		if content != wanted[number] {
			return fmt.Sprintf("row %d is told last with content %d and has %d (0: deleted)", number, content, wanted[number])
		}
	}
	for number := range told {
		if _, done := wanted[number]; !done {
			return fmt.Sprintf("row %d is told and was not changed", number)
		}
	}
	return got.falling()
}

func (h history) last() map[int]int {
	out := map[int]int{}
	for _, transaction := range h {
		for _, change := range transaction {
			out[change.number] = change.content
		}
	}
	return out
}

// falling finds a row that is told with an older content after a newer one.
func (h history) falling() string {
	latest := map[int]int{}
	for _, transaction := range h {
		for _, change := range transaction {
			if change.content != 0 && change.content < latest[change.number] {
				return fmt.Sprintf("row %d is told with an older content after a newer one", change.number)
			}
			latest[change.number] = max(latest[change.number], change.content)
		}
	}
	return ""
}

// ids lists the event ids of a history in order.
func (h history) ids() []string {
	var out []string
	for _, transaction := range h {
		for _, change := range transaction {
			out = append(out, change.id)
		}
	}
	return out
}

// upTo leaves out the rows of numbers above the given one.
func (h history) upTo(most int) history {
	var out history
	for _, transaction := range h {
		kept := slices.DeleteFunc(slices.Clone(transaction), func(c happened) bool { return c.number > most })
		if len(kept) > 0 {
			out = append(out, kept)
		}
	}
	return out
}
