package mysql_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A columnCase is a column type with SQL literals that are at its edges, and a
// maker of random ones.
type columnCase struct {
	declared string
	edges    []string
	random   func(*rand.Rand) string
}

func columnCases() []columnCase {
	var cases []columnCase
	for _, c := range []struct {
		name string
		bits int
	}{{"TINYINT", 8}, {"SMALLINT", 16}, {"MEDIUMINT", 24}, {"INT", 32}, {"BIGINT", 64}} {
		low, high := fmt.Sprint(-(int64(1) << (c.bits - 1))), fmt.Sprint(int64(1)<<(c.bits-1)-1)
		cases = append(cases,
			columnCase{c.name, []string{low, "-1", "0", "1", high}, randomInt(c.bits, true)},
			columnCase{c.name + " UNSIGNED", []string{"0", "1", fmt.Sprint(^uint64(0) >> (64 - c.bits))}, randomInt(c.bits, false)})
	}
	cases = append(cases,
		columnCase{"INT(8) ZEROFILL", []string{"0", "42", "4294967295"}, randomInt(32, false)},
		columnCase{"DECIMAL(10,2)", []string{"0", "-0.01", "42.10", "99999999.99", "-99999999.99"}, randomDecimal(8, 2)},
		columnCase{"DECIMAL(10,2) ZEROFILL", []string{"42.1", "0"}, randomInt(26, false)},
		columnCase{"DECIMAL(65,30)", []string{"0", "1e-30", "-" + strings.Repeat("9", 35) + "." + strings.Repeat("9", 30)}, randomDecimal(35, 30)},
		columnCase{"DECIMAL(38,38)", []string{"0", "-0." + strings.Repeat("1", 38)}, randomDecimal(0, 38)},
		columnCase{"DECIMAL(9,0)", []string{"0", "-999999999", "100000000"}, randomDecimal(9, 0)},
		columnCase{"DECIMAL(20,9)", []string{"12345678901.000000001", "-1"}, randomDecimal(11, 9)},
		columnCase{"FLOAT", []string{"0", "-0e0", "16777217", "123456.79", "3.40282347e38", "1e-45", "0.1"}, randomFloat},
		columnCase{"FLOAT(10,2)", []string{"1.235", "99999.995"}, randomFloat},
		columnCase{"DOUBLE", []string{"0", "-0e0", "1.7976931348623157e308", "5e-324", "0.1", "123456789.123456789"}, randomFloat},
		columnCase{"DOUBLE(10,3)", []string{"1.235", "0.0005"}, randomFloat},
		columnCase{"BIT(1)", []string{"b'0'", "b'1'"}, randomInt(1, false)},
		columnCase{"BIT(9)", []string{"b'0'", "b'111111111'", "256"}, randomInt(9, false)},
		columnCase{"BIT(64)", []string{"0", "b'1'", "18446744073709551615", "9223372036854775808"}, randomInt(64, false)},
		columnCase{"YEAR", []string{"0", "1901", "2155", "2024", "'00'"}, randomYear},
		columnCase{"YEAR(2)", []string{"0", "'0'", "55", "1955", "2155", "1901", "70", "69", "2069", "3000"}, randomTwoDigits},
		columnCase{"DATE", []string{"'0000-00-00'", "'2024-00-00'", "'2024-02-00'", "'0001-01-01'", "'9999-12-31'", "'2023-02-31'"}, randomDate},
		columnCase{"TIME", []string{"'00:00:00'", "'-00:00:01'", "'838:59:59'", "'-838:59:59'", "'-01:02:03'"}, randomTime(0)},
		columnCase{"ENUM('','a','b c','d''e','f,g')", []string{"''", "'a'", "'d''e'", "'f,g'", "'no such label'"}, oneOf(6, "''", "'b c'", "'f,g'")},
		columnCase{"ENUM('straße','ÿ') CHARACTER SET latin1", []string{"'straße'", "'ÿ'"}, oneOf(3, "'ÿ'")},
		columnCase{"ENUM('中','國') CHARACTER SET ucs2", []string{"'中'", "'國'"}, oneOf(3, "'國'")},
		columnCase{"ENUM(" + labels(300) + ")", []string{"'l0'", "'l299'", "256"}, randomInt(9, false)},
		columnCase{"SET('','a','b')", []string{"''", "0", "1", "2", "3", "7"}, randomInt(3, false)},
		columnCase{"SET('a','','b')", []string{"0", "1", "2", "3", "5", "6", "7"}, randomInt(3, false)},
		columnCase{"SET('x','y','é') CHARACTER SET latin1", []string{"0", "5", "7"}, randomInt(3, false)},
		columnCase{"SET('中','國','文') CHARACTER SET utf16le", []string{"0", "5", "7"}, randomInt(3, false)},
		columnCase{"SET(" + labels(64) + ")", []string{"0", "18446744073709551615", "9223372036854775808"}, randomInt(64, false)},
		columnCase{"BINARY(16)", []string{"''", "x'00'", "x'0100'", "x'ffffffffffffffffffffffffffffffff'", "x'00000000000000000000000000000001'"}, randomBytes(16)},
		columnCase{"BINARY(255)", []string{"''", "x'20'"}, randomBytes(255)},
		columnCase{"VARBINARY(300)", []string{"''", "x'00'", "x'2000'"}, randomBytes(300)},
		columnCase{"TINYBLOB", []string{"''", "x'00'"}, randomBytes(255)},
		columnCase{"BLOB", []string{"''", "REPEAT(x'ff',65535)"}, randomBytes(400)},
		columnCase{"MEDIUMBLOB", []string{"REPEAT(x'01',70000)"}, randomBytes(300)},
		columnCase{"LONGBLOB", []string{"REPEAT(x'02',1000000)"}, randomBytes(300)},
		columnCase{"JSON", []string{`'{"b": 1.0,  "a":[1,2]}'`, "'null'"}, randomJSON},
		columnCase{"GEOMETRY", []string{"POINT(1,2)", "ST_GeomFromText('LINESTRING(0 0,1 1)')"}, randomGeometry("POINT(%s)")},
		columnCase{"POINT", []string{"POINT(-0.5,1e300)"}, randomGeometry("POINT(%s)")},
		columnCase{"LINESTRING", []string{"ST_GeomFromText('LINESTRING(0 0,1 1)')"}, randomGeometry("LINESTRING(%s,%s)")},
		columnCase{"POLYGON", []string{"ST_GeomFromText('POLYGON((0 0,1 1,1 0,0 0))')"}, randomGeometry("POLYGON((0 0,%s,%s,0 0))")},
		columnCase{"MULTIPOINT", []string{"ST_GeomFromText('MULTIPOINT(0 0,1 1)')"}, randomGeometry("MULTIPOINT(%s,%s,%s)")},
		columnCase{"MULTILINESTRING", []string{"ST_GeomFromText('MULTILINESTRING((0 0,1 1))')"}, randomGeometry("MULTILINESTRING((%s,%s),(%s,%s))")},
		columnCase{"MULTIPOLYGON", []string{"ST_GeomFromText('MULTIPOLYGON(((0 0,1 1,1 0,0 0)))')"}, randomGeometry("MULTIPOLYGON(((0 0,%s,%s,0 0)))")},
		columnCase{"GEOMETRYCOLLECTION", []string{"ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))')"}, randomGeometry("GEOMETRYCOLLECTION(POINT(%s),LINESTRING(%s,%s))")},
		columnCase{"UUID", []string{"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffff00'", "'123e4567-e89b-12d3-a456-426655440000'"}, randomUUID},
		columnCase{"INET6", []string{"'::'", "'::1'", "'2001:db8::'", "'::ffff:1.2.3.4'"}, randomInet6},
		columnCase{"INET4", []string{"'0.0.0.0'", "'255.255.255.0'", "'1.0.0.0'"}, randomInet4},
		columnCase{"INT INVISIBLE DEFAULT 3", []string{"5"}, randomInt(32, true)})
	for digits := range 7 {
		fraction := ""
		if digits > 0 {
			fraction = "." + strings.Repeat("9", digits)
		}
		cases = append(cases,
			columnCase{fmt.Sprintf("TIME(%d)", digits), []string{"'-00:00:00" + fraction + "'", "'12:34:56'", "'838:59:58" + fraction + "'", "'-838:59:59'"}, randomTime(digits)},
			columnCase{fmt.Sprintf("DATETIME(%d)", digits), []string{"'0000-00-00'", "'2024-00-00'", "'2024-02-30 00:00:00'", "'0001-01-01 00:00:00" + fraction + "'", "'9999-12-31 23:59:59" + fraction + "'"}, randomDateTime(digits)},
			columnCase{fmt.Sprintf("TIMESTAMP(%d) NULL", digits), []string{"'0000-00-00'", "'1970-01-01 00:00:01'", "'1970-01-01 00:00:00" + fraction + "'", "'2038-01-19 03:14:07" + fraction + "'"}, randomTimestamp(digits)})
	}
	for _, c := range cases {
		if isTemporal(c.declared) {
			cases = append(cases, columnCase{strings.Replace(c.declared, ")", ") "+oldFormat, 1), c.edges, c.random})
		}
	}
	return append(append(cases, textCases()...), compressedCases()...)
}

