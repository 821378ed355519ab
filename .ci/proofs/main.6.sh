# shellcheck shell=bash disable=SC2154
# taptest passes for both taps, in process and over gRPC, and each of its cases can fail

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing
export EMRBCHAIN_TEST_FULL=$full

out=$work/out
short=-short
[ -z "$full" ] || short=
# shellcheck disable=SC2086
go test $short -count=1 -v -run 'Conform|EveryCaseCanFail|SameCellSameBytes|SameBytes' ./plugins/... >"$out" 2>&1 || {
	grep -E '^ *--- FAIL|_test.go:|^FAIL|panic' "$out" | head -60
	exit 1
}
passed=$(grep -c '^ *--- PASS' "$out" || true)
skipped=$(grep -c '^ *--- SKIP' "$out" || true)
for tap in mysql sqlite; do
	grep -q "^ok .*plugins/$tap" "$out" || {
		echo "the tap $tap ran no conformance test"
		exit 1
	}
done
if [ "$passed" -lt 40 ]; then
	echo "only $passed cases ran"
	exit 1
fi
grep -E '^ *--- SKIP' "$out" || true
echo "main.6: $passed cases passed, $skipped skipped, for taps mysql and sqlite and the reference tap, in process and over gRPC"
