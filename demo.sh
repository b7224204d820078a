#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Raise the lab, let a VIP travel from a Service to the second router's kernel, and leave everything up.
#   ./demo.sh              bgpd with the module; the fake API server, unless a kube-apiserver has been built already
#   ./demo.sh --daemon     the stand-alone daemon kubewatch, beside a bgpd without the module
#   ./demo.sh --real-api   a real kube-apiserver (built on first use: about 5 minutes)
#   ./demo.sh --fake-api   the fake one in any case
#   ./demo.sh down         take it down
set -eu
cd "$(dirname "$0")"

dir=${XDG_RUNTIME_DIR:-/run}/kubevip-demo
log=$dir/log
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH

# The process that holds the lab, if it is still the one we started.
holder() {
	local pid started
	read -r pid started 2>/dev/null <"$dir/pid" || return 1
	[ "$(awk '{print $22}' "/proc/$pid/stat" 2>/dev/null)" = "$started" ] && echo "$pid"
}

down() {
	local pid
	if pid=$(holder); then
		kill "$pid"
		while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
		echo "the demo lab is down"
	else
		echo "no demo lab is up"
	fi
	rm -rf "$dir"
}

shell=module api=
for word; do
	case $word in
	--daemon) shell=kubewatch ;;
	--real-api) api=real ;;
	--fake-api) api=fake ;;
	down) down; exit 0 ;;
	*) sed -n '4,9s/^# *//p' "$0"; exit 1 ;;
	esac
done

[ "$(id -u)" = 0 ] || { echo "demo.sh wants root: it makes network namespaces" >&2; exit 1; }
holder >/dev/null && { echo "a demo lab is up already: ./demo.sh down" >&2; exit 1; }

scripts/deps.sh --minimal
headers=$(scripts/frr-headers.sh)
[ -e configure ] || autoreconf -i
mkdir -p build "$dir"
[ -e build/Makefile ] || (cd build && ../configure --quiet --with-frr-src="$headers")
make -C build -s -j"$(nproc)" all

if [ "$api" = real ]; then
	KUBEBUILDER_ASSETS=$(tests/kube/build.sh)
elif [ -z "$api" ] && KUBEBUILDER_ASSETS=$(tests/kube/build.sh --no-build 2>/dev/null); then
	api=real
fi
export KUBEBUILDER_ASSETS

: >"$log"
setsid /usr/bin/python3 -m tests.lab.demo "$shell" "$PWD/build" "$dir" "${api:-fake}" >"$log" 2>&1 </dev/null &
pid=$!
echo "$pid $(awk '{print $22}' "/proc/$pid/stat")" >"$dir/pid"

# Show what it prints, until it says that it is ready or it dies.
tail -n +1 -f --pid="$pid" "$log" 2>/dev/null | sed -u '/^@ready$/q' | grep -v --line-buffered '^@ready$' || true
if holder >/dev/null; then
	echo "  down    ./demo.sh down"
else
	echo "the demo failed; its log is above" >&2
	rm -rf "$dir"
	exit 1
fi
