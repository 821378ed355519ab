package mysql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	library "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// No server of MySQL can be had where these tests run. They are against a double
// that sends events in their documented form. TestMySQLConformance runs the whole
// kit on a real one, where there is one.

// patient is a table of the double: a number, a name and a generated column.
func patient(d *double) logTable {
	d.tables["emr.patient"] = &doubleTable{engine: "InnoDB",
		create: "CREATE TABLE `patient` (\n  `id` int NOT NULL,\n  `name` varchar(40) DEFAULT NULL,\n  `g` int GENERATED ALWAYS AS ((`id` + 1)) VIRTUAL,\n" +
			"  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
		columns: [][]any{{"id", "int", "int", "", "", "", "", ""},
			{"name", "varchar", "varchar(40)", "utf8mb4", "utf8mb4_0900_ai_ci", "DEFAULT_GENERATED", "160", ""},
			{"g", "int", "int", "", "", "VIRTUAL GENERATED", "", "(`id` + 1)"}}}
	return logTable{id: 108, schema: "emr", table: "patient", key: []int{0}, columns: []logColumn{
		{name: "id", wire: 3}, {name: "name", wire: 15, meta: []byte{160, 0}, collation: 255}, {name: "g", wire: 3}}}
}

// person is a row of it.
func person(id int32, name string) []byte {
	return image(int32Bytes(id), varchar(name), int32Bytes(id+1))
}

func begun() logEvent { return query("emr", "BEGIN") }

// toldOf writes changes without what differs between the forms of a transaction.
func toldOf(events []any) []string {
	var list []string
	for _, c := range changes(events) {
		list = append(list, fmt.Sprintf("%s %s: %s -> %s", c.Table.Name, c.EventID, shown(c.Before), shown(c.After)))
	}
	return list
}

func shown(cells []row.Value) string {
	if cells == nil {
		return "none"
	}
	var list []string
	for _, c := range cells {
		list = append(list, strings.Trim(c.Display(), `"`))
	}
	return strings.Join(list, ",")
}

// TestATransactionOfMySQLIsToldInEveryForm: with and without a tag, compressed,
// of an engine without transactions, as XA in one phase and in two.
func TestATransactionOfMySQLIsToldInEveryForm(t *testing.T) {
	for _, version := range []string{mysql80, mysql84} {
		t.Run(version, func(t *testing.T) {
			d := newDouble(t, version)
			p := patient(d)
			r := stream(t, d.open("emr.patient"), nil)
			write := func(n int32) []logEvent { return []logEvent{p.tableMap(), p.insert(person(n, "Ada"))} }
			group := func(gtid string, head logEvent, first logEvent, n int32, last ...logEvent) {
				d.append(gtid, append(append([]logEvent{head, first}, write(n)...), last...)...)
			}
			group(sourceID+":1", gtid(sourceID, 1), begun(), 1, xid())
			group(sourceID+":2", gtid(sourceID, 2), begun(), 2, query("emr", "COMMIT"))
			group(sourceID+":ward_7:1", tagged(sourceID, "ward_7", 1), begun(), 3, xid())
			d.append(sourceID+":3", gtid(sourceID, 3), payload(t, append(append([]logEvent{begun()}, write(4)...), xid())...))
			group(sourceID+":4", gtid(sourceID, 4), query("", "XA START X'61',X'',1"), 5, query("", "XA END X'61',X'',1"), xaPrepare(true, "a", ""))
			group(sourceID+":5", gtid(sourceID, 5), query("", "XA START X'6162',X'63',1"), 6, query("", "XA END X'6162',X'63',1"), xaPrepare(false, "ab", "c"))
			group(sourceID+":6", gtid(sourceID, 6), query("", "XA START X'64',X'',1"), 7, query("", "XA END X'64',X'',1"), xaPrepare(false, "d", ""))
			d.append(sourceID+":7", gtid(sourceID, 7), query("", "XA COMMIT X'6162',X'63',1"))
			d.append(sourceID+":8", gtid(sourceID, 8), query("", "XA ROLLBACK X'64',X'',1"))
			group(sourceID+":9", gtid(sourceID, 9), begun(), 8, xid())
			events := r.awaitChanges(t, 7)
			want := []string{":1/1 1", ":2/1 2", ":ward_7:1/1 3", ":3/1 4", ":4/1 5", ":7/1 6", ":9/1 8"}
			for i, w := range want {
				event, id, _ := strings.Cut(w, " ")
				want[i] = fmt.Sprintf("emr.patient %s%s: none -> %s,Ada", sourceID, event, id)
			}
			if diff := cmp.Diff(want, toldOf(events)); diff != "" || len(gaps(events)) > 0 {
				t.Errorf("(-want +got):\n%s\ngaps %+v", diff, gaps(events))
			}
		})
	}
}

