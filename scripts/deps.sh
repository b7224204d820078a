#!/bin/sh
# deps.sh [--minimal] - install the Debian packages that building and testing need.
#
# Does nothing, and needs neither root nor network, when all are there. No daemon gets started: not
# FRR's, not any other.
# --minimal   only what demo.sh and installing on a router need: compile, load into FRR, run routers in namespaces
set -eu

# build-essential ... flex: this project, and FRR's headers (scripts/frr-headers.sh runs FRR's configure)
minimal="build-essential autoconf autoconf-archive automake libtool pkg-config bison flex perl
	libcurl4-openssl-dev libssl-dev libjson-c-dev libyaml-dev libbsd-dev libcap-dev libelf-dev python3-dev dpkg-dev
	frr frr-pythontools python3 python3-yaml iproute2 procps util-linux openssl curl ca-certificates"
# clang brings libFuzzer and the sanitizers by libclang-rt; llvm symbolizes their reports
full="check python3-pytest python3-pytest-xdist python3-cryptography clang clang-format libclang-rt-dev llvm git shellcheck pyflakes3
	iputils-ping tcpdump"

log() { echo "deps: $*" >&2; }
die() { log "$*"; exit 1; }

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The name of a -dev package may carry the version: the first that is installed, else that apt knows.
one_of() {
	for p; do
		if installed "$p"; then
			echo "$p"
			return
		fi
	done
	for p; do
		if [ -n "$(apt-cache madison "$p" 2>/dev/null)" ]; then
			echo "$p"
			return
		fi
	done
	echo "$1"
}

frr_version() { apt-cache madison frr 2>/dev/null | awk 'NR == 1 { print $3 }'; }

# FRR 10's headers include some that protobuf-c makes.
for_frr_10() {
	major=$(frr_version | cut -d. -f1)
	[ "${major:-0}" -lt 10 ] || echo protobuf-c-compiler libprotobuf-c-dev
}

# Checks the YANG model: for tests alone.
yanglint() {
	[ "$wanted" = "$minimal" ] || one_of libyang2-tools libyang-tools
}

missing() {
	for p in $wanted $(one_of libyang2-dev libyang-dev) $(yanglint) $(for_frr_10); do
		installed "$p" || echo "$p"
	done
}

wanted="$minimal $full"
case ${1:-} in
'') ;;
--minimal) wanted=$minimal ;;
*)
	log "usage: deps.sh [--minimal]"
	exit 2
	;;
esac

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
	die "this is for Debian 12 and installs its packages: there is no apt-get here"
list=$(missing)
[ -n "$list" ] || exit 0
[ "$(id -u)" = 0 ] || die "run this as root to install:" $list

# One at a time: one that is done would take the other's policy-rc.d away.
exec 9>/run/kubevip-deps.lock
flock 9

# Debian starts a daemon when its package is installed, unless this says no. One that names us is of a killed run.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] || grep -q kubevip "$policy"; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\n# kubevip: scripts/deps.sh is installing\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi

apt() { # a machine that has just been booted installs its own updates first
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 "$@" >&2
}
apt update || log "apt-get update failed: going on with the lists that are there"
case $(frr_version) in
'' | 8.4*) ;;
*) log "warning: kubevip is for Debian 12 and its FRR 8.4.4; here it is $(frr_version)" ;;
esac
list=$(missing) # again: before the update apt may have known no name at all
# shellcheck disable=SC2086 # a list
apt -y --no-install-recommends install $list ||
	die "apt-get could not install what is missing; it says why above. Is there a network, is this Debian 12?"