// oldFormat stands behind a type that is to have the temporal format from
// before MariaDB 10.1, as the server writes it.
const oldFormat = "/* mariadb-5.3 */"

// format returns the statement that makes the server give the column the
// temporal format that it is to have.
func (c columnCase) format() string {
	if strings.Contains(c.declared, oldFormat) {
		return "SET GLOBAL mysql56_temporal_format=OFF"
	}
	return "SET GLOBAL mysql56_temporal_format=ON"
}

func isTemporal(declared string) bool {
	name, _, _ := strings.Cut(declared, "(")
	return slices.Contains([]string{"TIME", "DATETIME", "TIMESTAMP"}, name)
}

// compressedCases covers COMPRESSED columns about the sizes where their form
// changes: none, not worth it, and a length of one to three bytes.
func compressedCases() []columnCase {
	var cases []columnCase
	for _, declared := range []string{"VARCHAR(1000) COMPRESSED", "VARCHAR(254) COMPRESSED CHARACTER SET latin1", "VARCHAR(255) COMPRESSED CHARACTER SET latin1",
		"TEXT COMPRESSED", "TEXT COMPRESSED CHARACTER SET gbk", "VARBINARY(500) COMPRESSED", "VARBINARY(254) COMPRESSED",
		"TINYTEXT COMPRESSED", "TINYBLOB COMPRESSED", "BLOB COMPRESSED"} {
		cases = append(cases, columnCase{declared, []string{"''", "' '", "'a'", "x'00'", "x'8a0102'", "REPEAT('x',99)", "REPEAT('x',100)", "REPEAT('xyz ',60)", "REPEAT('z',254)"}, randomRepeats(254)})
	}
	return append(cases,
		columnCase{"MEDIUMTEXT COMPRESSED CHARACTER SET ucs2", []string{"REPEAT('中文',40000)", "''"}, randomRepeats(2000)},
		columnCase{"LONGBLOB COMPRESSED", []string{"REPEAT(x'02',17000000)", "''"}, randomRepeats(70000)},
		columnCase{"LONGTEXT COMPRESSED", []string{"REPEAT('é',40000)"}, randomRepeats(2000)})
}

