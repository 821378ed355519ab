# shellcheck shell=bash disable=SC2154
# a dictionary attacker with the chain and a member's disk: what he gets of a plain hash, without the key, and with it

. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

run_tests ./adapter/internal/search TestWhatADictionaryGives
echo "patients.5: $(test_line ./adapter/internal/search 'plain hash is inverted'); $(test_line ./adapter/internal/search "with the epoch's key the root")"
