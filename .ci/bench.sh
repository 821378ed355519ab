# shellcheck shell=bash disable=SC2154
# Functions of the proofs that measure: they have $proof, $work and $full.

rm -f "$work/figures"
missed=

# bench PACKAGE PATTERN SHORT FULL runs benchmarks so often, and fails unless at
# least one line of figures comes of each.
bench() {
	local times=$3 short=-short
	[ -z "$full" ] || { times=$4 short=; }
	echo "== $1 $2 ($times)"
	# shellcheck disable=SC2086
	go test $short -run '^$' -bench "$2" -benchtime "$times" -timeout 60m "$1" >"$work/out" 2>&1 || {
		cat "$work/out"
		echo "$proof: the benchmarks of $1 failed"
		exit 1
	}
	grep '^Benchmark' "$work/out" | tee -a "$work/figures" || {
		cat "$work/out"
		echo "$proof: $1 has no benchmark $2"
		exit 1
	}
}

# figure BENCHMARK UNIT prints the last figure of that unit.
figure() {
	awk -v name="$1" -v unit="$2" '$1 ~ name {for (i = 3; i < NF; i += 2) if ($(i + 1) == unit) v = $i}
		END {if (v == "") exit 1; printf "%.2f", v}' "$work/figures" || {
		echo "$proof: $1 gave no figure $2" >&2
		exit 1
	}
}

# goal WHAT FIGURE TEST LIMIT says whether the figure stands to the limit as the
# test says, and remembers if it does not. Short runs are too short to be judged.
goal() {
	[ -n "$full" ] || return 0
	if awk -v a="$2" -v b="$4" "BEGIN {exit !(a $3 b)}"; then
		echo "$proof: pass: $1 $2, must be $3 $4"
	else
		echo "$proof: FAIL: $1 $2, must be $3 $4"
		missed=1
	fi
}

# goals_met fails if a goal was missed. It is a proof's last line, so that one run
# tells of each goal and of the figures.
goals_met() { [ -z "$missed" ] || exit 1; }
