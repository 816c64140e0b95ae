/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver prints: DbgPrint, and the COM port at 0x3f8 for drivers that write to one. */
#ifndef STORHOST_WAYS_DEBUG_OUTPUT_H
#define STORHOST_WAYS_DEBUG_OUTPUT_H

/*
 * Sends both to a file (emptied first), or with NULL to standard error: DbgPrint's with the prefix
 * that kernel_set_debug_output gives, the COM port's lines with "com1: ". Call after trap_init and
 * before the driver is loaded. Ends the program if the file cannot be opened.
 */
void debug_output_begin(const char *file);

#endif
