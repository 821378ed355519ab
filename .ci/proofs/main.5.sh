# shellcheck shell=bash disable=SC2154
# evidence proven and checked offline by the real programs; any changed byte is refused; receipts against CometBFT's own

need nodejs node
install_missing

out=$work/out
[ -z "$full" ] || export EMRBCHAIN_TEST_FULL=1
go test -count=1 -timeout 25m -v -run '^TestAStrangerChecksEvidenceOffline$' ./adapter/ >"$out" 2>&1 &&
	go test -count=1 -timeout 25m -v ./chain/receipt/... ./adapter/internal/evidence/... ./adapter/cmd/emrbchain-verify/ >>"$out" 2>&1 || {
	grep -E '^ *--- FAIL|\.go:[0-9]+:|^FAIL|panic' "$out" | cut -c1-400 | head -60
	exit 1
}
if [ -n "$full" ]; then
	for target in FuzzReceipt FuzzLightBlock FuzzProof; do
		go test -run '^$' -fuzz "^$target\$" -fuzztime 60s ./chain/receipt/
	done
	go test -run '^$' -fuzz '^FuzzVerify$' -fuzztime 60s ./adapter/internal/evidence/
fi
grep -E '^ *--- SKIP' "$out" || true
for test in TestAStrangerChecksEvidenceOffline TestAnyChangedByteIsRefused TestSameAnswerAsOracle TestSizes \
	TestVerifierHasNoNetworkDatabaseOrNode TestRunsAsWasmUnderNode; do
	grep -q "^--- PASS: $test " "$out" || {
		echo "$test did not run"
		exit 1
	}
done
grep -oE '(4|21) validators[:,].* B$' "$out"
echo "main.5: $(grep -c '^ *--- PASS' "$out") tests passed; $(grep -oE '3 files verified offline.*' "$out")"
