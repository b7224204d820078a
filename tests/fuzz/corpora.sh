#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Replay every fuzz target's corpus: what a fuzzer once found, and one good example of each kind.
# FUZZ_TARGETS: the built programs; KUBEVIP_SRCDIR: the project's root. Set by `make check`.
set -eu
for target in $FUZZ_TARGETS; do
	name=${target##*/fuzz_}
	dir=$KUBEVIP_SRCDIR/tests/fuzz/corpus/$name
	ls "$dir"/* >/dev/null
	"./$target" "$dir"/*
	echo "$name: $(ls "$dir" | wc -l) inputs"
done
