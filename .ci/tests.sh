# shellcheck shell=bash disable=SC2154
# Sourced by proofs that consist of tests.

# run_tests PACKAGE NAME …: runs the named tests and says how each ended. It
# fails if one fails, or did not run at all; a test that was skipped is named
# and counted in $skipped. $passed counts those that passed.
passed=0 skipped=0
run_tests() {
	local package=$1 out=$work/out name pattern
	shift
	pattern="^($(
		IFS='|'
		echo "$*"
	))\$"
	PATH=$PATH:/usr/sbin:/sbin go test -count=1 -timeout 60m -v -run "$pattern" "$package" >"$out" 2>&1 || {
		grep -vE '^ *\{' "$out" | grep -E '^ *--- FAIL|_test.go:|^FAIL|panic:|^#' | head -60
		return 1
	}
	for name in "$@"; do
		if grep -q "^--- PASS: $name " "$out"; then
			passed=$((passed + 1))
		elif grep -q "^--- SKIP: $name " "$out"; then
			skipped=$((skipped + 1))
		else
			echo "$package: $name did not run"
			return 1
		fi
	done
	grep -E '^--- (PASS|SKIP)' "$out" | sed "s|^|$package |"
	cp "$out" "$work/out.$(basename "$package")"
}

# test_line PACKAGE WORDS: the line with these words that a test of the package
# has logged, without where it stands.
test_line() {
	grep -hE "_test.go:[0-9]+: .*$2" "$work/out.$(basename "$1")" | tail -1 | sed -E 's/^.*_test.go:[0-9]+: //'
}
