#!/bin/sh
# build.sh [--no-build] - kube-apiserver, kube-controller-manager, kubectl and etcd for the tests, built
# from the Go modules that go.mod beside this file pins, and the CRDs of the Gateway API and of Cilium.
#
# Prints the directory on stdout, everything else goes to stderr. The first run takes about 5 min on
# 2 cores (and 3.7 GB of Go caches); after it nothing is done.
# --no-build         print the directory if it is there, else fail: how tests find out that they must skip
# KUBEBUILDER_ASSETS a directory that holds all of this already (envtest's convention; note that its own
#                    archives hold no kube-controller-manager) is taken as it is
set -eu

gateway_api=sigs.k8s.io/gateway-api@v1.5.1
cilium=github.com/cilium/cilium@v1.20.2
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/kubevip
version=$(sed -n 's,^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\).*,\1,p' "$here/go.mod")
out=$cache/kube-$version

log() { echo "kube/build: $*" >&2; }
die() { log "$*"; exit 1; }

has_programs() { # DIRECTORY
	for p in etcd kube-apiserver kube-controller-manager kubectl; do
		[ -x "$1/$p" ] || return 1
	done
}

is_complete() { # DIRECTORY
	has_programs "$1" && [ -d "$1/crds/gateway-api" ] && [ -d "$1/crds/cilium" ]
}

have() {
	for d in "${KUBEBUILDER_ASSETS:-}" "$out"; do
		if [ -n "$d" ] && is_complete "$d"; then
			echo "$d"
			return 0
		fi
	done
	return 1
}

have && exit 0
[ "${1:-}" != --no-build ] || die "not built; run $0"
[ -z "${KUBEBUILDER_ASSETS:-}" ] || log "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS is not complete, building"

mkdir -p "$cache"
# One build at a time; who waited finds the result. The rename at the end keeps it whole in any case.
exec 9>"$out.lock"
flock 9
have && exit 0

rm -rf "$out".tmp.* # of runs that were killed
tmp=$(mktemp -d "$out.tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The toolchain is what is installed: never let go fetch another one by itself.
export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS=-mod=readonly

go_is_new() { # GO
	v=$("$1" env GOVERSION 2>/dev/null) || return 1
	minor=$(echo "$v" | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	[ "${minor:-0}" -ge 26 ]
}

# Debian testing's Go, unpacked into the cache: it runs on Debian 12 as it is, and nothing gets installed.
# The archive's address comes from the machine's own package sources.
fetch_go() { # DIRECTORY
	# shellcheck disable=SC1091 # the system's own file
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	# shellcheck disable=SC2016 # apt's placeholders
	uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v c="$codename" '$3 == "main" && ($2 == c || $2 == "stable" || $2 == "testing") { print $1; exit }')
	[ -n "$uri" ] || die "no Go 1.26 or later in PATH, and no Debian archive to take it from: install Go"
	log "fetching Debian testing's Go 1.26"
	mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial" "$tmp/go"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri testing main" >"$tmp/apt/sources.list"
	(
		cd "$tmp/apt" && apt_testing update && apt_testing download golang-1.26-go golang-1.26-src &&
			dpkg -x golang-1.26-go_*.deb "$tmp/go" && dpkg -x golang-1.26-src_*.deb "$tmp/go"
	) >"$tmp/apt.log" 2>&1 || { tail -n 5 "$tmp/apt.log" >&2; die "cannot fetch Go. Is there a network? Or install Go 1.26 or later"; }
	rm -rf "$1"
	mv -T "$tmp/go" "$1"
}

apt_testing() { # testing's Release file is at times past its date
	apt-get -q -o Dir::Etc::sourcelist="$tmp/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$tmp/apt/lists" -o Dir::Cache="$tmp/apt/cache" -o Acquire::Languages=none \
		-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root "$@"
}

find_go() {
	for go in go /usr/lib/go-1.26/bin/go "$cache/go-1.26/usr/lib/go-1.26/bin/go"; do
		go_is_new "$go" && return 0
	done
	fetch_go "$cache/go-1.26"
	go_is_new "$go" || die "Debian's Go does not run here: install Go 1.26 or later"
}

# Only its files are wanted, so it is no requirement of go.mod (it would change Kubernetes' own).
module_dir() { # MODULE@VERSION
	(cd "$tmp" && "$go" mod download -json "$1" >module.json) ||
		die "cannot download $1:$(sed -n 's/^[[:space:]]*"Error": / /p' "$tmp/module.json")"
	sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p' "$tmp/module.json"
}

crds() { # DIRECTORY
	mkdir -p "$1/crds/cilium"
	dir=$(module_dir "$gateway_api")
	cp -r "$dir/config/crd/standard" "$1/crds/gateway-api"
	dir=$(module_dir "$cilium")/pkg/k8s/apis/cilium.io/client/crds/v2
	cp "$dir"/ciliumbgp*.yaml "$dir/ciliumloadbalancerippools.yaml" "$1/crds/cilium/"
	chmod -R u+w "$1/crds"
}

programs() { # DIRECTORY
	log "building Kubernetes $version with $("$go" env GOVERSION), about 5 min"
	# What `kubectl version` and the server's /version say; without it both are v0.0.0-master.
	ldflags="-s -w"
	for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		minor=${version#v*.}
		ldflags="$ldflags -X $p.gitVersion=$version -X $p.gitMajor=1 -X $p.gitMinor=${minor%%.*}"
		ldflags="$ldflags -X $p.gitTreeState=clean -X $p.gitCommit=test -X $p.buildDate=1970-01-01T00:00:00Z"
	done
	cmd=k8s.io/kubernetes/cmd
	nice -n 10 "$go" build -trimpath -ldflags "$ldflags" -o "$1/" \
		$cmd/kube-apiserver $cmd/kube-controller-manager $cmd/kubectl >&2
	nice -n 10 "$go" build -trimpath -ldflags "-s -w" -o "$1/etcd" go.etcd.io/etcd/server/v3 >&2
}

cd "$here"
find_go
mkdir -p "$tmp/out"
crds "$tmp/out"
if has_programs "$out"; then # of an earlier revision of this script: CRDs alone are missing
	rm -rf "$out/crds"
	mv -T "$tmp/out/crds" "$out/crds"
else
	programs "$tmp/out"
	rm -rf "$out"
	mv -T "$tmp/out" "$out"
fi
log "done"
have
