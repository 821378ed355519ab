# shellcheck shell=bash disable=SC2154
# each hole of the binary log is closed or reported, and never hides an unrecorded edit

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing
. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

# The matrix: each hole honest, and together with an unrecorded edit.
run_tests ./adapter TestEachHoleExplainsWhatItDidAndNothingElseOnMariaDB
holes=$(grep -cE '^ +--- PASS: TestEachHoleExplainsWhatItDidAndNothingElseOnMariaDB/' "$work/out.adapter")
# What the matrix does not hold: long, or of several tables.
run_tests ./adapter TestRowsThatCascadesChangeAllTheTimeAreFollowedOnMariaDB TestManyCascadesWhileTheSidecarIsStoppedAreFollowedOnMariaDB \
	TestPartitionsThatAreExchangedExplainTheRowsThatWentOnMariaDB TestTablesChangedFirstWhileStoppedAreFollowed \
	TestATableThatAlterTableRenamesInThePlaceOfAnotherIsFollowed TestRowsWhoseKeyAnotherOneTookAreLookedFor \
	TestAFailoverToAReplicaIsFollowedOnMariaDB TestAReplicaThatLacksTransactionsIsAGapOnMariaDB \
	TestAnotherReaderWithTheTapsServerIDOnMariaDB
# Each as the tap tells it.
run_tests ./plugins/mysql TestEachHoleThatLeavesASignIsTold TestRestoredServerThatReusesGTIDsIsAGap TestRestoredServerThatIsBehindIsAGap \
	TestResetLogIsAGap TestPurgedLogIsAGap TestRestartOfAServerThatIsNotDurableIsAGap
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
echo "mysql.2: $holes holes, each honest and with an unrecorded edit; $((passed - 1)) tests besides passed"
