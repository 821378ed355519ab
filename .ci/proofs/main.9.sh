# shellcheck shell=bash disable=SC2154
# each benchmark runs beside its peer and prints its ratios; --full: long enough to be read

need mariadb-server-core mariadbd mariadb-install-db
install_missing
PATH=$PATH:/usr/sbin:/sbin
rm -f "$work/figures"

# bench PACKAGE PATTERN SHORT FULL runs benchmarks so often, and fails unless at
# least one line of figures comes of each.
bench() {
	local times=$3 short=-short
	[ -z "$full" ] || { times=$4 short=; }
	echo "== $1 $2 ($times)"
	# shellcheck disable=SC2086
	go test $short -run '^$' -bench "$2" -benchtime "$times" -timeout 30m "$1" >"$work/out" 2>&1 || {
		cat "$work/out"
		echo "main.9: the benchmarks of $1 failed"
		exit 1
	}
	grep '^Benchmark' "$work/out" | tee -a "$work/figures" || {
		cat "$work/out"
		echo "main.9: $1 has no benchmark $2"
		exit 1
	}
}

bench ./adapter '^BenchmarkTapToRecordLog$' 1x 3x
bench ./crypto/commit '^BenchmarkCommit$' 2000x 500000x
bench ./adapter/internal/recordlog '^BenchmarkUpdate$/^log$/^clustered$/^(500|1000)$' 20x 300x
bench ./adapter '^BenchmarkAudit$' 1x 3x
bench ./adapter '^BenchmarkProof$' 20x 1000x
bench ./chain/node '^BenchmarkSubmitToFinal$' 10x 200x

# figure BENCHMARK UNIT prints the last figure of that unit.
figure() {
	awk -v name="$1" -v unit="$2" '$1 ~ name {for (i = 3; i < NF; i += 2) if ($(i + 1) == unit) v = $i}
		END {if (v == "") exit 1; printf "%.2f", v}' "$work/figures" || {
		echo "main.9: $1 gave no figure $2" >&2
		exit 1
	}
}

# rate BENCHMARK prints the share of the peer's rate and how many times its CPU.
rate() { echo "$(figure "$1" of-peer) at $(figure "$1" cpu-x-peer) x CPU"; }

tap=$(rate 'transaction=500/in-process')
grpc=$(rate 'transaction=500/over-grpc')
single=$(rate 'transaction=1/in-process')
audit=$(rate BenchmarkAudit)
commitments=$(figure BenchmarkCommit times-plain-SHA-256)
batches=$(figure 'BenchmarkUpdate/log/clustered/1000' x-raw)
made=$(figure BenchmarkProof selects)
checked=$(figure BenchmarkProof signatures)
p50=$(figure BenchmarkSubmitToFinal p50-ratio)
p95=$(figure BenchmarkSubmitToFinal p95-ratio)
# The goal is set for the long run: a p95 of ten anchors is one anchor's.
if [ -n "$full" ] && awk -v p95="$p95" 'BEGIN {exit !(p95 > 1.25)}'; then
	echo "main.9: the p95 of an anchor is $p95 times that of a kvstore transaction, and may be 1.25"
	exit 1
fi
echo "main.9: of the peer's rate: tap to record log $tap (over gRPC $grpc, one-row transactions $single), audit $audit;" \
	"commitment $commitments x SHA-256, log batch $batches x write+fsync, proof made in $made SELECTs and checked in" \
	"$checked signatures, anchor p50 $p50 and p95 $p95 x kvstore"
