/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The step between driver and bench, where registers must be other than compilers of Linux leave
 * them. Only ARM64 has such a one: x18, which points at the processor control region in all of
 * Windows' kernel and is a register like any other for Linux' C library.
 */
#ifndef STORHOST_MACHINE_THUNK_H
#define STORHOST_MACHINE_THUNK_H

/* What a driver is given to call for a function of the bench: itself or a thunk for it, which lives
 * as long as the program. Not for variables, nor for functions that keep registers by an agreement
 * of their own (__chkstk). */
void *thunk_of(void *function);

/* Ahead of each call of driver code, as the last thing but the call and its arguments. */
void thunk_enter_driver(void);

/* In an export: where in the driver it returns to, if `returns_to` is __builtin_return_address(0). */
const void *thunk_caller(const void *returns_to);

#endif