// randomRepeats returns short bytes many times, of some length up to longest.
func randomRepeats(longest int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		unit := digits(r, 1+r.IntN(12))
		return fmt.Sprintf("REPEAT('%s',%d)", unit, r.IntN(longest/len(unit)+1))
	}
}

// textCases covers every character set of the server with each kind of column.
func textCases() []columnCase {
	samples := map[string]string{
		"latin1": "Müller €", "latin2": "Łódź", "utf8mb3": "日本語 é", "utf8mb4": "🦀 e\u0301", "gbk": "中文", "gb2312": "中文",
		"big5": "中文", "cp932": "日本", "sjis": "日本", "euckr": "한국", "ucs2": "Ünï", "utf16": "🦀x", "utf16le": "🦀x", "utf32": "🦀x",
		"cp1251": "Привет", "koi8r": "Привет", "hebrew": "שלום", "greek": "Ελλ", "tis620": "ไทย", "ascii": "abc",
		"ujis": "日本", "cp850": "é", "latin5": "ş", "latin7": "ž", "cp1250": "ž", "cp1257": "ž", "swe7": "a", "dec8": "é", "hp8": "é",
		"armscii8": "a", "cp852": "ž", "cp866": "Привет", "cp1256": "س", "eucjpms": "日本", "geostd8": "a", "keybcs2": "é", "macce": "é", "macroman": "é", "koi8u": "Є",
	}
	var cases []columnCase
	for charset, sample := range samples {
		literal := "'" + sample + "'"
		values := []string{"''", "' '", "'a '", literal, "CONCAT(" + literal + ", ' ')"}
		for _, kind := range []string{"CHAR(60)", "VARCHAR(90)", "TEXT"} {
			cases = append(cases, columnCase{kind + " CHARACTER SET " + charset, values, randomText(charset, 60)})
		}
	}
	return append(cases,
		columnCase{"CHAR(255) CHARACTER SET utf8mb4", []string{"REPEAT('🦀',255)", "'a  '"}, randomText("utf8mb4", 255)},
		columnCase{"VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci", []string{"'x'", "REPEAT('é',500)"}, randomText("utf8mb4", 500)},
		columnCase{"CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", []string{"'a '", "''"}, randomText("utf8mb4", 10)},
		columnCase{"VARCHAR(100) CHARACTER SET latin1", []string{"x'c3a9c3bc'", "x'00ff80'"}, randomBytes(100)}, // UTF-8 inside latin1
		columnCase{"VARCHAR(100) CHARACTER SET utf8mb4", []string{"x'f09fa680'"}, randomText("utf8mb4", 100)},
		columnCase{"VARCHAR(100) CHARACTER SET gbk", []string{"_gbk x'8140'", "_gbk x'fea0'"}, randomPairs},
		columnCase{"LONGTEXT", []string{"REPEAT('é',40000)"}, randomText("utf8mb4", 100)},
		columnCase{"TINYTEXT", []string{"REPEAT('x',255)"}, randomText("utf8mb4", 63)},
		columnCase{"MEDIUMTEXT", []string{"REPEAT('x',70000)"}, randomText("utf8mb4", 100)})
}

