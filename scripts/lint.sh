#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a compiler does not see: formatting, layers, banned functions, length of files, who may include what.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
complain() { printf '%s\n' "$*"; bad=1; }

mapfile -t sources < <(git ls-files -co --exclude-standard '*.c' '*.h')
mapfile -t product < <(printf '%s\n' "${sources[@]}" | grep -E '^(lib|kubewatch|frr-module)/')
mapfile -t engine < <(printf '%s\n' "${product[@]}" | grep -E '^lib/(base|kube|vip)/' | grep -v kvip_mem)

# Formatting
if command -v clang-format >/dev/null; then
	clang-format --dry-run --Werror "${sources[@]}" 2>&1 | grep -E 'error:' | head -n 40
	[ "${PIPESTATUS[0]}" = 0 ] || complain "formatting: clang-format -i FILE"
else
	complain "clang-format is missing: scripts/deps.sh"
fi

# Layers: base < kube < vip < frr < shells. A file includes its own layer and those below.
layer_of() {
	case $1 in
	lib/base/*) echo 0 ;; lib/kube/*) echo 1 ;; lib/vip/*) echo 2 ;; lib/frr/*) echo 3 ;;
	kubewatch/* | frr-module/*) echo 4 ;; *) echo 9 ;;
	esac
}
for f in "${sources[@]}"; do
	own=$(layer_of "$f")
	[ "$own" = 9 ] && continue
	while read -r included; do
		[ "$(layer_of "lib/$included")" = 9 ] && continue
		[ "$(layer_of "lib/$included")" -le "$own" ] || complain "$f includes $included: a layer above it"
	done < <(sed -n 's/^#include "\(base\|kube\|vip\|frr\)\/\(.*\)"/\1\/\2/p' "$f")
	if [ "$own" -le 2 ] && grep -qE '^#include [<"](zebra|libfrr|zclient|vty|command|thread|frrevent)\.h[>"]' "$f"; then
		complain "$f: the engine knows no FRR header"
	fi
done

only_in() { # PATTERN FILES-ALLOWED WHAT
	local hits
	hits=$(grep -lE "$1" "${sources[@]}" | grep -vE "$2")
	[ -z "$hits" ] || complain "$3: $hits"
}
only_in '^#include <curl/' '^lib/kube/kvip_http[^/]*$' 'curl is included by lib/kube/kvip_http* alone'
only_in '^#include <(json-c/)?json' '^(lib/kube/kvip_json|tests/)' 'json-c is included by lib/kube/kvip_json.c alone'
only_in 'FRR_VER|HAVE_FRR_' '^lib/frr/kvf_compat' "FRR's versions are known to lib/frr/kvf_compat* alone"

# Banned in the engine and the shells: unbounded, locale-dependent or process-wide.
banned='\b(strcat|sprintf|vsprintf|strtok|atoi|atol|gets|system|popen|abort|alloca)\('
hits=$(grep -nE "$banned" "${product[@]}")
[ -z "$hits" ] || complain "banned functions:
$hits"
hits=$(grep -nE '(^|[^_a-z])(malloc|calloc|realloc|free|strdup|strndup)\(' "${engine[@]}" |
	grep -vE ':\s*\*|/\*')
[ -z "$hits" ] || complain "the engine allocates through kvip_mem:
$hits"

# Every file says what it is for.
for f in "${product[@]}"; do
	[[ $f == *.c ]] || continue
	head -n 8 "$f" | grep -q 'DOC:' || complain "$f has no DOC paragraph"
	head -n 1 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-or-later' || complain "$f has no licence line"
	[ "$(wc -l <"$f")" -le 600 ] || complain "$f is longer than 600 lines"
done

# What Makefile.am does not name is missing from the tarball.
for f in "${product[@]}"; do
	grep -qF "$f" Makefile.am || complain "$f is not in Makefile.am"
done

# Shell
if command -v shellcheck >/dev/null; then
	git ls-files -co --exclude-standard '*.sh' .ci/run | xargs shellcheck -S warning || complain "shellcheck"
fi

# Python
if command -v pyflakes3 >/dev/null; then
	git ls-files -co --exclude-standard '*.py' | xargs pyflakes3 || complain "pyflakes3"
fi

[ "$bad" = 0 ] && echo "lint: clean"
exit "$bad"
