#!/bin/sh
# frr-headers.sh [OUT] - the header set of the installed FRR, for building against its bgpd and libfrr.
#
# Debian ships no such headers before FRR 10.7, and structs like `struct bgp` differ between releases
# and between configure flags. So they are taken from the source package of exactly the installed
# version, configured with exactly the installed bgpd's flags; only headers are generated, no object
# of FRR is compiled (about 30 s).
#
# Prints the directory on stdout, everything else goes to stderr. Does nothing if it is there already.
# OUT       where to put it (default: ${XDG_CACHE_HOME:-~/.cache}/kubevip/frr-<version>)
# FRR_SRC   an unpacked source tree of that version, where the archive no longer has it
set -eu

# FRR's build runs whatever python3 comes first; only Debian's has the python3-dev we installed.
PATH=/usr/bin:/usr/sbin:$PATH

log() { echo "frr-headers: $*" >&2; }
die() { log "$*"; exit 1; }

command -v dpkg-query >/dev/null || die "needs a Debian system"
version=$(dpkg-query -W -f '${source:Version}' frr 2>/dev/null) || version=
[ -n "$version" ] || die "package frr is not installed; run scripts/deps.sh"
source=$(dpkg-query -W -f '${source:Package}' frr)
bgpd=/usr/lib/frr/bgpd

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/kubevip
out=${1:-$cache/frr-$version}
case $out in /*) ;; *) out=$PWD/$out ;; esac
have() { [ -f "$out/config.h" ] && echo "$out"; }
have && exit 0

mkdir -p "$(dirname "$out")"
# One build at a time; who waited finds the result. The rename below keeps it whole in any case.
exec 9>"$out.lock"
flock 9
have && exit 0

rm -rf "$out".tmp.* # of runs that were killed
tmp=$(mktemp -d "$out.tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The machine's own package sources, as deb-src, in an apt configuration of our own: nothing on the
# system changes, and mirrors, proxies and keys stay those the administrator chose.
private_apt() {
	mkdir -p "$tmp/apt/sources" "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial"
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$f" ] || continue
		sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$f" >"$tmp/apt/sources/$(basename "$f" .list).list"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] || continue
		sed 's/^Types:.*/Types: deb-src/' "$f" >"$tmp/apt/sources/$(basename "$f")"
	done
}

apt_src() {
	apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$tmp/apt/sources" \
		-o Dir::State::lists="$tmp/apt/lists" -o Dir::Cache="$tmp/apt/cache" \
		-o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

gone() {
	log "the source of $source $version cannot be fetched. Is there a network? Do the package sources still"
	log "have it? If not, bring FRR up to date with 'apt-get update && apt-get install frr' and run this"
	log "again, since a module fits one FRR version only; or unpack that version's source and run"
	log "    FRR_SRC=/path/to/$source-$version $0"
	exit 1
}

if [ -n "${FRR_SRC:-}" ]; then
	log "copying $FRR_SRC"
	cp -a "$FRR_SRC" "$tmp/src"
else
	log "fetching the source of $source $version"
	private_apt
	apt_src update >"$tmp/apt.log" 2>&1 || true # of all package sources, only FRR's has to work
	(cd "$tmp" && apt_src source --download-only "$source=$version") >>"$tmp/apt.log" 2>&1 ||
		{ grep '^[EW]: ' "$tmp/apt.log" >&2; gone; }
	# apt has checked the archive's signature; the maintainer's own key need not be here
	dpkg-source --no-check -x "$tmp/$source"_*.dsc "$tmp/src" >>"$tmp/apt.log" 2>&1 ||
		{ tail -n 3 "$tmp/apt.log" >&2; die "dpkg-source failed"; }
fi

cd "$tmp/src"
running=$($bgpd -v | sed -n '1s/^bgpd version //p')
grep -q "^AC_INIT(\[frr\], \[$running\]" configure.ac ||
	die "this source is not FRR $running, which is what $bgpd is"

# bgpd prints the arguments of its own configure. Those that only ask for more libraries and change no
# header (docs, RPKI, SNMP, PAM, vtysh) are dropped; multipath and VNC, which do, stay as they are.
$bgpd -v | sed -n '/^configured with:/,$p' | tail -n +2 | xargs -n 1 | grep '^--' |
	grep -vE '^--(enable-(rpki|doc|doc-html|snmp)|with-libpam|with-vtysh-pager)($|=)' >"$tmp/flags"
grep -q '^--enable-multipath=' "$tmp/flags" ||
	die "$bgpd -v does not tell how it was configured"

run() { # LOG COMMAND...
	logfile=$tmp/$1
	shift
	"$@" >"$logfile" 2>&1 && return
	tail -n 20 "$logfile" >&2
	log "failed: $*"
	case $running in
	8.4*) exit 1 ;;
	*) die "FRR $running is not supported yet: kubevip is for the FRR 8.4.4 of Debian 12" ;;
	esac
}
log "generating headers of FRR $running"
[ -x configure ] || run bootstrap.log ./bootstrap.sh
# shellcheck disable=SC2046 # one flag per line, none with a space
run configure.log ./configure $(cat "$tmp/flags") --disable-doc --disable-vtysh PYTHON=/usr/bin/python3
generated=lib/route_types.h
[ -e lib/mgmt.proto ] && generated="$generated lib/mgmt.pb-c.h" # FRR 10.0 to 10.6
# shellcheck disable=SC2086 # a list
run make.log make -s $generated

mkdir "$tmp/out"
find config.h lib bgpd zebra vtysh include -name '*.h' -print0 | tar -c --null -T - | tar -x -C "$tmp/out"
# Where Debian has frr-dev (10.7 and later), its headers are the binary's own: Debian patches them.
if [ -d /usr/include/frr/lib ]; then
	cp -a /usr/include/frr/lib /usr/include/frr/zebra "$tmp/out/"
fi
mv -T "$tmp/out" "$out"
log "$(find "$out" -name '*.h' | wc -l) headers in $out"
echo "$out"