// TestImagesOfMySQLMayLackGeneratedColumns: the tap leaves those out anyway.
func TestImagesOfMySQLMayLackGeneratedColumns(t *testing.T) {
	d := newDouble(t, mysql84)
	p := patient(d)
	r := stream(t, d.open("emr.patient"), nil)
	bare := func(id int32, name string) []byte { return image(int32Bytes(id), varchar(name)) }
	d.append(sourceID+":1", gtid(sourceID, 1), begun(), p.tableMap(), p.insert(person(1, "Ada")),
		p.tableMap(), p.rows(updateRowsV2, [][]byte{{3}, {3}}, bare(1, "Ada"), bare(1, "Eve")),
		p.tableMap(), p.update(person(1, "Eve"), person(2, "Eve")),
		p.tableMap(), p.rows(updateRowsV2, [][]byte{{7}, {3}}, person(2, "Eve"), bare(2, "Joe")),
		p.tableMap(), p.rows(deleteRowsV2, [][]byte{{3}}, bare(2, "Joe")), p.tableMap(), p.delete(person(3, "Max")), xid())
	events := r.awaitChanges(t, 6)
	var want []string
	for i, w := range []string{"none -> 1,Ada", "1,Ada -> 1,Eve", "1,Eve -> 2,Eve", "2,Eve -> 2,Joe", "2,Joe -> none", "3,Max -> none"} {
		want = append(want, fmt.Sprintf("emr.patient %s:1/%d: %s", sourceID, i+1, w))
	}
	if diff := cmp.Diff(want, toldOf(events)); diff != "" || len(gaps(events)) > 0 {
		t.Errorf("(-want +got):\n%s\ngaps %+v", diff, gaps(events))
	}
}

