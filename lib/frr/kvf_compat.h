/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FRR's versions, seen from our side: with kvf_compat_zapi.[ch] the only place that knows of them.
 * The tests are configure's probes by feature (HAVE_FRR_*), never a version number.
 *
 *   event loop   8.4: thread.h, struct thread(_master)      10.x: frrevent.h, struct event(_loop)
 */
#pragma once

#include <zebra.h>

#include "lib/version.h"

#include "hook.h"

/* of the headers that this was compiled with, as frrmod_list's first entry has it at run time */
#define KVF_BUILT_FOR FRR_VERSION

#ifdef HAVE_FRR_EVENT
#include "frrevent.h"
#define kvf_event              event
#define kvf_event_loop         event_loop
#define kvf_event_arg(t)       EVENT_ARG(t)
#define kvf_event_fd(t)        EVENT_FD(t)
#define kvf_event_add_read     event_add_read
#define kvf_event_add_write    event_add_write
#define kvf_event_add_timer_ms event_add_timer_msec
#define kvf_event_add_event    event_add_event
#define kvf_event_cancel(t)    event_cancel(t)
#else
#include "thread.h"
#define kvf_event              thread
#define kvf_event_loop         thread_master
#define kvf_event_arg(t)       THREAD_ARG(t)
#define kvf_event_fd(t)        THREAD_FD(t)
#define kvf_event_add_read     thread_add_read
#define kvf_event_add_write    thread_add_write
#define kvf_event_add_timer_ms thread_add_timer_msec
#define kvf_event_add_event    thread_add_event
#define kvf_event_cancel(t)    thread_cancel(t)
#endif

/* Defined in lib/command.c and declared in no header; absent from another version, it is not
 * used. */
struct vty;
DECLARE_KOOH(cmd_execute_done, (struct vty * vty, const char *cmd_exec), (vty, cmd_exec));
extern struct hook _hook_cmd_execute_done __attribute__((weak));
