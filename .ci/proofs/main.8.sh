# shellcheck shell=bash disable=SC2154
# bad input of every kind: a clear error with its mend, and nothing lost

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing
. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

run_tests ./adapter/internal/config TestEveryMistakeIsToldWithPlaceReasonAndMend
run_tests ./adapter TestEachConfigurationMistakeExits78 TestBadFilesOfSecretsAreNamed TestABadTapLosesNothing \
	TestABadSourceIsNamedWithItsMend TestAFullDiskLosesNothing TestAClockThatJumpsHarmsNothing
grep -hE '_test.go:[0-9]+: (tap|told): ' "$work/out.adapter" | sed -E 's/^.*_test.go:[0-9]+: //' | cut -c1-160
unshown=
[ "$skipped" -eq 0 ] || unshown=" ($skipped skipped: a full disk needs the right to mount a small tmpfs)"
echo "main.8: $passed tests passed$unshown: $(test_line ./adapter 'kinds of mistakes'), $(test_line ./adapter 'bad taps'); $(test_line ./adapter 'the disk was full')"
