# shellcheck shell=bash disable=SC2154
# nothing is lost, nothing comes twice, under kills of every part; the batch is synced before the ack

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
need strace strace
install_missing

out=$work/out
[ -z "$full" ] || export EMRBCHAIN_TEST_FULL=1
PATH=$PATH:/usr/sbin:/sbin go test -count=1 -timeout 40m -v \
	-run '^(TestNothingIsLostNothingTwice|TestTheLastVersionIsNeverLostOnSQLite|TestTheBatchIsSyncedBeforeTheAck)$' \
	./adapter/ >"$out" 2>&1 || {
	grep -E '^ *--- FAIL|\.go:[0-9]+:|^FAIL|panic' "$out" | cut -c1-400 | head -60
	exit 1
}
grep -E '_test.go:.*(kill |kills|noticed|acks)' "$out" | sed 's/^ *[a-z_]*_test.go:[0-9]*: //'
passed=$(grep -c '^--- PASS' "$out" || true)
if [ "$passed" -ne 3 ]; then
	echo "only $passed of 3 tests ran"
	exit 1
fi
figures=$(grep -oE '[0-9]+ kills, phases.*' "$out" | grep -oE '^[0-9]+ kills|[0-9]+ (changes|versions) logged' | paste -sd, | sed 's/,/, /g')
echo "main.2: $figures; every ack after the syncs of its batch"
