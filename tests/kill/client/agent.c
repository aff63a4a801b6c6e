/* The hands of one writer: does one operation a line, answers "ok" or "error ERRNO". */
#include "client.h"

#include <linux/fs.h>
#include <sys/xattr.h>

enum { words = 6 };

static char *word[words];
static unsigned char *data;

static long long number(int index)
{
    if (!word[index])
        fail("an argument");
    return strtoll(word[index], NULL, 10);
}

/* Closes a descriptor and keeps the errno of what was done with it. */
static int closed(int file, int result)
{
    int error = errno;
    close(file);
    errno = error;
    return result;
}

static int opened(int flags, int (*use)(int file))
{
    int file = open(word[1], flags | O_CLOEXEC, 0644);
    return file < 0 ? -1 : closed(file, use(file));
}

static int nothing(int file)
{
    (void)file;
    return 0;
}

static int whole(ssize_t done, size_t wanted)
{
    if (done >= 0 && (size_t)done != wanted)
        errno = ENODATA; /* a short write of one request: never expected */
    return done == (ssize_t)wanted ? 0 : -1;
}

static uint32_t writer_number;

static int append_mark(int file)
{
    size_t size = number(3);
    write_mark(data, writer_number, number(2), size);
    return whole(write(file, data, size), size);
}

static int place_mark(int file)
{
    size_t size = number(3);
    write_mark(data, writer_number, number(2), size);
    return whole(pwrite(file, data, size, number(4)), size);
}

static int truncate_file(int file)
{
    return ftruncate(file, number(2));
}

static int copy_all(int file)
{
    struct stat status;
    int target = open(word[2], O_WRONLY | O_CLOEXEC);
    if (target < 0)
        return -1;
    if (fstat(file, &status) < 0)
        return closed(target, -1);
    return closed(target, whole(copy_file_range(file, NULL, target, NULL, status.st_size, 0), status.st_size));
}

static int do_one(void)
{
    const char *operation = word[0];
    if (strcmp(operation, "append") == 0)
        return opened(O_WRONLY | O_APPEND, append_mark);
    if (strcmp(operation, "place") == 0)
        return opened(O_WRONLY, place_mark);
    if (strcmp(operation, "create") == 0)
        return opened(O_WRONLY | O_CREAT | O_EXCL, nothing);
    if (strcmp(operation, "truncate") == 0)
        return opened(O_WRONLY, truncate_file);
    if (strcmp(operation, "copy") == 0)
        return opened(O_RDONLY, copy_all);
    if (strcmp(operation, "sync") == 0)
        return opened(O_WRONLY, fsync);
    if (strcmp(operation, "datasync") == 0)
        return opened(O_WRONLY, fdatasync);
    if (strcmp(operation, "syncdir") == 0)
        return opened(O_RDONLY | O_DIRECTORY, fsync);
    if (strcmp(operation, "rename") == 0)
        return rename(word[1], word[2]);
    if (strcmp(operation, "exchange") == 0)
        return renameat2(AT_FDCWD, word[1], AT_FDCWD, word[2], RENAME_EXCHANGE);
    if (strcmp(operation, "link") == 0)
        return link(word[1], word[2]);
    if (strcmp(operation, "unlink") == 0)
        return unlink(word[1]);
    if (strcmp(operation, "attribute") == 0)
        return setxattr(word[1], "user.mark", word[2], strlen(word[2]), 0);
    fail("a known operation");
}

int agent(uint32_t writer)
{
    char line[1024];
    data = malloc(largest_mark);
    writer_number = writer;
    while (fgets(line, sizeof line, stdin)) {
        char *rest = line;
        for (int index = 0; index < words; index++)
            word[index] = strtok_r(rest, " \n", &rest);
        if (!word[0])
            continue;
        if (do_one() == 0)
            printf("ok\n");
        else
            printf("error %d\n", errno);
        fflush(stdout);
    }
    return 0;
}
