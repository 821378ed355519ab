package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// decoder walks the parsed file beside the struct that it fills. The YAML
// library's own strict decoding stops at the first mistake; this goes on, and
// remembers where each field stands so that check can point at it too.
type decoder struct {
	problems []Problem
	places   map[string]place // by the field's path
	broken   bool             // the text is no YAML: nothing was filled
}

type place struct{ line, column int }

var (
	durationType = reflect.TypeFor[time.Duration]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	patientType  = reflect.TypeFor[Patient]()
)

func decode(text []byte, into *Config) *decoder {
	d := &decoder{places: map[string]place{}}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.syntax(err)
		return d
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		d.broken = true
		d.problems = append(d.problems, Problem{Line: 1, Column: 1, Thing: "file",
			Reason: fmt.Sprintf("holds %d YAML documents with content, needs one", documents(file)),
			Mend:   "start from configs/emrbchain.yaml"})
		return d
	}
	d.value("", file.Docs[0].Body, reflect.ValueOf(into).Elem())
	return d
}

func documents(file *ast.File) int {
	n := 0
	for _, doc := range file.Docs {
		if doc.Body != nil {
			n++
		}
	}
	return n
}

func (d *decoder) syntax(err error) {
	d.broken = true
	p := Problem{Line: 1, Column: 1, Thing: "file", Reason: "is not YAML", Mend: "mend the syntax at this place"}
	var located yaml.Error
	if errors.As(err, &located) {
		p.Reason = "is not YAML: " + located.GetMessage()
		if t := located.GetToken(); t != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	d.problems = append(d.problems, p)
}

// value fills into from node; path is where both stand.
func (d *decoder) value(path string, node ast.Node, into reflect.Value) {
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.at(node.GetToken(), path, "uses a YAML anchor, alias or tag", "write the value out")
		return
	case *ast.NullNode:
		return // a field without a value keeps its default, or is reported as missing
	}
	switch {
	case into.Type() == rawType:
		d.free(path, node, into)
	case into.Type() == durationType:
		d.duration(path, node, into)
	case into.Type() == patientType && !isSection(node):
		d.scalar(path, node, into.FieldByName("Column"))
	case into.Kind() == reflect.Struct:
		d.mapping(path, node, into)
	case into.Kind() == reflect.Slice:
		d.sequence(path, node, into)
	default:
		d.scalar(path, node, into)
	}
}

func (d *decoder) mapping(path string, node ast.Node, into reflect.Value) {
	entries, ok := mappingOf(node)
	if !ok {
		d.at(node.GetToken(), orFile(path), "is not a section of fields", "write its fields indented below it, as `name: value`")
		return
	}
	for _, entry := range entries {
		name := entry.Key.GetToken().Value
		field, ok := fieldOf(into, name)
		if !ok {
			d.at(entry.Key.GetToken(), join(path, name), "is not a field", suggest(name, into.Type()))
			continue
		}
		d.remember(join(path, name), entry)
		d.value(join(path, name), entry.Value, field)
	}
}

func (d *decoder) sequence(path string, node ast.Node, into reflect.Value) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		d.at(node.GetToken(), path, "is not a list", "write each item on a line of its own after a dash")
		return
	}
	items := reflect.MakeSlice(into.Type(), len(list.Values), len(list.Values))
	for i, item := range list.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.remember(at, item)
		d.value(at, item, items.Index(i))
	}
	into.Set(items)
}

func (d *decoder) scalar(path string, node ast.Node, into reflect.Value) {
	if _, ok := node.(ast.ScalarNode); !ok {
		d.at(node.GetToken(), path, "is not a single value", "write "+kindName(into)+" behind the colon")
		return
	}
	if _, text := node.(*ast.StringNode); into.Kind() == reflect.String && !text {
		if _, text = node.(*ast.LiteralNode); !text {
			d.at(node.GetToken(), path, "is not text", "put it in quotes")
			return
		}
	}
	if err := yaml.NodeToValue(node, into.Addr().Interface(), yaml.Strict()); err != nil {
		d.at(node.GetToken(), path, "is not "+kindName(into), "write "+kindName(into)+" behind the colon")
	}
}

func (d *decoder) duration(path string, node ast.Node, into reflect.Value) {
	text, ok := node.(*ast.StringNode)
	if !ok {
		d.at(node.GetToken(), path, "is not a duration", "write a number with its unit, such as 30s, 5m, 24h or 7d")
		return
	}
	v, err := parseDuration(text.Value)
	if err != nil {
		d.at(node.GetToken(), path, "is not a duration", "write a number with its unit, such as 30s, 5m, 24h or 7d")
		return
	}
	into.SetInt(int64(v))
}

// parseDuration reads a duration; d is a day of 24 hours, and stands alone.
func parseDuration(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	const most = 100_000 // days; far from what a duration can hold
	n, err := strconv.ParseUint(days, 10, 64)
	if err == nil && n > most {
		err = strconv.ErrRange
	}
	return time.Duration(n) * 24 * time.Hour, err
}

// free turns a section that only the tap understands into JSON.
func (d *decoder) free(path string, node ast.Node, into reflect.Value) {
	entries, ok := mappingOf(node)
	if !ok {
		d.at(node.GetToken(), path, "is not a section of fields", "write its fields indented below it, as `name: value`")
		return
	}
	for _, entry := range entries {
		d.remember(join(path, entry.Key.GetToken().Value), entry)
	}
	var value map[string]any
	if err := yaml.NodeToValue(node, &value); err != nil {
		d.at(node.GetToken(), path, "cannot be read", "use text as names of fields and no anchors")
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		d.at(node.GetToken(), path, "cannot be handed to the tap as JSON", "use text, numbers, true, false, lists and sections alone")
		return
	}
	into.SetBytes(text)
}

// at notes a mistake at a token.
func (d *decoder) at(t *token.Token, thing, reason, mend string) {
	d.problems = append(d.problems, Problem{Line: t.Position.Line, Column: t.Position.Column,
		Thing: thing, Reason: reason, Mend: mend})
}

// remember notes where a field stands, for check.
func (d *decoder) remember(path string, node ast.Node) {
	if entry, ok := node.(*ast.MappingValueNode); ok && path[len(path)-1] != ']' {
		node = entry.Key
	}
	at := node.GetToken().Position
	if first := firstKey(node); first != nil {
		at = first.Position
	}
	d.places[path] = place{at.Line, at.Column}
}

func mappingOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode: // a section of one field
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func isSection(node ast.Node) bool {
	_, ok := mappingOf(node)
	return ok
}

// firstKey returns the token of a section's first field: a section's own token
// is its first colon.
func firstKey(node ast.Node) *token.Token {
	if entries, ok := mappingOf(node); ok && len(entries) > 0 {
		return entries[0].Key.GetToken()
	}
	return nil
}
