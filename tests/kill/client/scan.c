/*
 * Tells what a writer's directory holds, one line per name that is not a directory:
 *
 *   NAME INODE LINKS SIZE ATTRIBUTE NUMBER:SIZE...
 *
 * and "rest@HASH:SIZE" for everything from where no whole mark starts.
 */
#include "client.h"

#include <ftw.h>
#include <sys/xattr.h>

static uint32_t writer_number;

static uint64_t hash_of(const unsigned char *bytes, off_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (off_t at = 0; at < length; at++)
        hash = (hash ^ bytes[at]) * 0x100000001b3u;
    return hash >> 1;
}

static void scan_marks(const char *name, off_t size)
{
    unsigned char *bytes = malloc(size + 1);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    off_t length = 0;
    if (file < 0)
        fail(name);
    for (ssize_t count; (count = read(file, bytes + length, size + 1 - length)) != 0; length += count)
        if (count < 0)
            fail(name);
    close(file);
    if (length != size)
        printf(" length@%lld", (long long)length);
    for (off_t at = 0; at < length;) {
        struct mark mark;
        size_t right = read_mark(bytes + at, length - at, writer_number, &mark);
        if (right == 0) {
            printf(" rest@%llu:%lld", (unsigned long long)hash_of(bytes + at, length - at), (long long)(length - at));
            break;
        }
        printf(" %llu:%u", (unsigned long long)mark.number, mark.size);
        at += right;
    }
    free(bytes);
}

static int visit(const char *name, const struct stat *status, int kind, struct FTW *position)
{
    char attribute[32] = "";
    (void)position;
    if (kind == FTW_D)
        return 0;
    if (kind != FTW_F)
        fail(name);
    if (getxattr(name, "user.mark", attribute, sizeof attribute - 1) < 0 && errno != ENODATA)
        fail(name);
    printf("%s %llu %lu %lld %s", name + 2, (unsigned long long)status->st_ino, (unsigned long)status->st_nlink,
           (long long)status->st_size, *attribute ? attribute : "0");
    scan_marks(name, status->st_size);
    printf("\n");
    return 0;
}

int scan(uint32_t writer)
{
    writer_number = writer;
    if (nftw(".", visit, 16, FTW_PHYS) != 0)
        fail("walking the directory");
    return 0;
}
