# shellcheck shell=bash disable=SC2154
# databases in the shape of OpenEMR and OpenMRS go the whole way with their presets

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing
. .ci/tests.sh

run_tests ./adapter TestDatabasesOfKnownEMRsGoTheWholeWayOnMariaDB
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
echo "mysql.4: try, init, snapshot, a day's work and audits: $(grep -hoE '[0-9]+ tables covered, [0-9]+ refused' "$work/out.adapter" | paste -sd ';' | sed 's/;/ (OpenEMR); /; s/$/ (OpenMRS)/'); late entry, change after final and edits found, nothing else"
