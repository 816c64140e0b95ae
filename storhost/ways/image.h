/* SPDX-License-Identifier: BSD-3-Clause */
/* Disk images: made for a run, and looked at behind the driver's back. */
#ifndef STORHOST_WAYS_IMAGE_H
#define STORHOST_WAYS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ways/pattern.h"

/* Makes an empty image with qemu-img. False and a text if that fails or the file exists. */
bool image_create(const char *qemu_img, const char *path, const char *format, uint64_t bytes,
                  char *error, size_t error_size);

/* Where an image is: a file with a format, or a block node's description (then format is NULL). */
struct image_place {
    const char *qemu_img;
    const char *file;   /* NULL: blockdev */
    const char *format; /* NULL: qemu-img's guess */
    const char *blockdev;
    bool shared; /* the back end that serves it has it open; all is flushed, nothing changes */
};

/*
 * Compares each block of the map with what the image holds. The image must not be open in any
 * other program, unless place->shared says so. A raw file is read as it is; anything else is what `qemu-img convert` makes of it
 * (a raw copy in $TMPDIR for a moment). PATTERN_UNKNOWN blocks are left out.
 * *compared gets the number of blocks compared. False and a text that names the first difference,
 * or why nothing could be compared.
 */
bool image_compare(const struct image_place *place, const struct pattern_map *map,
                   uint32_t block_bytes, uint64_t *compared, char *error, size_t error_size);

/* Runs a program and waits for it. Its standard error goes into `output` (cut to size), together
 * with standard output. False if it could not be started or did not exit with 0. */
bool image_run_program(const char *const *arguments, char *output, size_t output_size);

/* "$TMPDIR/storhost-XXXXXX": a new private folder; false and a text. Remove it with rmdir. */
bool image_temporary_folder(char *path, size_t path_size, char *error, size_t error_size);

#endif
