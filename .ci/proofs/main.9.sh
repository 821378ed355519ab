# shellcheck shell=bash disable=SC2154
# each benchmark runs beside its peer and prints its ratios; --full: long enough to be read

need mariadb-server-core mariadbd mariadb-install-db
install_missing
PATH=$PATH:/usr/sbin:/sbin
. .ci/bench.sh

bench ./adapter '^BenchmarkTapToRecordLog$' 1x 3x
bench ./crypto/commit '^BenchmarkCommit$' 2000x 500000x
bench ./adapter/internal/recordlog '^BenchmarkUpdate$/^log$/^clustered$/^(500|1000)$' 20x 300x
bench ./adapter '^BenchmarkAudit$' 1x 3x
bench ./adapter '^BenchmarkProof$' 20x 1000x
bench ./chain/node '^BenchmarkSubmitToFinal$' 10x 200x

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
goal "an anchor's p95, in those of a kvstore transaction," "$p95" "<=" 1.25
echo "main.9: of the peer's rate: tap to record log $tap (over gRPC $grpc, one-row transactions $single), audit $audit;" \
	"commitment $commitments x SHA-256, log batch $batches x write+fsync, proof made in $made SELECTs and checked in" \
	"$checked signatures, anchor p50 $p50 and p95 $p95 x kvstore"
goals_met