// TestJSONOfMySQLIsOneTextInStreamAndScan, in the binary form here and as the
// server's text there. The table has the key that the server makes, and a geometry,
// to which the log gives no collation.
func TestJSONOfMySQLIsOneTextInStreamAndScan(t *testing.T) {
	d := newDouble(t, mysql84)
	d.tables["emr.document"] = &doubleTable{engine: "InnoDB",
		create: "CREATE TABLE `document` (\n  `my_row_id` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */,\n  `place` point,\n  `j` json,\n  `name` varchar(40),\n" +
			"  PRIMARY KEY (`my_row_id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci",
		columns: [][]any{{"my_row_id", "bigint", "bigint unsigned", "", "", "auto_increment INVISIBLE", "", ""},
			{"place", "point", "point", "", "", "", "", ""}, {"j", "json", "json", "", "", "", "", ""},
			{"name", "varchar", "varchar(40)", "latin1", "latin1_swedish_ci", "", "40", ""}},
		rows: [][]any{{int64(7), "point", `{"a": 1.0, "b": "x\n"}`, "Ada"}}}
	document := logTable{id: 9, schema: "emr", table: "document", key: []int{0}, columns: []logColumn{{name: "my_row_id", wire: 8, unsigned: true},
		{name: "place", wire: 255, meta: []byte{4}}, {name: "j", wire: 245, meta: []byte{4}}, {name: "name", wire: 15, meta: []byte{40, 0}, collation: 8}}}
	m := d.open("emr.document")
	r := stream(t, m, nil)
	// an object of two members: keys at 18 and 19, an inlined number, a string at 20
	binary := []byte("\x00" + "\x02\x00\x17\x00" + "\x12\x00\x01\x00\x13\x00\x01\x00" + "\x05\x01\x00" + "\x0c\x14\x00" + "ab" + "\x02x\n")
	d.append(sourceID+":1", gtid(sourceID, 1), begun(), document.tableMap(),
		document.insert(image(le(nil, 8, 7), longBytes("point"), longBytes(string(binary)), varchar("Ada"))), xid())
	told := changes(r.awaitChanges(t, 1))
	chunk, err := m.Scan(t.Context(), "emr.document", nil, 10)
	if err != nil || len(chunk.Rows) != 1 {
		t.Fatalf("%+v, %v", chunk, err)
	}
	r.awaitFence(t, chunk.Fence)
	for i, cell := range chunk.Rows[0].Cells {
		if !row.Equal(cell, told[0].After[i]) {
			t.Errorf("column %d is %s in the scan and %s in the stream", i, cell.Display(), told[0].After[i].Display())
		}
	}
	if want := `{"a": 1, "b": "x\n"}`; string(told[0].After[2].Raw()) != want || len(gaps(r.all())) > 0 {
		t.Errorf("the JSON is %s, want %s; gaps %+v", told[0].After[2].Raw(), want, gaps(r.all()))
	}
}

// TestWhatTheLogOfMySQLDoesNotShowIsAGap, and what the statement behind rows says
// is none.
func TestWhatTheLogOfMySQLDoesNotShowIsAGap(t *testing.T) {
	d := newDouble(t, mysql84)
	p := patient(d)
	r := stream(t, d.open("emr.patient"), nil)
	for i, c := range []struct {
		reason string
		events []logEvent
	}{
		{"JSON values were logged in part only", []logEvent{begun(), p.tableMap(), p.rows(partialRowsEvent, [][]byte{p.all(), p.all()}, person(1, "Ada"), []byte{0}), xid()}},
		{"rows were logged in part only", []logEvent{begun(), p.tableMap(), p.rows(updateRowsV2, [][]byte{{1}, {2}}, image(int32Bytes(1)), image(varchar("Eve"))), xid()}},
		{"a statement changed rows", []logEvent{begun(), query("emr", "UPDATE patient SET name = 'Eve'"), query("emr", "COMMIT")}},
		{"", []logEvent{begun(), {kind: rowsQueryEvent, body: []byte("\x06insert")}, p.tableMap(), p.insert(person(1, "Ada")), xid()}},
		{"", []logEvent{query("emr", "CREATE USER x@localhost")}},
		{"XA transaction was committed whose rows", []logEvent{query("", "XA COMMIT X'65',X'',1")}},
	} {
		before := len(gaps(r.all()))
		id := fmt.Sprintf("%s:%d", sourceID, i+1)
		d.append(id, append([]logEvent{gtid(sourceID, uint64(i+1))}, c.events...)...)
		d.append(otherID+":1", gtid(otherID, uint64(i+1)), begun(), p.tableMap(), p.insert(person(int32(100+i), "end")), xid())
		events := r.await(t, "end of the case", func(events []any) bool {
			list := changes(events)
			return len(list) > 0 && shown(list[len(list)-1].After) == fmt.Sprintf("%d,end", 100+i)
		})
		found := gaps(events)[before:]
		if (len(found) > 0) != (c.reason != "") || len(found) > 0 && !strings.Contains(found[0].Reason, c.reason) {
			t.Errorf("case %d: gaps %+v, want %q", i, found, c.reason)
		}
	}
}

