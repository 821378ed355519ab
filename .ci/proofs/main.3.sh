# shellcheck shell=bash disable=SC2154
# the tamper matrix on MariaDB and SQLite, each row named exactly; 20 audits of a busy untouched database find nothing

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing

out=$work/out
PATH=$PATH:/usr/sbin:/sbin go test -count=1 -timeout 25m -v -run 'OnMariaDB$|OnSQLite$|^TestABusyUntouched' \
	-skip '^TestTheLastVersion|^TestNothingIsLost' ./adapter/ >"$out" 2>&1 || {
	grep -E '^ *--- FAIL|\.go:[0-9]+:|^FAIL|panic' "$out" | head -60
	exit 1
}
grep -E '^--- ' "$out"
mariadb=$(grep -c '^--- PASS.*MariaDB' "$out" || true)
sqlite=$(grep -c '^--- PASS.*SQLite' "$out" || true)
if [ "$mariadb" -lt 6 ] || [ "$sqlite" -lt 7 ]; then
	echo "only $mariadb tests ran on MariaDB and $sqlite on SQLite"
	exit 1
fi
echo "main.3: $mariadb tests on MariaDB and $sqlite on SQLite passed: all that was tampered with is named, nothing else"
