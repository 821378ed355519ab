package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// InnoDB follows foreign keys below the binary log: rows of the table that refers
// go or change, no trigger fires, and no row event tells of it. So the tap tells
// the keys, and of each change whether they were followed. A session that had
// foreign_key_checks=0 followed none, which the log says of each row event.

// uncheckedFlag is set in a row event that was made with foreign_key_checks=0.
const uncheckedFlag = 1 << 1

// errReference says that the server wrote a foreign key in an unknown form.
var errReference = errors.New("unknown form of a foreign key")

// readReferences reads the foreign keys by which InnoDB changes rows of the
// table from its CREATE statement: information_schema hides them from an account
// that may only read.
func (d *definition) readReferences(create string) error {
	for line := range strings.Lines(create) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "CONSTRAINT `") {
			continue
		}
		r := &quotedReader{rest: strings.TrimPrefix(line, "CONSTRAINT ")}
		name := r.name()
		if !r.skip(" FOREIGN KEY ") {
			continue // a CHECK
		}
		ref := tap.Reference{Name: name, Columns: r.names()}
		r.expect(" REFERENCES ")
		ref.Table = r.table(d.name)
		r.expect(" ")
		ref.Of = r.names()
		if r.failed || len(ref.Of) != len(ref.Columns) {
			return fmt.Errorf("%w: %s", errReference, name)
		}
		ref.OnDelete, ref.OnUpdate = actionOf(r.rest, "DELETE"), actionOf(r.rest, "UPDATE")
		if ref.OnDelete != tap.NoAction || ref.OnUpdate != tap.NoAction {
			d.references = append(d.references, ref)
		}
	}
	return nil
}

func actionOf(rest, event string) tap.Action {
	switch {
	case strings.Contains(rest, "ON "+event+" CASCADE"):
		return tap.Cascade
	case strings.Contains(rest, "ON "+event+" SET NULL"):
		return tap.SetNull
	}
	return tap.NoAction
}

// A quotedReader reads quoted names from the front of a text. Once one is not
// there, failed is set.
type quotedReader struct {
	rest   string
	failed bool
}

func (r *quotedReader) skip(text string) bool {
	rest, ok := strings.CutPrefix(r.rest, text)
	r.rest = rest
	return ok
}

func (r *quotedReader) expect(text string) { r.failed = !r.skip(text) || r.failed }

func (r *quotedReader) name() string {
	r.expect("`")
	var name strings.Builder
	for {
		part, rest, found := strings.Cut(r.rest, "`")
		name.WriteString(part)
		r.rest, r.failed = rest, r.failed || !found
		if !r.skip("`") {
			return name.String()
		}
		name.WriteByte('`')
	}
}

func (r *quotedReader) names() []string {
	r.expect("(")
	names := []string{r.name()}
	for r.skip(", ") {
		names = append(names, r.name())
	}
	r.expect(")")
	return names
}

// table reads a table's name, which has its database where that is another one.
func (r *quotedReader) table(of string) string {
	schema, _ := tableName(of)
	name := r.name()
	if r.skip(".") {
		schema, name = name, r.name()
	}
	return schema + "." + name
}

// referencesOf returns the references whose columns a table has: the others are
// of generated columns, and what they do shows in none that is tapped.
func (d *definition) referencesOf(t *tap.Table) (list []tap.Reference) {
	for _, ref := range d.references {
		if slices.IndexFunc(ref.Columns, func(name string) bool { return !hasColumn(t, name) }) < 0 {
			list = append(list, ref)
		}
	}
	return list
}

func hasColumn(t *tap.Table, name string) bool {
	return slices.ContainsFunc(t.Columns, func(c row.Column) bool { return strings.EqualFold(c.Name, name) })
}

// asConfigured names tables of references as the configuration does.
func (t *Tap) asConfigured(name string) string {
	for _, configured := range t.tables {
		if t.fold(configured) == t.fold(name) {
			return configured
		}
	}
	return name
}

// define reads a table's definition while the stream runs. Until the stream is
// where the server was by then, the definition may not have been in force yet.
func (s *stream) define(ctx context.Context, name string) (*definition, error) {
	d, err := readDefinition(ctx, s.tap.db, s.tap.dialect, name)
	if err != nil {
		return nil, err
	}
	s.known[name] = d
	err = s.doubtReferences(ctx, name)
	d.readBy(s.unsure[name])
	return d, err
}

// doubtReferences notes where the server is, after the definitions of some tables
// were read, or of all.
func (s *stream) doubtReferences(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		names = s.tap.tables
	}
	read, err := s.tap.dialect.executedNow(ctx, s.tap.db)
	for _, name := range names {
		s.unsure[name] = read
	}
	return err
}

// tellReferences tells the tables anew where the stream begins at another place
// than it ended: statements that changed their references may lie between.
func (s *stream) tellReferences() error {
	for _, name := range s.tap.tables {
		t := s.told[name]
		if t.Refused != "" {
			continue
		}
		if err := s.sink.Schema(tap.SchemaChange{Position: s.at.encode(), Table: t, Statement: "read anew after a gap"}); err != nil {
			return err
		}
	}
	return nil
}

// following says whether the references to the rows of an event were followed.
func (s *stream) following(r *rowEvent) tap.Following {
	if r.unchecked {
		return tap.NotFollowed
	}
	for name, read := range s.unsure {
		if s.reachedAll(read) {
			delete(s.unsure, name)
			continue
		}
		refers := func(ref tap.Reference) bool { return s.tap.asConfigured(ref.Table) == r.shape.table.Name }
		if slices.ContainsFunc(s.known[name].references, refers) {
			return tap.MaybeFollowed
		}
	}
	return tap.Followed
}

// reachedAll reports whether the open transaction comes after all of a set, or
// is its last.
func (s *stream) reachedAll(set gtidSet) bool {
	_, more := set.beyond(s.at.executed, s.open.gtid)
	return !more
}
