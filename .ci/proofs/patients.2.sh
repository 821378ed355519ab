# shellcheck shell=bash disable=SC2154
# known answers: RFC 9180, X-Wing, BIP-350, and identities that a second implementation makes alike

need python3 python3
install_missing
. .ci/tests.sh

run_tests ./crypto/seal TestPublishedVectors TestKnownAnswers
run_tests ./crypto/vid TestBech32m TestIdentifiersOfTheVectors TestUnicodeIsTheVersionThatIsWritten
if [ "$skipped" -gt 0 ]; then
	echo "a test was skipped"
	exit 1
fi
# The same file, read by an implementation that shares no code with ours.
python3 crypto/vid/testdata/identity.py >"$work/second" || {
	cat "$work/second"
	exit 1
}
echo "patients.2: $(test_line ./crypto/seal 'of RFC 9180'); $(test_line ./crypto/vid 'of BIP-350');" \
	"identities in Go and in Python: $(tail -1 "$work/second")"
