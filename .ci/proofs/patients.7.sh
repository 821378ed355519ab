# shellcheck shell=bash disable=SC2154
# every decoder of another member's bytes is fuzzed and bounded, and a flood from one member starves no other; --full: a minute of each fuzz

. .ci/tests.sh
seconds=5
[ -z "$full" ] || seconds=60

fuzzed=0
# fuzz PACKAGE NAME …: runs fuzz tests, one after the other.
fuzz() {
	local package=$1 name
	shift
	for name in "$@"; do
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" "$package" >"$work/fuzz" 2>&1 || {
			tail -30 "$work/fuzz"
			exit 1
		}
		echo "$package $name: $(grep -oE 'execs: [0-9]+' "$work/fuzz" | tail -1)"
		fuzzed=$((fuzzed + 1))
	done
}

# What comes from a member's sidecar, and what comes from it by way of the chain.
fuzz ./adapter/internal/search FuzzParse FuzzAnswer
fuzz ./crypto/seal FuzzReader
fuzz ./crypto/dcbor FuzzReaderAcceptsExactlyCanonical
fuzz ./chain/rules FuzzParse FuzzRecords
run_tests ./adapter/internal/search TestEachRefusalHasItsOwnError TestWhatIsAlteredOnItsWayIsRefused \
	TestADayHasSoManyQueriesAndTheRestFillsNoLog
run_tests ./adapter/internal/peers TestAStrangerLearnsThatHeIsUnknown TestOnlyTLS13WithAKeyAndHTTP2IsSpoken \
	TestCallSaysWhyThereIsNoAnswer TestAFloodFromOneMemberStarvesNoOther
echo "patients.7: $fuzzed decoders fuzzed for $seconds s each; $(test_line ./adapter/internal/peers 'p95 of the polite member')"
