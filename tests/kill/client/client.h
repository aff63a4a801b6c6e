/* The client side of the kill harness: everything that touches the pool's mount, or a disk that may be dead, happens in this process. */
#ifndef CLIENT_H
#define CLIENT_H

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* A mark: a header that names writer and number and is its own check, then bytes that follow from both, so that every byte can be judged. */
struct mark {
    uint64_t magic;
    uint32_t writer;
    uint32_t size; /* of the whole mark, a multiple of 8 */
    uint64_t number;
    uint64_t check;
};

enum { largest_mark = 1 << 20 };

void write_mark(unsigned char *bytes, uint32_t writer, uint64_t number, uint32_t size);

/* Size of the mark that starts here, 0 when none does or not all of it is right. */
size_t read_mark(const unsigned char *bytes, size_t length, uint32_t writer, struct mark *mark);

int agent(uint32_t writer);           /* one operation a line, one answer a line */
int scan(uint32_t writer);            /* what the working directory holds, one line per name */
int cut(int count, char **disks);     /* takes the power from mounted filesystems, each at its own moment */

_Noreturn void fail(const char *what);

#endif
