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

dir=/run/kubevip-demo # one demo lab a machine
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH

die() { echo "demo.sh: $*" >&2; exit 1; }
usage() { sed -n '4,9s/^# *//p' "$0"; }

# The lab's process holds the lock as long as it lives, and no other does: only then its pid is worth something.
is_up() { ! flock -n "$dir.lock" true; }

down() {
	local pid='' tries=300
	is_up || { echo "no demo lab is up"; return; }
	while is_up; do
		# Its pid is there in a moment. If it does not listen: its namespaces go when it does.
		[ -n "$pid" ] || { pid=$(cat "$dir/pid" 2>/dev/null) && kill "$pid"; } || true
		[ $((tries -= 1)) -gt 0 ] || kill -KILL "$pid" || true
		sleep 0.1
	done
	rm -rf "$dir"
	echo "the demo lab is down"
}

shell=module api=
for word; do
	case $word in
	--daemon) shell=kubewatch ;;
	--real-api) api=real ;;
	--fake-api) api=fake ;;
	down) shell= ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; die "no such option: $word" ;;
	esac
done

[ "$(id -u)" = 0 ] || die "run it as root: it makes network namespaces"
[ -n "$shell" ] || { down; exit 0; }
is_up && die "a demo lab is up already: ./demo.sh down"
unshare --net --mount --pid --fork true ||
	die "root may make no network namespaces here. In a container? Then it must be a privileged one."

scripts/deps.sh --minimal
scripts/build.sh

if [ "$api" = real ]; then
	KUBEBUILDER_ASSETS=$(tests/kube/build.sh)
elif [ -z "$api" ] && KUBEBUILDER_ASSETS=$(tests/kube/build.sh --no-build 2>/dev/null); then
	api=real
fi
export KUBEBUILDER_ASSETS

exec 7>"$dir.lock"
flock -n 7 || die "a demo lab is up already: ./demo.sh down"
rm -rf "$dir"
mkdir "$dir"
log=$dir/log
: >"$log"
# Who interrupts this wants no lab.
trap 'trap "" INT TERM HUP; exec 7>&-; echo; down; exit 1' INT TERM HUP
(
	echo "$BASHPID" >"$dir/pid"
	exec setsid /usr/bin/python3 -m tests.lab.demo "$shell" "$PWD/build" "$dir" "${api:-fake}" >"$log" 2>&1 </dev/null
) &
lab=$!
exec 7>&-

# Show what it prints, until it says that it is ready or it dies. (`wait` is what a signal can interrupt.)
tail -n +1 -f --pid="$lab" "$log" 2>/dev/null | sed -u '/^@ready$/Q' &
wait $! || true
trap - INT TERM HUP
is_up || die "the demo failed; its log is above"
echo "  down    ./demo.sh down"
