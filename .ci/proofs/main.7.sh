# shellcheck shell=bash disable=SC2154
# the chain away during a whole load: the source is read on, and everything is anchored on return

need mariadb-server-core mariadbd mariadb-install-db
need mariadb-client mariadb mariadb-binlog mariadb-dump
install_missing
. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

run_tests ./adapter TestTheSourceIsReadOnWhileTheChainIsAway TestASidecarStartsBeforeItsChain
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
grep -hoE 'backlog [0-9]+, then [0-9]+, stalled since [0-9]{2}:[0-9]{2}:[0-9]{2}' "$work/out.adapter"
echo "main.7: $(test_line ./adapter 'transactions without the chain')"
