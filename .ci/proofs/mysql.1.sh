# shellcheck shell=bash disable=SC2154
# random cells of every type and charset are the same in the log, a scan and a fetch

need mariadb-server-core mariadbd mariadb-install-db
install_missing
. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

run_tests ./plugins/mysql TestRowImagesEqualScansAndFetches TestEveryCoveredTypeIsCompared FuzzRowImage
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
fuzzed="the seeds of bad bytes"
if [ -n "$full" ]; then
	go test -run '^$' -fuzz '^FuzzRowImage$' -fuzztime 60s ./plugins/mysql >"$work/fuzz" 2>&1 || {
		tail -40 "$work/fuzz"
		exit 1
	}
	fuzzed="bad bytes for a minute ($(grep -oE 'execs: [0-9]+' "$work/fuzz" | tail -1))"
fi
echo "mysql.1: $(test_line ./plugins/mysql 'cells of'); $fuzzed refused; on $(PATH=$PATH:/usr/sbin:/sbin mariadbd --version | grep -oE '[0-9.]+-MariaDB'), not verified on MySQL 8"
