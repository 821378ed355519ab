# shellcheck shell=bash disable=SC2154
# each decoder of another member's bytes is fuzzed; sizes and counts are limited; a flood starves no other member

. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

# A package that decodes says whose bytes; if another's, a target runs each decoder.
run_tests ./adapter/internal/archtest TestEveryDecoderOfOthersBytesIsFuzzed
decoders=$(test_line ./adapter/internal/archtest "decoders of others' bytes")
packages=$(test_line ./adapter/internal/archtest 'packages: ')
fuzz=2s
[ -z "$full" ] || fuzz=60s
targets=0
# All of them stand on the one reader of CBOR.
for package in crypto/dcbor ${packages#packages: }; do
	go test -c -fuzz . -o "$work/fuzz.test" "./$package"
	for target in $("$work/fuzz.test" -test.list '^Fuzz'); do
		mkdir -p "$work/cache"
		(cd "$package" && "$work/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$fuzz" \
			-test.fuzzcachedir "$work/cache") >"$work/fuzzed" 2>&1 || {
			tail -20 "$work/fuzzed"
			echo "$package: $target failed"
			exit 1
		}
		targets=$((targets + 1))
		echo "$package $target $(grep -oE 'execs: [0-9]+' "$work/fuzzed" | tail -1)"
	done
done
# What is altered, sizes and counts.
run_tests ./adapter/internal/search TestEachRefusalHasItsOwnError TestWhatIsAlteredOnItsWayIsRefused \
	TestADayHasSoManyQueriesAndTheRestFillsNoLog TestAskRefusesWhatIsNoQuestion
# Strangers; floods of requests and connections, of transactions, through a real node.
run_tests ./adapter/internal/peers TestAStrangerLearnsThatHeIsUnknown TestOnlyTLS13WithAKeyAndHTTP2IsSpoken \
	TestCallSaysWhyThereIsNoAnswer TestAFloodFromOneMemberStarvesNoOther
run_tests ./chain/app TestFloodOfOneMemberKeepsNobodyOut
run_tests ./chain/node TestFloodThroughANode
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
echo "patients.7: $decoders, $targets fuzz targets for $fuzz each; $(test_line ./adapter/internal/peers 'of the polite member'); $((passed - 1)) tests besides passed"
