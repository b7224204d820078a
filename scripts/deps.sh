#!/bin/sh
# deps.sh [--minimal] - install the Debian packages that building and testing need.
#
# Does nothing, and needs neither root nor network, when all are there. No daemon gets started: not
# FRR's, not any other.
# --minimal   only what scripts/demo.sh needs: compile, load into FRR, run routers in namespaces
set -eu

# build-essential ... flex: this project, and FRR's headers (scripts/frr-headers.sh runs FRR's configure)
minimal="build-essential autoconf autoconf-archive automake libtool pkg-config bison flex perl
	libcurl4-openssl-dev libssl-dev libjson-c-dev libyaml-dev libbsd-dev libcap-dev libelf-dev python3-dev dpkg-dev
	frr frr-pythontools python3 python3-yaml iproute2 procps util-linux openssl curl ca-certificates"
# clang brings libFuzzer and the sanitizers by libclang-rt; llvm symbolizes their reports
full="check python3-pytest python3-pytest-xdist python3-cryptography clang clang-format libclang-rt-dev llvm git shellcheck
	iputils-ping tcpdump"

log() { echo "deps: $*" >&2; }

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

# FRR 10's headers include some that protobuf-c makes.
for_frr_10() {
	major=$(apt-cache madison frr 2>/dev/null | awk 'NR == 1 { split($3, v, "."); print v[1] }')
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

list=$(missing)
[ -n "$list" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	log "run this as root to install:"
	echo "$list" >&2
	exit 1
fi

# Debian starts a daemon when its package is installed, unless this says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get -q update >&2
list=$(missing) # again: before the update apt may have known no name at all
# shellcheck disable=SC2086 # a list
apt-get -q -y --no-install-recommends install $list >&2
