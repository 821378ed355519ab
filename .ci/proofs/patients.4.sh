# shellcheck shell=bash disable=SC2154
# erased stays erased after rotation and older stores; a key lost without an officer is unverifiable; a correction is that alone

. .ci/tests.sh

# Orders: nothing in them is outside of the signature, and both decoders are fuzzed.
run_tests ./crypto/order TestEveryChangedByteOfASignedOrderIsRefused TestASignatureServesForOneOrderAndOneOfficer \
	TestFilesReadBackAsTheyWereWritten TestAnOrderWithoutItsOpeningNamesNoPatient TestTheOfficerReadsWhatIsSigned
fuzz=10s
[ -z "$full" ] || fuzz=2m
for target in FuzzOrderFile FuzzOrderBody; do
	go test ./crypto/order -run '^$' -fuzz "^$target\$" -fuzztime "$fuzz" | tail -2
done
run_tests ./adapter/internal/authority TestAnOfficersKeyCountsFromItsAnchorOn TestWhoWritesStateChangesNoVerdict
# Keys: destroyed for good, wrapped anew with every write failing in every way.
run_tests ./adapter/internal/recordlog TestDestroyedKeysStayGone TestRewrapIsWholeOrAbsent TestLostOwnerKeysAreSaid
run_tests ./adapter TestARotationCutOffIsBroughtToItsEnd TestAKeyBeforeARotationOpensNothing TestARotationLeavesAForeignStoreAlone
# The whole way, with real processes.
run_tests ./adapter TestAnErasedPatientStaysErased TestEveryKeyThatWasEverAPatientsIsDestroyed \
	TestAKeyLostWithoutAnOfficerIsUnverifiable TestACorrectionIsThatAndNothingMore
if [ -n "$full" ]; then
	for _ in 1 2 3; do
		run_tests ./adapter TestAnErasedPatientStaysErased TestAKeyLostWithoutAnOfficerIsUnverifiable TestACorrectionIsThatAndNothingMore
	done
fi
echo "patients.4: $passed tests passed; FuzzOrderFile and FuzzOrderBody $fuzz each; erased rows stay erased, unordered losses are unverifiable"