func labels(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("'l%d'", i)
	}
	return strings.Join(list, ",")
}

func randomInt(bits int, signed bool) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		n := r.Uint64() >> (64 - bits) >> r.IntN(bits)
		if !signed {
			return fmt.Sprint(n)
		}
		half := int64(n >> 1)
		if r.IntN(2) == 0 {
			half = -half - 1
		}
		return fmt.Sprint(half)
	}
}

func digits(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('0' + r.IntN(10)))
	}
	return b.String()
}

func randomDecimal(whole, fraction int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return []string{"", "-"}[r.IntN(2)] + "0" + digits(r, r.IntN(whole+1)) + ".0" + digits(r, r.IntN(fraction+1))
	}
}

func randomFloat(r *rand.Rand) string {
	return fmt.Sprintf("%g", (r.Float64()-0.5)*float64(int64(1)<<r.IntN(20)))
}

func randomDate(r *rand.Rand) string {
	return fmt.Sprintf("'%04d-%02d-%02d'", r.IntN(10000), r.IntN(13), r.IntN(32))
}

func fractionOf(r *rand.Rand, n int) string {
	if n == 0 {
		return ""
	}
	return "." + digits(r, n)
}

func randomTime(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return fmt.Sprintf("'%s%02d:%02d:%02d%s'", []string{"", "-"}[r.IntN(2)], r.IntN(838), r.IntN(60), r.IntN(60), fractionOf(r, n))
	}
}

func randomDateTime(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return fmt.Sprintf("'%04d-%02d-%02d %02d:%02d:%02d%s'", r.IntN(10000), r.IntN(13), r.IntN(32), r.IntN(24), r.IntN(60), r.IntN(60), fractionOf(r, n))
	}
}

func randomTimestamp(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return fmt.Sprintf("'%04d-%02d-%02d %02d:%02d:%02d%s'", 1971+r.IntN(66), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), fractionOf(r, n))
	}
}

func randomBytes(longest int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		b := make([]byte, r.IntN(longest+1))
		for i := range b {
			b[i] = byte(r.Uint32())
			if r.IntN(4) == 0 {
				b[i] = 0
			}
		}
		return fmt.Sprintf("x'%x'", b)
	}
}

func randomPairs(r *rand.Rand) string {
	b := make([]byte, 0, 40)
	for range r.IntN(20) {
		b = append(b, byte(0x81+r.IntN(0x7e)), byte(0x80+r.IntN(0x7f)))
	}
	return fmt.Sprintf("_gbk x'%x'", b)
}

func randomUUID(r *rand.Rand) string {
	h := fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64())
	return "'" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:] + "'"
}

// laxSession sets the mode in which a server takes the values that old
// databases hold.
const laxSession = "SET SESSION sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00', character_set_client=utf8mb4"

// fill writes every case's values to a table of its own, and returns the tables.
func fill(t *testing.T, s *mariadbtest.Server, cases []columnCase, random int) []string {
	t.Helper()
	conn, err := s.Admin().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	run := func(query string) {
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%.200s: %v", query, err)
		}
	}
	run(laxSession)
	r := rand.New(rand.NewPCG(1, 2))
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = fmt.Sprintf("emr.c%d", i)
		rows := []string{"(0, NULL)"}
		for n, value := range c.edges {
			rows = append(rows, fmt.Sprintf("(%d, %s)", n+1, value))
		}
		for n := 0; n < random; n++ {
			rows = append(rows, fmt.Sprintf("(%d, %s)", 1000+n, c.random(r)))
		}
		run("INSERT IGNORE INTO " + names[i] + " (id, v) VALUES " + strings.Join(rows, ", "))
	}
	return names
}

