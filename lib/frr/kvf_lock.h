/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One injector per router (rules R1): a lock file in FRR's run directory. T0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** kvf_lock_init - PATH of the lock, once before the first try. */
void kvf_lock_init(const char *path);
/**
 * kvf_lock_try - take the lock, or find out who has it
 * @name: of this process ("kubewatch"), written into the file with the pid
 * @wanted: others are to make room for us; else it is taken only if nobody else wants it
 * @holder: filled with the other one's "NAME (pid N)" when it is taken; "" otherwise
 * Return: true when we hold it (now or since before).
 */
bool kvf_lock_try(const char *name, bool wanted, char *holder, size_t size);
/** kvf_lock_is_wanted - by another process, whether it holds it or not. */
bool kvf_lock_is_wanted(void);
bool kvf_lock_held(void);
/** kvf_lock_last_was - was the last one to hold it, before us, a process of this name? It was the last
 *  to inject. False while nobody has held it since the boot. */
bool kvf_lock_last_was(const char *name);
void kvf_lock_release(void);
/** kvf_lock_give_back - release it as if we had never held it. */
void kvf_lock_give_back(void);
