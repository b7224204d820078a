#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Build everything and run every test, on a fresh Debian 12 machine, as root; installs what it needs.
# Ends with one line: N passed, N failed, N skipped. See README.md for parts of it (`check.sh --help`).
set -u
cd "$(dirname "$0")" || exit 1

usage() {
	cat <<-'X'
	check.sh [PART...]     without PART: all of them
	  lint          formatting, layers, banned functions
	  unit          the engine's tests, fuzz corpora, replays
	  asan, tsan    the same under AddressSanitizer+UBSan and under ThreadSanitizer
	  lab           real FRR, real and fake API servers, in network namespaces
	X
}

all="lint unit asan tsan lab"
parts=${*:-$all}
for part in $parts; do
	case " $all --help -h " in
	*" $part "*) ;;
	*) usage >&2; echo "check.sh: no such part: $part" >&2; exit 2 ;;
	esac
done
case " $parts " in *" --help "* | *" -h "*) usage; exit 0 ;; esac

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH
jobs=$(nproc)

say() { printf '\n== %s\n' "$*"; }

# A step that is no test of its own (building, installing) counts as one failed test when it fails.
step() {
	local name=$1
	shift
	say "$name"
	"$@" && return 0
	echo "$name" >>"$results/broken"
	return 1
}

# Two runs in one tree: in build/ one after the other, in the lab side by side.
alone() { # COMMAND...
	( flock -n 8 || { echo "something else is building in build/, waiting for it"; flock 8; }; "$@" ) 8>build/.lock
}

unit() { # NAME TARGET DIR-WITH-LOGS
	make -C build -s -j"$jobs" "$2" || true
	python3 scripts/tally.py add "$results/$1" "$3"
}

lab() {
	local assets sanitized=$PWD/build/check-asan # by the part asan
	unshare --net --mount --pid --fork true ||
		{ echo "lab: root may make no network namespaces here (a container?)" >>"$results/broken"; return 1; }
	assets=$(tests/kube/build.sh) || { echo "kube-apiserver could not be built" >>"$results/broken"; return 1; }
	alone make -C build -s tests/bench/barezapi tests/model/driver
	if [ -x "$sanitized/kubewatch/kubewatch" ]; then
		export KUBEWATCH_SANITIZED=$sanitized/kubewatch/kubewatch KUBEVIP_MODULES_SANITIZED=$sanitized/frr-module
	fi
	# Most tests wait most of the time: two processes a core, each with labs of its own (tests/conftest.py).
	KUBEBUILDER_ASSETS=$assets KUBEWATCH=$PWD/build/kubewatch/kubewatch KUBEVIP_MODULES=$PWD/build/frr-module \
		/usr/bin/python3 -m pytest -q -p no:cacheprovider -n $((jobs * 2)) --dist loadgroup --junit-xml="$results/lab.xml" \
		tests/model tests/lab tests/fakeapi tests/kube tests/integration
	[ -s "$results/lab.xml" ] || echo "pytest did not finish" >>"$results/broken"
}

lint() {
	if scripts/lint.sh; then
		echo "lint 1 0 0" >>"$results/counts"
	else
		echo "lint 0 1 0" >>"$results/counts"
	fi
}

main() {
	local part
	step "packages" scripts/deps.sh || return
	step "build" scripts/build.sh || return
	for part in $parts; do
		say "$part"
		case $part in
		lint) lint ;;
		unit) alone unit unit check build ;;
		asan) alone unit asan check-asan build/check-asan ;;
		tsan) alone unit tsan check-tsan build/check-tsan ;;
		lab) lab ;;
		esac
	done
}

main
# Without Python nothing has run: the packages could not be installed.
command -v python3 >/dev/null || { printf '\n0 passed, 1 failed, 0 skipped\n'; exit 1; }
exec python3 scripts/tally.py report "$results"
