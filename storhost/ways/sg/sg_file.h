/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An open SCSI generic file whose disk is behind a running storhost: what the Linux sg driver
 * (interface version 3, <scsi/sg.h>) does for its ioctls, without the kernel.
 */
#ifndef STORHOST_WAYS_SG_FILE_H
#define STORHOST_WAYS_SG_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct sg_file;

/* Connects to the server's socket. NULL: errno is set (ENXIO) and a line went to standard error. */
struct sg_file *sg_file_open(const char *socket_path);
void sg_file_close(struct sg_file *file);

/* The ioctl with its third argument. 0 or more: what ioctl returns; -1: errno is set. */
int sg_file_ioctl(struct sg_file *file, unsigned long request, void *argument);

/* The write/read form of SG_IO: write a struct sg_io_hdr to start a command, read one back to get
 * its result. The command is done when write returns. Return as write and read do. */
ssize_t sg_file_write(struct sg_file *file, const void *data, size_t length);
ssize_t sg_file_read(struct sg_file *file, void *data, size_t length);

#endif