// TestAResumedStreamOfMySQLReadsTheLastTransactionAgain: if it is another one than
// before, the history is another one.
func TestAResumedStreamOfMySQLReadsTheLastTransactionAgain(t *testing.T) {
	for name, again := range map[string]string{"same": "Ada", "other": "Eve"} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t, mysql84)
			p := patient(d)
			d.append(otherID+":1-5", gtid(otherID, 5), query("emr", "CREATE TABLE patient (id INT)"))
			m := d.open("emr.patient")
			r := stream(t, m, nil)
			d.append(sourceID+":1", gtid(sourceID, 1), begun(), p.tableMap(), p.insert(person(1, "Ada")), xid())
			at := position(r.awaitChanges(t, 1))
			r.end(t)
			d.set(func() { d.groups = d.groups[:1] })
			p.id++ // a server that was started again numbers tables anew
			d.append(sourceID+":1", gtid(sourceID, 1), payload(t, begun(), p.tableMap(), p.insert(person(1, again)), xid()))
			d.append(sourceID+":2", gtid(sourceID, 2), begun(), p.tableMap(), p.insert(person(2, "Joe")), xid())
			r = newStream(t)
			r.run(m, at)
			if name == "other" {
				events := r.await(t, "gap", func(events []any) bool { return len(gaps(events)) > 0 })
				if reason := gaps(events)[0].Reason; !strings.Contains(reason, "transaction "+sourceID+":1 is another one") {
					t.Errorf("the gap says %q", reason)
				}
				return
			}
			events := r.awaitChanges(t, 1)
			if got := toldOf(events); len(gaps(events)) > 0 || got[0] != "emr.patient "+sourceID+":2/1: none -> 2,Joe" {
				t.Errorf("changes %v, gaps %+v", got, gaps(events))
			}
			if want := otherID + ":1-5"; d.from != want {
				t.Errorf("the log was read behind %q, want %q", d.from, want)
			}
		})
	}
}

// TestAnotherServerOfMySQLMayHaveAnotherOrder: a replica that applies in parallel
// logs a later transaction before the last one that was read.
func TestAnotherServerOfMySQLMayHaveAnotherOrder(t *testing.T) {
	d := newDouble(t, mysql84)
	p := patient(d)
	m := d.open("emr.patient")
	r := stream(t, m, nil)
	first := []logEvent{gtid(sourceID, 1), begun(), p.tableMap(), p.insert(person(1, "Ada")), xid()}
	d.append(sourceID+":1", first...)
	at := position(r.awaitChanges(t, 1))
	r.end(t)
	d.set(func() { d.groups = nil })
	d.append(sourceID+":2", gtid(sourceID, 2), begun(), p.tableMap(), p.insert(person(2, "Joe")), xid())
	d.append(sourceID+":1", first...)
	r = newStream(t)
	r.run(m, at)
	events := r.awaitChanges(t, 1)
	if got := toldOf(events); len(gaps(events)) > 0 || len(got) != 1 || got[0] != "emr.patient "+sourceID+":2/1: none -> 2,Joe" {
		t.Errorf("changes %v, gaps %+v", got, gaps(events))
	}
}

// TestPreparedXAOfMySQLIsReadAgainAfterAResume: what was prepared before the stop
// is committed after it.
func TestPreparedXAOfMySQLIsReadAgainAfterAResume(t *testing.T) {
	d := newDouble(t, mysql84)
	p := patient(d)
	m := d.open("emr.patient")
	r := stream(t, m, nil)
	d.append(sourceID+":1", gtid(sourceID, 1), query("", "XA START X'61',X'',1"), p.tableMap(), p.insert(person(1, "Ada")),
		query("", "XA END X'61',X'',1"), xaPrepare(false, "a", ""))
	d.append(sourceID+":2", gtid(sourceID, 2), begun(), p.tableMap(), p.insert(person(2, "Eve")), xid())
	at := position(r.awaitChanges(t, 1))
	r.end(t)
	r = newStream(t)
	r.run(m, at)
	d.append(sourceID+":3", gtid(sourceID, 3), query("", "XA COMMIT X'61',X'',1"))
	events := r.awaitChanges(t, 1)
	if got := toldOf(events); len(gaps(events)) > 0 || got[0] != "emr.patient "+sourceID+":3/1: none -> 1,Ada" {
		t.Errorf("changes %v, gaps %+v", got, gaps(events))
	}
}

