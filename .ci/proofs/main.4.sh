# shellcheck shell=bash disable=SC2154
# the chain refuses, halts and resumes; an old, forked or damaged store is never used silently

. .ci/tests.sh
export EMRBCHAIN_TEST_FULL=$full

# Each refusal with its own code, the repeated head, parsing fuzzed.
run_tests ./chain/rules TestEveryRefusalHasItsOwnCode TestFurtherRefusals TestRepeatOfTheHeldHeadSucceedsAndChangesNothing \
	TestSignatureBindsEveryField TestRandomHistoriesAgreeWithTheModel TestRefusalsSayNoKeyOrRoot
fuzz=10s
[ -z "$full" ] || fuzz=2m
for target in FuzzParse FuzzApply; do
	go test ./chain/rules -run '^$' -fuzz "^$target\$" -fuzztime "$fuzz" | tail -2
done
# One and two of four, with clients that anchor.
run_tests ./chain/node TestGoesOnWithoutOneOfFourAndHaltsWithoutTwo
# Every file of the store in every region.
run_tests ./adapter/internal/recordlog TestDamageIsNoticedOrHarmless TestDamageBeforeTheAnchorIsNoticedAtUse \
	TestRootOfTheLastAnchorIsComparedAtOpen TestCheckComparesHeadsAndPrivateParts TestCheckRecomputesCommitments
# The same with whole sidecars, in processes of their own.
run_tests ./adapter TestAnchoringGoesOnWithoutOneOfFourAndHaltsWithoutTwo TestAStoreFromAnOldBackupIsNotAnchored \
	TestAFlippedByteInTheStoreIsNeverUsedSilently TestDamageHaltsTappingAndSaysSo
echo "main.4: $passed tests passed; FuzzParse and FuzzApply $fuzz each; sidecar: $(test_line ./adapter 'times a halt')"
