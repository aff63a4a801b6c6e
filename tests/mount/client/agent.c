/*
 * The hands of the randomized tests: reads one operation a line from standard input, does it, answers with one line.
 *
 *   "ok [VALUE...]" or "error ERRNO"; a read answers "ok COUNT" and COUNT bytes after the line.
 */
#include "client.h"

#include <dirent.h>
#include <linux/falloc.h>
#include <linux/fs.h>

enum { slots = 8, words = 8, largest = 1 << 24 };

static int files[slots];
static char names[slots][64];
static unsigned char *data;
static char *word[words];

static void answer(long long result)
{
    if (result < 0)
        printf("error %d\n", errno);
    else
        printf("ok %lld\n", result);
}

static int slot(void)
{
    return (int)number(word[1]) % slots;
}

static long long argument(int index)
{
    CHECK(word[index]);
    return number(word[index]);
}

static void open_slot(void)
{
    snprintf(names[slot()], sizeof names[0], "model-%d", slot());
    if (files[slot()] >= 0)
        close(files[slot()]);
    answer(files[slot()] = open(names[slot()], O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

static void do_write(void)
{
    fill(data, argument(3), argument(4), argument(2));
    answer(pwrite(files[slot()], data, argument(3), argument(2)));
}

static void do_append(void)
{
    int file = open(names[slot()], O_WRONLY | O_APPEND | O_CLOEXEC);
    fill(data, argument(2), argument(3), 0);
    answer(write(file, data, argument(2)));
    close(file);
}

static void do_direct(void)
{
    int file = open(names[slot()], O_WRONLY | O_DIRECT | O_CLOEXEC);
    fill(data, argument(3), argument(4), argument(2));
    answer(pwrite(file, data, argument(3), argument(2)));
    close(file);
}

static void do_read(void)
{
    ssize_t count = pread(files[slot()], data, argument(3), argument(2));
    answer(count);
    if (count > 0)
        fwrite(data, 1, count, stdout);
}

static void do_map(bool write)
{
    long long offset = argument(2), length = argument(3), page = offset & ~4095LL;
    unsigned char *map = mmap(NULL, offset - page + length, PROT_READ | PROT_WRITE, MAP_SHARED, files[slot()], page);
    CHECK(map != MAP_FAILED);
    if (write) {
        fill(map + offset - page, length, argument(4), offset);
        CHECK(msync(map, offset - page + length, MS_SYNC) == 0);
        answer(length);
    } else {
        answer(length);
        fwrite(map + offset - page, 1, length, stdout);
    }
    munmap(map, offset - page + length);
}

static void do_copy(void)
{
    off_t from = argument(2), to = argument(4);
    long long left = argument(5);
    while (left > 0) {
        ssize_t copied = copy_file_range(files[slot()], &from, files[argument(3)], &to, left, 0);
        if (copied <= 0) {
            answer(copied);
            return;
        }
        left -= copied;
    }
    answer(argument(5));
}

/* Every stretch that SEEK_DATA finds, as pairs of start and end. */
static void do_data(void)
{
    printf("ok");
    off_t end = lseek(files[slot()], 0, SEEK_END);
    for (off_t start = 0; start < end;) {
        start = lseek(files[slot()], start, SEEK_DATA);
        if (start < 0)
            break;
        off_t stop = lseek(files[slot()], start, SEEK_HOLE);
        CHECK(stop > start);
        printf(" %lld %lld", (long long)start, (long long)stop);
        start = stop;
    }
    printf("\n");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A directory's names in order, each with what must be the same on any filesystem. */
static void do_list(void)
{
    char *found[4096];
    int count = 0;
    DIR *directory = opendir(word[1]);
    if (!directory) {
        answer(-1);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) && count < 4096;)
        found[count++] = strdup(entry->d_name);
    qsort(found, count, sizeof *found, by_name);
    printf("ok");
    for (int index = 0; index < count; index++) {
        struct stat attributes;
        CHECK(fstatat(dirfd(directory), found[index], &attributes, AT_SYMLINK_NOFOLLOW) == 0);
        bool sized = !S_ISDIR(attributes.st_mode);
        if (strcmp(found[index], "..") == 0)
            attributes.st_nlink = 0; /* may lie outside of what is compared */
        printf(" %s:%o:%lu:%lld", found[index], attributes.st_mode, (unsigned long)attributes.st_nlink,
               sized ? (long long)attributes.st_size : 0);
        free(found[index]);
    }
    printf("\n");
    closedir(directory);
}

static void do_create(void)
{
    int file = open(word[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file >= 0 && word[2])
        CHECK(write(file, word[2], strlen(word[2])) == (ssize_t)strlen(word[2]));
    answer(file < 0 ? -1 : 0);
    if (file >= 0)
        close(file);
}

static void do_names(void)
{
    const char *operation = word[0];
    if (strcmp(operation, "mkdir") == 0)
        answer(mkdir(word[1], 0755));
    else if (strcmp(operation, "rmdir") == 0)
        answer(rmdir(word[1]));
    else if (strcmp(operation, "unlink") == 0)
        answer(unlink(word[1]));
    else if (strcmp(operation, "link") == 0)
        answer(link(word[1], word[2]));
    else if (strcmp(operation, "symlink") == 0)
        answer(symlink(word[1], word[2]));
    else if (strcmp(operation, "rename") == 0)
        answer(renameat2(AT_FDCWD, word[1], AT_FDCWD, word[2], argument(3)));
    else if (strcmp(operation, "create") == 0)
        do_create();
    else if (strcmp(operation, "list") == 0)
        do_list();
    else
        CHECK(!"a known operation");
}

static void do_one(void)
{
    const char *operation = word[0];
    if (strcmp(operation, "open") == 0)
        open_slot();
    else if (strcmp(operation, "write") == 0)
        do_write();
    else if (strcmp(operation, "append") == 0)
        do_append();
    else if (strcmp(operation, "direct") == 0)
        do_direct();
    else if (strcmp(operation, "read") == 0)
        do_read();
    else if (strcmp(operation, "mapwrite") == 0)
        do_map(true);
    else if (strcmp(operation, "mapread") == 0)
        do_map(false);
    else if (strcmp(operation, "copy") == 0)
        do_copy();
    else if (strcmp(operation, "data") == 0)
        do_data();
    else if (strcmp(operation, "truncate") == 0)
        answer(ftruncate(files[slot()], argument(2)));
    else if (strcmp(operation, "punch") == 0)
        answer(fallocate(files[slot()], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, argument(2), argument(3)));
    else if (strcmp(operation, "zero") == 0)
        answer(fallocate(files[slot()], FALLOC_FL_ZERO_RANGE, argument(2), argument(3)));
    else if (strcmp(operation, "allocate") == 0)
        answer(fallocate(files[slot()], 0, argument(2), argument(3)));
    else if (strcmp(operation, "fsync") == 0)
        answer(fsync(files[slot()]));
    else if (strcmp(operation, "size") == 0)
        answer(lseek(files[slot()], 0, SEEK_END));
    else
        do_names();
}

static void agent(int count, char **arguments)
{
    (void)count, (void)arguments;
    char line[1024];
    data = aligned_alloc(4096, largest);
    for (int index = 0; index < slots; index++)
        files[index] = -1;
    while (fgets(line, sizeof line, stdin)) {
        char *rest = line;
        for (int index = 0; index < words; index++)
            word[index] = strtok_r(rest, " \n", &rest);
        if (!word[0])
            continue;
        do_one();
        fflush(stdout);
    }
}

const struct scenario agent_scenarios[] = { { "agent", agent }, { NULL, NULL } };
