# Sourced by the scripts of this directory: install what a fresh Debian lacks.

# need PACKAGE COMMAND-OR-FILE … : notes the package if any of them is missing.
missing=()
need() {
	local package=$1 thing
	shift
	for thing in "$@"; do
		case $thing in
		/*) [ -e "$thing" ] && continue ;;
		*) PATH=$PATH:/usr/sbin:/sbin command -v "$thing" >/dev/null && continue ;;
		esac
		missing+=("$package")
		return
	done
}

# install_missing installs what need noted, or says why it cannot.
install_missing() {
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "installing ${missing[*]}"
	if ! command -v apt-get >/dev/null; then
		echo "missing: ${missing[*]} (names of Debian's packages). This is no Debian: install them by its own means." >&2
		return 1
	fi
	local as_root=()
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "missing: ${missing[*]}. Run as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
			return 1
		fi
		as_root=(sudo)
	fi
	local output
	if ! output=$({ "${as_root[@]}" apt-get update -q &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } 2>&1 </dev/null); then
		printf '%s\n' "$output" >&2
		echo "apt-get could not install: ${missing[*]}" >&2
		return 1
	fi
	missing=()
}
