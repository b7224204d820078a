#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Play every recorded or written conversation with an API server against the watch machine.
set -eu
exec ./tests/replay/replay "$KUBEVIP_SRCDIR"/tests/replay/*.kvt
