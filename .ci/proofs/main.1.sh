# shellcheck shell=bash disable=SC2154
# demo --once on a fresh clone with only Go, under 60 s after the build; --full: .ci/test there too

if [ -n "$(git status --porcelain)" ]; then
	echo "the tree has changes that are not committed; the clone does not have them"
fi
git clone -q --no-hardlinks . "$work/clone"
cd "$work/clone"

# Nothing but Go is on the path: no compiler for C, no MariaDB, no git.
only_go=(env PATH="$(go env GOROOT)/bin" CGO_ENABLED=0)
echo "building"
"${only_go[@]}" go run ./adapter/cmd/emrbchain version

limit=60
start=$(date +%s.%N)
timeout --kill-after=5 "$limit" "${only_go[@]}" go run ./adapter/cmd/emrbchain demo --once || {
	code=$?
	[ $code -ne 124 ] || echo "demo --once was not done within $limit s"
	echo "demo --once: exit $code"
	exit 1
}
took=$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%.1f", b - a}')

tested=
if [ -n "$full" ]; then
	.ci/test
	tested=", .ci/test green"
fi
echo "main.1: demo --once exits 0 after $took s (limit $limit s) on $(nproc) cores$tested"