// TestALostHistoryOfMySQLIsAGap: purged, reset, or without GTIDs.
func TestALostHistoryOfMySQLIsAGap(t *testing.T) {
	for name, lose := range map[string]func(d *double, p logTable){
		"Cannot replicate because the source purged required binary logs": func(d *double, _ logTable) {
			d.set(func() {
				d.refused = library.NewError(1236, "Cannot replicate because the source purged required binary logs")
			})
		},
		"the server has not got transaction " + sourceID + ":1": func(d *double, _ logTable) { d.set(func() { d.groups = nil }) },
		"a transaction was logged without a GTID": func(d *double, p logTable) {
			anonymous := gtid(sourceID, 0)
			anonymous.kind = anonymousEvent
			d.append("", anonymous, begun(), p.tableMap(), p.insert(person(2, "Eve")), xid())
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t, mysql84)
			p := patient(d)
			m := d.open("emr.patient")
			r := stream(t, m, nil)
			d.append(sourceID+":1", gtid(sourceID, 1), begun(), p.tableMap(), p.insert(person(1, "Ada")), xid())
			at := position(r.awaitChanges(t, 1))
			r.end(t)
			lose(d, p)
			r = newStream(t)
			r.run(m, at)
			events := r.await(t, "gap", func(events []any) bool { return len(gaps(events)) > 0 })
			if reason := gaps(events)[0].Reason; !strings.Contains(reason, name) {
				t.Errorf("the gap says %q", reason)
			}
		})
	}
}

// TestAReadOfMySQLShowsWhatTheStreamHasDelivered: a transaction is in the log
// before its engine commits it, and no read is given that may lack it. Its fence
// comes once the stream is at the end of the log after the read.
func TestAReadOfMySQLShowsWhatTheStreamHasDelivered(t *testing.T) {
	for _, version := range []string{mysql80, mysql84} {
		t.Run(version, func(t *testing.T) {
			d := newDouble(t, version)
			p := patient(d)
			d.tables["emr.patient"].rows = [][]any{{int64(1), "Ada"}}
			m := d.open("emr.patient")
			r := stream(t, m, nil)
			d.set(func() { d.unseen = []string{sourceID + ":1"} })
			d.append(sourceID+":1", gtid(sourceID, 1), begun(), p.tableMap(), p.insert(person(1, "Ada")), xid())
			r.awaitChanges(t, 1)
			if _, err := m.Scan(t.Context(), "emr.patient", nil, 10); !errors.Is(err, tap.ErrBusy) {
				t.Fatalf("a scan before the commit is shown: %v, want ErrBusy", err)
			}
			d.set(func() { d.unseen = nil })
			chunk, err := m.Scan(t.Context(), "emr.patient", nil, 10)
			if err != nil || len(chunk.Rows) != 1 || shown(chunk.Rows[0].Cells) != "1,Ada" {
				t.Fatalf("%+v, %v", chunk, err)
			}
			r.awaitFence(t, chunk.Fence)
		})
	}
}

