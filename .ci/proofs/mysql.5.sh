# shellcheck shell=bash disable=SC2154
# what the tap costs, beside its peers in the same run; --full: held against the goals, with a table of 5,000,000 rows

need mariadb-server-core mariadbd mariadb-install-db
install_missing
PATH=$PATH:/usr/sbin:/sbin
. .ci/bench.sh

bench ./plugins/mysql '^BenchmarkStream$' 1x 20x
bench ./crypto/commit '^BenchmarkCommit$' 2000x 500000x
bench ./adapter '^BenchmarkTapToRecordLog$/^rows-per-transaction=500$' 1x 5x
bench ./adapter '^BenchmarkUpdateToRecordLog$' 1x 3x
bench ./adapter '^BenchmarkScan$' 1x 5x
bench ./adapter '^BenchmarkAudit$' 1x 3x
bench ./adapter '^BenchmarkServerUnderTap$' 2x 10x
bench ./adapter '^BenchmarkSnapshot$' 1x 1x

decode=$(figure BenchmarkStream x-bare-cpu)
commits=$(figure BenchmarkCommit commitments/s)
inserts=$(figure 'transaction=500/in-process' rows/s)
updates=$(figure BenchmarkUpdateToRecordLog rows/s)
scan=$(figure 'BenchmarkScan/in-process' of-peer)
audit=$(figure BenchmarkAudit of-peer)
server=$(figure BenchmarkServerUnderTap median-ratio)
sidecar=$(figure BenchmarkSnapshot snapshot-sidecar-MiB)
tap=$(figure BenchmarkSnapshot snapshot-tap-MiB)
share=$(awk -v a="$inserts" -v b="$commits" 'BEGIN {printf "%.2f", a / b}')
# An insert is one row image, an update two: the row as it was and as it became.
third=$(awk -v a="$updates" -v b="$inserts" 'BEGIN {printf "%.2f", 2 * a / b}')

goal "decoding, in the CPU of a bare read," "$decode" "<=" 4
goal "inserts a second into the record log" "$inserts" ">=" 40000
goal "their share of the commitments of one core" "$share" ">=" 0.30
goal "row images of random updates, in those of inserts," "$third" ">=" 0.33
goal "the scan's share of a bare SELECT's rate" "$scan" ">=" 0.35
goal "the database's CPU with the tap, in that with a bare reader," "$server" "<=" 1.05
# That tap and sidecar stay below 256 MiB is for the benchmark to say.
echo "mysql.5: decoded at $decode x the CPU of a bare read; $inserts rows/s into the record log, $share of the commitments of one core," \
	"random updates $updates rows/s, $third of its row images; scan $scan and audit $audit of a bare SELECT; the database's CPU $server x that with a bare reader;" \
	"snapshot in $sidecar + $tap MiB"
goals_met
