# shellcheck shell=bash disable=SC2154
# databases in the shape of OpenEMR and OpenMRS go the whole way with their presets

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing
. .ci/tests.sh

run_tests ./adapter TestDatabasesOfKnownEMRsGoTheWholeWayOnMariaDB
emrs=$(grep -hoE '[0-9]+ tables covered, [0-9]+ refused' "$work/out.adapter" | paste -sd ';' | sed 's/;/ (OpenEMR); /; s/$/ (OpenMRS)/')
# Their tables without a key, which are a multiset of rows.
run_tests ./adapter TestRowsWithoutAKeyAreCoveredOnMariaDB TestABusyTableWithoutAKeyHasNoFindingsOnMariaDB \
	TestRowsWithoutAKeySurviveKillsOnMariaDB TestAStrangerChecksARowWithoutAKey \
	TestAnHonestChangeOfATableWithoutAKeyIsNoFindingOnMariaDB TestATableWithoutAKeyThatIsTooLargeIsNotCovered
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
echo "mysql.4: try, init, snapshot, a day's work and audits: $emrs; late entry, change after final and edits found, nothing else;" \
	"rows without a key in $((passed - 1)) tests"
