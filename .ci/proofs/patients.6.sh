# shellcheck shell=bash disable=SC2154
# ids a second, MB/s sealed and opened, search over 50 members: each beside its primitives in the same run

. .ci/bench.sh

bench ./crypto/vid '^Benchmark(ID|TwoHMACs)$' 20000x 1000000x
bench ./crypto/seal '^Benchmark(GCM|Seal|Open)$' 3x 50x
bench ./adapter/internal/search '^BenchmarkSearch$' 3x 100x

# quotient A B prints A / B.
quotient() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }

ids=$(figure BenchmarkID ids/s)
id=$(quotient "$(figure BenchmarkID ns/op)" "$(figure BenchmarkTwoHMACs ns/op)")
gcm=$(figure BenchmarkGCM MB/s)
sealed=$(figure 'BenchmarkSeal/suite-1' MB/s)
opened=$(figure 'BenchmarkOpen/suite-1' MB/s)
p95=$(figure BenchmarkSearch/x-wing p95-ms)
search=$(figure BenchmarkSearch/x-wing of-sealing)
echo "patients.6: $ids ids/s, $id x two HMACs; sealed $sealed and opened $opened MB/s," \
	"$(quotient "$sealed" "$gcm") and $(quotient "$opened" "$gcm") of AES-256-GCM alone;" \
	"search over 50 members p95 $p95 ms, $search x its cryptography alone"
