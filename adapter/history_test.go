package adapter_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// version is one row version: as the source's own tool reads it from the
// binary log, or as the record log holds it.
type version struct {
	event string // GTID/number
	op    string
	table string
	key   int64
}

func (v version) String() string { return fmt.Sprintf("%s %s %s %d", v.event, v.op, v.table, v.key) }

var (
	gtidLine  = regexp.MustCompile(`\sGTID (\d+-\d+-\d+)`)
	eventLine = regexp.MustCompile("^### (INSERT INTO|UPDATE|DELETE FROM) `([^`]+)`\\.`([^`]+)`")
	keyLine   = regexp.MustCompile(`^###   @1=(-?\d+)`)
	xaLine    = regexp.MustCompile(`^XA (START|COMMIT|ROLLBACK) (.*?)(?:/\*|$)`)
)

// readHistory reads the row events that the server logged after a sequence
// number with mariadb-binlog, independently of the tap. Keys are the first
// column. A change of the key is a delete and an insert. The rows of an XA
// transaction count at its XA COMMIT.
func readHistory(t *testing.T, s *mariadbtest.Server, after uint64) []version {
	t.Helper()
	args := append([]string{"--no-defaults", "-vv", "--base64-output=decode-rows"}, s.Binlogs()...)
	out, err := exec.Command(mariadbtest.Binlog(t), args...).Output()
	if err != nil {
		t.Fatalf("mariadb-binlog: %v", err)
	}
	h := history{after: after, prepared: make(map[string][]version)}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		h.line(lines.Text())
	}
	h.endGroup()
	return h.versions
}

// history gathers versions from the lines of mariadb-binlog.
type history struct {
	after    uint64
	versions []version
	prepared map[string][]version // by xid
	gtid     string
	xid      string    // of the open group, if it is an XA transaction's rows
	group    []version // of the open group, their events without its GTID
	number   int
	op       string
	table    string
	keys     []int64
}

func (h *history) line(text string) {
	if m := gtidLine.FindStringSubmatch(text); m != nil {
		h.endGroup()
		h.gtid, h.number = m[1], 0
		return
	}
	if m := xaLine.FindStringSubmatch(text); m != nil {
		h.xa(m[1], m[2])
		return
	}
	if m := eventLine.FindStringSubmatch(text); m != nil {
		h.flush()
		h.op, h.table, h.keys = strings.ToLower(strings.Fields(m[1])[0]), m[2]+"."+m[3], nil
		h.number++
		return
	}
	if m := keyLine.FindStringSubmatch(text); m != nil && h.op != "" {
		key, _ := strconv.ParseInt(m[1], 10, 64)
		h.keys = append(h.keys, key)
	}
}

// xa takes a statement of an XA transaction. A server that was killed between
// logging XA COMMIT and carrying it out logs another one, without rows.
func (h *history) xa(statement, xid string) {
	switch statement {
	case "START":
		h.xid = xid
	case "COMMIT":
		h.group = h.prepared[xid]
		delete(h.prepared, xid)
	case "ROLLBACK":
		delete(h.prepared, xid)
	}
}

// flush ends a row event.
func (h *history) flush() {
	event := fmt.Sprintf("/%d", h.number)
	switch {
	case h.op == "":
	case h.op == "update" && h.keys[0] != h.keys[1]:
		h.group = append(h.group, version{event, "delete", h.table, h.keys[0]}, version{event, "insert", h.table, h.keys[1]})
	default:
		h.group = append(h.group, version{event, h.op, h.table, h.keys[0]})
	}
	h.op = ""
}

func (h *history) endGroup() {
	h.flush()
	if h.xid != "" {
		h.prepared[h.xid] = h.group
		h.group, h.xid = nil, ""
	}
	if sequence, _ := strconv.ParseUint(h.gtid[strings.LastIndexByte(h.gtid, '-')+1:], 10, 64); sequence > h.after {
		for _, v := range h.group {
			v.event = h.gtid + v.event
			h.versions = append(h.versions, v)
		}
	}
	h.group = nil
}

// streamed returns the log's entries of origin stream, in order.
func streamed(t *testing.T, log *recordlog.Log) []version {
	t.Helper()
	var out []version
	for i := range log.Size() {
		e, err := log.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		if e.Header.Seen != commit.Stream {
			continue
		}
		cells, err := row.ParseKey(e.Header.Key)
		if err != nil {
			t.Fatal(err)
		}
		key, _ := cells[0].Int64()
		out = append(out, version{e.Header.EventID, e.Header.Op.String(), e.Header.Table, key})
	}
	return out
}

// compareHistories demands that the log holds what the source logged: every
// change, once, in order.
func compareHistories(t *testing.T, want, got []version) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			t.Fatalf("the log lacks %d changes, the first: %v", len(want)-i, want[i])
		case i >= len(want):
			t.Fatalf("the log has %d changes too many, the first: %v", len(got)-i, got[i])
		case want[i] != got[i]:
			t.Fatalf("change %d: the source logged %v, the log has %v", i, want[i], got[i])
		}
	}
}