// TestOpenNamesEverythingThatMySQLLacks, at once.
func TestOpenNamesEverythingThatMySQLLacks(t *testing.T) {
	d := newDouble(t, mysql84)
	patient(d)
	d.variables["gtid_mode"], d.variables["enforce_gtid_consistency"], d.variables["binlog_row_value_options"] = "OFF", "WARN", "PARTIAL_JSON"
	d.variables["show_gipk_in_create_table_and_information_schema"] = "OFF"
	d.variables["binlog_row_metadata"], d.variables["binlog_row_image"] = "MINIMAL", "FULL_NODUP"
	d.grants = []string{"GRANT USAGE ON *.* TO `tap`@`%`", "GRANT APPLICATION_PASSWORD_ADMIN,BINLOG_ADMIN ON *.* TO `tap`@`%`"}
	got := mends(problems(t, tap.Config{Settings: d.section(), Tables: []string{"emr.patient"}}))
	for _, want := range []string{"SET GLOBAL gtid_mode=OFF_PERMISSIVE", "SET GLOBAL gtid_mode=ON_PERMISSIVE", "SET GLOBAL gtid_mode=ON",
		"SET GLOBAL enforce_gtid_consistency=ON", "SET GLOBAL binlog_row_value_options=''", "SET GLOBAL show_gipk_in_create_table_and_information_schema=ON", "SET GLOBAL binlog_row_metadata=FULL",
		"SET GLOBAL binlog_row_image=FULL", "GRANT REPLICATION SLAVE ON *.* TO 'tap'@'%'", "GRANT REPLICATION CLIENT ON *.* TO 'tap'@'%'"} {
		if !strings.Contains(got, want) {
			t.Errorf("no mend says %s; they say:\n%s", want, got)
		}
	}
}

// TestOtherServersAreRefusedByName: those that the tap is not made for.
func TestOtherServersAreRefusedByName(t *testing.T) {
	for _, version := range []string{"9.4.0", "10.6.18-MariaDB"} {
		d := newDouble(t, version)
		got := problems(t, tap.Config{Settings: d.section(), Tables: []string{"emr.patient"}})
		if !strings.Contains(mends(got), "MariaDB server of 10.11 or later, or MySQL 8.0 or 8.4") {
			t.Errorf("%s: %+v", version, got)
		}
	}
}

// TestAPositionOfAnotherKindOfServerIsRefused in both directions.
func TestAPositionOfAnotherKindOfServerIsRefused(t *testing.T) {
	for version, at := range map[string]string{mysql84: "mariadb2;0-1-1;4;;;", maria114: "mysql1;" + sourceID + ":1;4;;;"} {
		d := newDouble(t, version)
		patient(d)
		r := newStream(t)
		r.run(d.open("emr.patient"), tap.Position(at))
		if err := r.wait(t); !errors.Is(err, tap.ErrPosition) {
			t.Errorf("%s: %v, want ErrPosition", version, err)
		}
	}
}

// TestMySQLIsSaidNotToBeVerified, of each table and in a survey, whose other
// checks ask a server of MySQL in its own words.
func TestMySQLIsSaidNotToBeVerified(t *testing.T) {
	const words = "not verified on MySQL 8"
	for _, version := range []string{mysql80, mysql84} {
		d := newDouble(t, version)
		patient(d)
		d.tables["emr.patient"].rows = [][]any{{int64(1), "Ada"}}
		m := d.open("emr.patient")
		tables, err := m.Tables(t.Context())
		if err != nil || tables[0].Refused != "" || !slices.ContainsFunc(tables[0].Notes, func(n string) bool { return strings.Contains(n, words) }) {
			t.Errorf("%+v, %v", tables, err)
		}
		found, err := m.(tap.Surveyor).Survey(t.Context(), tap.SurveyRequest{Config: tap.Config{Settings: d.section(), Tables: []string{"emr.patient"}}, SampleRows: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range found.Checks {
			if c.Thing == "server version" && (c.State != tap.CheckWarn || !strings.Contains(c.Reason, words)) {
				t.Errorf("%+v", c)
			}
			if c.State == tap.CheckFail || c.State == tap.CheckUnknown && c.Thing != "accounts that may write past the log" {
				t.Errorf("%+v", c)
			}
		}
		if s := found.Tables[0].Sample; s == nil || s.Rows != 1 || s.Problem != "" {
			t.Errorf("sample %+v", s)
		}
	}
}
