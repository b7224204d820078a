# SPDX-License-Identifier: GPL-2.0-or-later
#
# KUBEVIP_FRR: find FRR's headers and its libfrr, and probe what differs between versions.
#
# Debian's frr package brings no headers, and structures of libfrr depend on how it was configured, so
# what is needed is the header set of exactly the installed FRR: scripts/frr-headers.sh makes it. The
# search order is --with-frr-src, pkg-config (FRR 10.7 and later), what frr-headers.sh has left in
# the user's cache. Without FRR the engine and its unit tests are built all the same.
#
# Sets FRR_CPPFLAGS, FRR_LIBS, FRR_SBINDIR, FRR_MODULEDIR, FRR_YANGDIR, FRR_VERSION and the conditional HAVE_FRR.

AC_DEFUN([KUBEVIP_FRR], [
  AC_ARG_WITH([frr-src],
    [AS_HELP_STRING([--with-frr-src=DIR],
      [a configured FRR source tree, or a header set made by scripts/frr-headers.sh; "no" builds the engine alone])],
    [frr_src=$withval], [frr_src=auto])
  AC_ARG_WITH([frr-sbindir],
    [AS_HELP_STRING([--with-frr-sbindir=DIR], [install kubewatch here instead of where FRR's daemons are])])
  AC_ARG_WITH([frr-moduledir],
    [AS_HELP_STRING([--with-frr-moduledir=DIR], [install the bgpd module here instead of where FRR looks for modules])])
  AC_ARG_WITH([frr-yangdir],
    [AS_HELP_STRING([--with-frr-yangdir=DIR], [install the YANG model here instead of where FRR's are])])

  frr_found=no
  frr_why=
  frr_cached=
  AS_IF([test "x$frr_src" = xauto], [
    frr_deb=`dpkg-query -W -f='${Version}' frr 2>/dev/null`
    frr_dir="${XDG_CACHE_HOME:-$HOME/.cache}/kubevip/frr-$frr_deb"
    AS_IF([$PKG_CONFIG --exists 'frr >= 10.7' 2>/dev/null && test -e /usr/include/frr/config.h],
        [frr_src=/usr/include/frr frr_why="pkg-config frr"],
      [test -n "$frr_deb" && test -e "$frr_dir/config.h"],
        [frr_src=$frr_dir frr_why="header set of the installed frr $frr_deb"],
      [frr_src=no
       AC_MSG_WARN([no FRR headers: run scripts/frr-headers.sh and give its directory to --with-frr-src; building the engine alone])])
  ], [frr_why="--with-frr-src"])

  AS_IF([test "x$frr_src" != xno], [
    AS_IF([test ! -e "$frr_src/config.h"],
      [AC_MSG_ERROR([$frr_src has no config.h: --with-frr-src needs a configured FRR tree or the directory that scripts/frr-headers.sh prints])])
    FRR_VERSION=`sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$frr_src/config.h"`
    FRR_CPPFLAGS="-DHAVE_CONFIG_H -isystem $frr_src -isystem $frr_src/lib -isystem $frr_src/include"
    multiarch=`$CC -print-multiarch 2>/dev/null`
    for d in "/usr/lib/$multiarch/frr" /usr/lib64/frr /usr/lib/frr /usr/lib64 /usr/lib; do
      AS_IF([test -z "$FRR_LIBS" && test -e "$d/libfrr.so.0"],
        [FRR_LIBS="$d/libfrr.so.0 -Wl,-rpath,$d" FRR_MODULEDIR="$d/modules"])
    done
    AS_IF([test -z "$FRR_LIBS"], [AC_MSG_ERROR([libfrr.so.0 not found: install the frr package])])
    FRR_SBINDIR=`sed -n 's/^#define SBINDIR "\(.*\)"/\1/p' "$frr_src/config.h"`
    test -n "$FRR_SBINDIR" || FRR_SBINDIR=/usr/lib/frr
    test -z "$with_frr_sbindir" || FRR_SBINDIR=$with_frr_sbindir
    test -z "$with_frr_moduledir" || FRR_MODULEDIR=$with_frr_moduledir
    FRR_YANGDIR=`sed -n 's/^#define YANG_MODELS_PATH "\(.*\)"/\1/p' "$frr_src/config.h"`
    test -n "$FRR_YANGDIR" || FRR_YANGDIR=/usr/share/yang
    test -z "$with_frr_yangdir" || FRR_YANGDIR=$with_frr_yangdir

    PKG_CHECK_MODULES([LIBYANG], [libyang])
    frr_found=yes
    AC_MSG_NOTICE([FRR $FRR_VERSION ($frr_why): headers $frr_src, library $FRR_LIBS])
    KUBEVIP_FRR_PROBES
  ])
  AC_SUBST([FRR_SRC_ARG], [--with-frr-src=$frr_src])
  AC_SUBST([FRR_CPPFLAGS])
  AC_SUBST([FRR_LIBS])
  AC_SUBST([FRR_SBINDIR])
  AC_SUBST([FRR_MODULEDIR])
  AC_SUBST([FRR_YANGDIR])
  AC_SUBST([FRR_VERSION])
  AM_CONDITIONAL([HAVE_FRR], [test "x$frr_found" = xyes])
])

# Probes are by feature. What they define is used in lib/frr/kvf_compat* alone; it goes on the command line
# because FRR's own config.h must be the only one that its headers see.
AC_DEFUN([KUBEVIP_FRR_PROBES], [
  save_CPPFLAGS=$CPPFLAGS save_CFLAGS=$CFLAGS
  CPPFLAGS="$CPPFLAGS $FRR_CPPFLAGS $LIBYANG_CFLAGS $JSONC_CFLAGS -D_GNU_SOURCE"
  CFLAGS="$CFLAGS -std=gnu11 -fms-extensions"
  AC_CACHE_CHECK([for FRR's frrevent.h], [kubevip_cv_frr_event],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <zebra.h>
#include "frrevent.h"]], [[struct event_loop *l = 0; (void)l;]])],
      [kubevip_cv_frr_event=yes], [kubevip_cv_frr_event=no])])
  AC_CACHE_CHECK([whether zclient calls back for next hops], [kubevip_cv_frr_zclient_nexthop],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <zebra.h>
#include "zclient.h"]], [[struct zclient z; (void)z.nexthop_update;]])],
      [kubevip_cv_frr_zclient_nexthop=yes], [kubevip_cv_frr_zclient_nexthop=no])])
  AC_CACHE_CHECK([whether bgp_redistribute_add knows SRv6], [kubevip_cv_frr_redistribute_seg6],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <zebra.h>
#include "bgpd/bgpd.h"
#include "bgpd/bgp_route.h"]],
        [[bgp_redistribute_add(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);]])],
      [kubevip_cv_frr_redistribute_seg6=yes], [kubevip_cv_frr_redistribute_seg6=no])])
  AC_CACHE_CHECK([whether bgp_process is told the path], [kubevip_cv_frr_process_path],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <zebra.h>
#include "bgpd/bgpd.h"
#include "bgpd/bgp_route.h"]], [[bgp_process(0, 0, 0, 0, 0);]])],
      [kubevip_cv_frr_process_path=yes], [kubevip_cv_frr_process_path=no])])
  AC_CACHE_CHECK([for bgp_path_info_mark_for_delete], [kubevip_cv_frr_mark_for_delete],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <zebra.h>
#include "bgpd/bgpd.h"
#include "bgpd/bgp_route.h"]], [[void *f = bgp_path_info_mark_for_delete; (void)f;]])],
      [kubevip_cv_frr_mark_for_delete=yes], [kubevip_cv_frr_mark_for_delete=no])])
  CPPFLAGS=$save_CPPFLAGS CFLAGS=$save_CFLAGS
  AS_IF([test "x$kubevip_cv_frr_event" = xyes], [FRR_CPPFLAGS="$FRR_CPPFLAGS -DHAVE_FRR_EVENT"])
  AS_IF([test "x$kubevip_cv_frr_zclient_nexthop" = xyes],
    [FRR_CPPFLAGS="$FRR_CPPFLAGS -DHAVE_FRR_ZCLIENT_NEXTHOP_CALLBACK"])
  AS_IF([test "x$kubevip_cv_frr_redistribute_seg6" = xyes],
    [FRR_CPPFLAGS="$FRR_CPPFLAGS -DHAVE_FRR_REDISTRIBUTE_SEG6"])
  AS_IF([test "x$kubevip_cv_frr_process_path" = xyes],
    [FRR_CPPFLAGS="$FRR_CPPFLAGS -DHAVE_FRR_BGP_PROCESS_PATH"])
  AS_IF([test "x$kubevip_cv_frr_mark_for_delete" = xyes],
    [FRR_CPPFLAGS="$FRR_CPPFLAGS -DHAVE_FRR_PATH_MARK_FOR_DELETE"])
])
