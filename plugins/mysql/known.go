package mysql

import (
	"context"
	"strings"
	"sync"
)

// known are the definitions that chunks were last read by. A table's CREATE
// statement tells all that a definition holds, at a fraction of the price, but
// for when a table was rebuilt.
type known struct {
	mu     sync.Mutex
	tables map[string]knownTable
}

type knownTable struct {
	create     string
	definition *definition
}

// definition returns a table's definition as it stands in a snapshot, under a
// metadata lock that lasts as long as that.
func (k *known) definition(ctx context.Context, s *snapshot, name string) (*definition, error) {
	d := &definition{name: name}
	if err := s.lock(ctx, name); err != nil {
		return nil, err
	}
	create, err := d.readCreate(ctx, s.conn)
	if err != nil {
		return readDefinition(ctx, s.conn, s.dialect, name) // which says what the error means
	}
	create = withoutCounter(create)
	k.mu.Lock()
	held, ok := k.tables[name]
	k.mu.Unlock()
	if ok && held.create == create {
		return held.definition, nil
	}
	d, err = readDefinition(ctx, s.conn, s.dialect, name)
	if err != nil || d.refused != "" || d.created != 0 {
		return d, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tables == nil {
		k.tables = make(map[string]knownTable)
	}
	k.tables[name] = knownTable{create: create, definition: d}
	return d, nil
}

// withoutCounter takes the next number of AUTO_INCREMENT out of a CREATE
// statement, where it stands among the table's options.
func withoutCounter(create string) string {
	const word = " AUTO_INCREMENT="
	options := strings.LastIndex(create, "\n) ENGINE=")
	if options < 0 {
		return create
	}
	at := strings.Index(create[options:], word)
	if at < 0 {
		return create
	}
	at += options
	rest := strings.TrimLeft(create[at+len(word):], "0123456789")
	return create[:at] + rest
}
