#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build.sh - build everything in build/, from whatever an earlier run, an interrupted one too, left there.
#
# Wants what deps.sh installs. Configures again when FRR, or a library that configure looked for, is another one now.
set -eu
cd "$(dirname "$0")/.."
PATH=/usr/bin:/usr/sbin:/bin:/sbin:$PATH
export PATH

headers=$(scripts/frr-headers.sh)
mkdir -p build

# One build at a time. make has the lock as well: should only this script be killed, the next waits for its make.
exec 8>build/.lock
flock -n 8 || { echo "build: something else is building in build/, waiting for it" >&2; flock 8; }

# Only a file of our own tells that autoreconf, and configure, came to their ends.
if [ ! -e configure ] || [ ! -e build/.bootstrapped ]; then
	autoreconf -fi
	touch build/.bootstrapped
fi

found=$headers
for library in check json-c libcurl libyang yaml-0.1 zlib; do
	found="$found $library=$(pkg-config --modversion "$library" 2>/dev/null || echo none)"
done
if [ "$found" != "$(cat build/.configured 2>/dev/null)" ]; then
	rm -rf build/.configured build/check-asan build/check-tsan
	(cd build && ../configure --quiet --with-frr-src="$headers")
	echo "$found" >build/.configured
fi
make -C build -s -j"$(nproc)" all
