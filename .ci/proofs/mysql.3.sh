# shellcheck shell=bash disable=SC2154
# under kills nothing is lost and nothing comes twice, with XA, DDL, MyISAM, cascades and log rotation in the workload

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
need strace strace
install_missing

. .ci/tests.sh
[ -z "$full" ] || export EMRBCHAIN_TEST_FULL=1
run_tests ./adapter/ TestNothingIsLostNothingTwiceOnMariaDB
[ "$skipped" -eq 0 ] || {
	echo "the kill test was skipped"
	exit 1
}
grep -E '_test.go:[0-9]+: (seed|kill) ' "$work/out.adapter" | sed 's/^ *[a-z_]*_test.go:[0-9]*: //'
echo "mysql.3: $(test_line ./adapter/ 'kills, phases')"
