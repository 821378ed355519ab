package mysql

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Versions name the form of the text and whose GTIDs stand in it; a tap that
// writes another form has another version.
const (
	mariadbPosition = "mariadb2"
	mysqlPosition   = "mysql1"
)

func (p *position) version() string {
	if _, isMySQL := p.executed.(mysqlSet); isMySQL {
		return mysqlPosition
	}
	return mariadbPosition
}

// encode writes the position as text, fields between semicolons: version,
// executed GTIDs, start of the server, last group, its digest, prepared groups,
// and, if it is known, where the last group begins as offset and file with a
// slash between; then, if there are any, the tables shadowed, in hexadecimal. A group
// is its GTID, a slash and the GTID before it.
func (p *position) encode() tap.Position {
	b := make([]byte, 0, 192)
	b = append(append(b, p.version()...), ';')
	b = append(p.executed.append(b), ';')
	b = append(strconv.AppendInt(b, p.started, 10), ';')
	if p.hasLast() {
		b = append(p.last.append(b), ';')
		b = append(hex.AppendEncode(b, p.digest[:]), ';')
	} else {
		b = append(b, ";;"...)
	}
	for i, id := range p.prepared {
		if i > 0 {
			b = append(b, ',')
		}
		b = id.append(b)
	}
	if p.point.file != "" && p.hasLast() && !strings.Contains(p.point.file, ";") {
		b = append(strconv.AppendUint(append(b, ';'), p.point.offset, 10), '/')
		b = append(b, p.point.file...)
	} else if len(p.shadowed) > 0 {
		b = append(b, ';')
	}
	for i, name := range p.shadowed {
		if i == 0 {
			b = append(b, ';')
		} else {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, []byte(name))
	}
	return b
}

func (id groupID) append(b []byte) []byte {
	b = append(id.gtid.append(b), '/')
	if id.previous == (gtid{}) {
		return b
	}
	return id.previous.append(b)
}

// parsePosition reads what encode wrote; its error wraps tap.ErrPosition.
func parsePosition(text tap.Position) (*position, error) {
	p := &position{}
	if err := p.parse(string(text)); err != nil {
		return nil, fmt.Errorf("parse position: %w: %w", tap.ErrPosition, err)
	}
	return p, nil
}

func (p *position) parse(text string) (err error) {
	fields := strings.Split(text, ";")
	if len(fields) < 6 || len(fields) > 8 {
		return errForm
	}
	if err := p.parseExecuted(fields[0], fields[1]); err != nil {
		return err
	}
	if p.started, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return fmt.Errorf("start of the server: %w", err)
	}
	if fields[3] != "" || fields[4] != "" {
		if err := p.parseLast(fields[3], fields[4]); err != nil {
			return err
		}
	}
	if len(fields) == 8 {
		if err := p.parseShadowed(fields[7]); err != nil {
			return err
		}
	}
	if len(fields) == 7 || len(fields) == 8 && fields[6] != "" {
		if err := p.parsePoint(fields[6]); err != nil {
			return err
		}
	}
	return p.parsePrepared(fields[5])
}

func (p *position) parseShadowed(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		name, err := hex.DecodeString(part)
		if err != nil || len(name) == 0 {
			return errForm
		}
		p.shadowed = append(p.shadowed, string(name))
	}
	return nil
}

func (p *position) parsePrepared(text string) error {
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, ",") {
		id, err := p.parseGroupID(part)
		if err != nil {
			return err
		}
		p.prepared = append(p.prepared, id)
	}
	return nil
}

// errForm says that a text is no position of this tap.
var errForm = errors.New("it is not of the form " + mariadbPosition + " or " + mysqlPosition + " that this tap writes")

func (p *position) parseExecuted(version, text string) (err error) {
	switch version {
	case mariadbPosition:
		p.executed, err = parseMariaDBSet(text)
	case mysqlPosition:
		p.executed, err = parseMySQLSet(text)
	default:
		err = errForm
	}
	return err
}

func (p *position) parseLast(last, digest string) (err error) {
	if p.last, err = p.parseGroupID(last); err != nil {
		return err
	}
	if len(digest) != hex.EncodedLen(len(p.digest)) {
		return fmt.Errorf("digest of %d digits", len(digest))
	}
	if _, err = hex.Decode(p.digest[:], []byte(digest)); err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	return nil
}

func (p *position) parsePoint(text string) (err error) {
	offset, file, found := strings.Cut(text, "/")
	if !found || file == "" || !p.hasLast() || strings.ContainsFunc(file, unicode.IsControl) {
		return fmt.Errorf("place %q of the last group", text)
	}
	p.point.file = file
	if p.point.offset, err = strconv.ParseUint(offset, 10, 64); err != nil {
		return fmt.Errorf("place of the last group: %w", err)
	}
	return nil
}

func (p *position) parseGroupID(text string) (id groupID, err error) {
	group, previous, found := strings.Cut(text, "/")
	if !found {
		return id, fmt.Errorf("group %q has no slash", text)
	}
	if p.version() == mysqlPosition {
		if previous != "" {
			return id, fmt.Errorf("group %q follows another, which those of MySQL do not", text)
		}
		id.gtid, err = parseMySQLGTID(group)
		return id, err
	}
	if id.gtid, err = parseMariaDBGTID(group); err != nil || previous == "" {
		return id, err
	}
	id.previous, err = parseMariaDBGTID(previous)
	if err == nil && id.previous.domain != id.gtid.domain {
		err = fmt.Errorf("group %q goes over two domains", text)
	}
	return id, err
}
