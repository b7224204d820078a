#!/bin/sh
# kubevip-vtysh install|remove|status - teach /usr/bin/vtysh the commands of kubevip, or take them away again.
#
# install puts a wrapper in the place of /usr/bin/vtysh and the real one beside it, as vtysh.frr. dpkg is told by a
# diversion, so that an upgrade of frr unpacks the new vtysh as vtysh.frr and leaves the wrapper alone, and
# `dpkg -V frr` stays quiet. Everything that runs vtysh is covered: frrinit.sh, watchfrr, frr-reload.py, operators.
#
# Both may be repeated, and interrupted at any point: at each step /usr/bin/vtysh is a vtysh that works, because it is
# only ever replaced by rename(2), and running the same command again completes it. The order keeps that true when
# frr is upgraded in between: while the diversion is recorded, /usr/bin/vtysh is the wrapper; so what dpkg replaces is
# either the file that the wrapper runs or, without the diversion, the wrapper itself. A vtysh of an older frr in
# /usr/bin, which the new libfrr would not fit, cannot come about.
#
# DPKG_ROOT: work in this directory instead of / (dpkg sets it for chrootless installations).
set -eu

command -v dpkg-divert >/dev/null || {
	echo "kubevip-vtysh: there is no dpkg-divert: this is for Debian and its kin" >&2
	exit 1
}

root=${DPKG_ROOT:-}
name=/usr/bin/vtysh
real=$name.frr
wrapper=${KUBEVIP_VTYSH_WRAPPER:-%WRAPPER%}
package=kubevip

say() { echo "kubevip-vtysh: $*" >&2; }

is_wrapper() { grep -qs '^# kubevip: ' "$root$name"; }

divert() { dpkg-divert --quiet --root "${root:-/}" --package "$package" --no-rename "$@" "$name"; }

diverter() { dpkg-divert --root "${root:-/}" --listpackage "$name"; }

is_diverted() { [ "$(diverter)" = "$package" ]; }

# The wrapper into place in one step; $name is there all the time.
place_wrapper() {
	rm -f "$root$name.kubevip-new"
	cp "$root$wrapper" "$root$name.kubevip-new"
	chmod 0755 "$root$name.kubevip-new"
	mv -f "$root$name.kubevip-new" "$root$name"
}

install() {
	if [ ! -r "$root$wrapper" ]; then
		say "$wrapper is missing: is kubevip installed?"
		exit 1
	fi
	if [ -n "$(diverter)" ] && ! is_diverted; then
		say "$name is diverted already, by $(diverter): see dpkg-divert --list $name"
		exit 1
	fi
	if ! is_wrapper; then
		if [ ! -x "$root$name" ]; then
			say "there is no $name: install frr first"
			exit 1
		fi
		# The same file under a second name, whatever an interrupted run left there. (Where it is
		# diverted already, dpkg has put the current one there, and what is in /usr/bin is not dpkg's.)
		if ! is_diverted || [ ! -x "$root$real" ]; then
			rm -f "$root$real"
			ln "$root$name" "$root$real"
		fi
	fi
	place_wrapper # also a newer one of ours
	is_diverted || divert --divert "$real" --add
}

remove() {
	if is_diverted; then
		divert --divert "$real" --remove
	fi
	if [ -e "$root$name" ] && ! is_wrapper; then
		rm -f "$root$real" # frr has put its vtysh back itself
	elif [ -e "$root$real" ]; then
		mv -f "$root$real" "$root$name"
	else
		rm -f "$root$name" # frr is gone, and with it what the wrapper would run
	fi
	rm -f "$root$name.kubevip-new"
}

status() {
	if is_wrapper && [ -x "$root$real" ] && is_diverted; then
		echo installed
	elif is_wrapper || is_diverted; then
		echo incomplete
		return 1
	else
		echo 'not installed'
		return 3
	fi
}

case ${1:-} in
install | remove | status) "$1" ;;
*)
	say "usage: kubevip-vtysh install|remove|status"
	exit 2
	;;
esac