func createCases(s *mariadbtest.Server, cases []columnCase) []string {
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = fmt.Sprintf("emr.c%d", i)
		s.Exec(c.format(), "CREATE TABLE "+names[i]+" (id INT PRIMARY KEY, v "+c.declared+")")
	}
	return names
}

// TestEveryCoveredTypeIsCompared holds the cases of this file to TYPES.md.
func TestEveryCoveredTypeIsCompared(t *testing.T) {
	t.Parallel()
	for _, name := range mysql.CoveredTypes() {
		found := slices.ContainsFunc(columnCases(), func(c columnCase) bool {
			rest, ok := strings.CutPrefix(c.declared, name)
			return ok && (rest == "" || rest[0] == '(' || rest[0] == ' ')
		})
		if !found {
			t.Errorf("type %s is in TYPES.md and in no case", name)
		}
	}
}

func TestSameCellSameBytes(t *testing.T) {
	t.Parallel()
	sameCellSameBytes(t)
}

// TestSameCellSameBytesWhereTheServerCopies: of an engine without snapshots the
// server sends a copy that it made in a table of its own.
func TestSameCellSameBytesWhereTheServerCopies(t *testing.T) {
	t.Parallel()
	sameCellSameBytes(t, "--default-storage-engine=MyISAM")
}

func sameCellSameBytes(t *testing.T, args ...string) {
	t.Helper()
	s := start(t, append(args, "--default-time-zone=+05:30")...)
	cases := columnCases()
	random := 200
	if testing.Short() {
		random = 10
	}
	names := createCases(s, cases)
	m := open(t, s, names...)
	r := stream(t, m, nil)
	fill(t, s, cases, random)
	cells := 0
	for i, name := range names {
		chunk, err := m.Scan(t.Context(), name, nil, 20_000)
		if err != nil {
			t.Errorf("%s: scan: %v", cases[i].declared, err)
			continue
		}
		events := r.awaitFence(t, chunk.Fence)
		streamed := make(map[string][]row.Value)
		for _, c := range changes(events) {
			if c.Table.Name == name {
				streamed[show(c.After[:1])] = c.After
			}
		}
		cells += compareCells(t, cases[i].declared, chunk, streamed)
		compareFetch(t, m, name, chunk)
	}
	t.Logf("%d cells of %d column types: stream = scan = fetch", cells, len(cases))
}

// compareCells compares a scan with what was streamed.
func compareCells(t *testing.T, declared string, chunk tap.Chunk, streamed map[string][]row.Value) int {
	t.Helper()
	if len(chunk.Rows) != len(streamed) {
		t.Errorf("%s: scan has %d rows, stream %d", declared, len(chunk.Rows), len(streamed))
	}
	for _, r := range chunk.Rows {
		other, ok := streamed[show(r.Cells[:1])]
		if !ok || !row.Equal(r.Cells[1], other[1]) {
			t.Errorf("%s: scan %.120s, stream %.120s", declared, show(r.Cells), show(other))
		}
		if !r.Cells[1].Fits(chunk.Table.Columns[1].Type) {
			t.Errorf("%s: %s in a column of %s", declared, r.Cells[1].Type(), chunk.Table.Columns[1].Type)
		}
	}
	return len(chunk.Rows)
}

func compareFetch(t *testing.T, m tap.Tap, name string, chunk tap.Chunk) {
	t.Helper()
	var keys [][]row.Value
	byKey := make(map[string][]row.Value)
	for _, r := range chunk.Rows {
		keys = append(keys, chunk.Table.KeyOf(r.Cells))
		byKey[show(r.Cells[:1])] = r.Cells
	}
	fetched, err := m.Fetch(t.Context(), name, keys)
	if err != nil {
		t.Errorf("%s: fetch: %v", name, err)
		return
	}
	if len(fetched.Rows) != len(chunk.Rows) {
		t.Errorf("%s: fetched %d rows of %d", name, len(fetched.Rows), len(chunk.Rows))
	}
	for _, r := range fetched.Rows {
		if other := byKey[show(r.Cells[:1])]; !row.Equal(r.Cells[1], other[1]) {
			t.Errorf("%s: fetch %.120s, scan %.120s", name, show(r.Cells), show(other))
		}
	}
}
