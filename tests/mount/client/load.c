/* Amounts: large files, many files, many writers. Contents follow from a seed, so that a check needs no copy. */
#include "client.h"

#include <dirent.h>
#include <sys/ioctl.h>

enum { mebi = 1 << 20 };

static unsigned char *buffer(void)
{
    static unsigned char data[mebi];
    return data;
}

/* write-pattern NAME SIZE SEED */
static void write_pattern(int count, char **arguments)
{
    CHECK(count == 3);
    off_t size = number(arguments[1]);
    int file = open(arguments[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(file >= 0);
    for (off_t offset = 0; offset < size; offset += mebi) {
        size_t part = size - offset < mebi ? size - offset : mebi;
        fill(buffer(), part, number(arguments[2]), offset);
        write_all(file, buffer(), part, offset);
    }
    CHECK(fsync(file) == 0 && close(file) == 0);
}

/* Reads the whole file; a range may fail with EIO where that is allowed, wrong bytes never pass. Prints how many bytes could not be read. */
static void check(char **arguments, bool may_fail)
{
    off_t size = number(arguments[1]), lost = 0;
    int file = open(arguments[0], O_RDONLY);
    CHECK(file >= 0);
    struct stat found;
    CHECK(fstat(file, &found) == 0 && found.st_size == size);
    for (off_t offset = 0; offset < size;) {
        size_t part = size - offset < mebi ? size - offset : mebi;
        ssize_t read_now = pread(file, buffer(), part, offset);
        if (read_now < 0 && errno == EIO && may_fail) {
            lost += read_now = part < 4096 ? part : 4096;
        } else {
            CHECK(read_now > 0);
            check_fill(buffer(), read_now, number(arguments[2]), offset, arguments[0]);
        }
        offset += read_now;
    }
    printf("%lld\n", (long long)lost);
}

static void check_pattern(int count, char **arguments)
{
    CHECK(count == 3);
    check(arguments, false);
}

static void check_pattern_or_error(int count, char **arguments)
{
    CHECK(count == 3);
    check(arguments, true);
}

static size_t small_size(long long index)
{
    return index * 7919 % 6000;
}

static void small_name(char *name, long long index, long long per_directory)
{
    sprintf(name, "%05lld/%07lld", index / per_directory, index);
}

/* make-many COUNT PER_DIRECTORY: files of 0 to 5999 bytes. */
static void make_many(int count, char **arguments)
{
    CHECK(count == 2);
    long long files = number(arguments[0]), per_directory = number(arguments[1]);
    char name[64];
    for (long long index = 0; index < files; index++) {
        small_name(name, index, per_directory);
        if (index % per_directory == 0) {
            name[5] = 0;
            CHECK(mkdir(name, 0755) == 0);
            name[5] = '/';
        }
        int file = create_file(name);
        fill(buffer(), small_size(index), index, 0);
        if (small_size(index))
            write_all(file, buffer(), small_size(index), 0);
        CHECK(close(file) == 0);
    }
    sync();
}

static void check_many(int count, char **arguments)
{
    CHECK(count == 2);
    long long files = number(arguments[0]), per_directory = number(arguments[1]);
    char name[64];
    for (long long index = 0; index < files; index++) {
        small_name(name, index, per_directory);
        int file = open(name, O_RDONLY);
        CHECK(file >= 0);
        CHECK(read(file, buffer(), 8192) == (ssize_t)small_size(index));
        check_fill(buffer(), small_size(index), index, 0, name);
        close(file);
    }
}

static void remove_many(int count, char **arguments)
{
    CHECK(count == 2);
    long long files = number(arguments[0]), per_directory = number(arguments[1]);
    char name[64];
    for (long long index = 0; index < files; index++) {
        small_name(name, index, per_directory);
        CHECK(unlink(name) == 0);
        if (index % per_directory == per_directory - 1 || index == files - 1) {
            name[5] = 0;
            CHECK(rmdir(name) == 0);
        }
    }
}

/* many-names COUNT: in one directory, listed in full, each found, all removed. */
static void many_names(int count, char **arguments)
{
    CHECK(count == 1);
    long long names = number(arguments[0]), found = 0;
    char name[64];
    CHECK(mkdir("many", 0755) == 0 && chdir("many") == 0);
    for (long long index = 0; index < names; index++) {
        sprintf(name, "a name of usual length %lld", index);
        int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        CHECK(file >= 0 && close(file) == 0);
    }
    unsigned char *seen = calloc(names, 1);
    DIR *directory = opendir(".");
    for (struct dirent *entry; (entry = readdir(directory));) {
        long long index;
        if (sscanf(entry->d_name, "a name of usual length %lld", &index) == 1) {
            CHECK(index < names && !seen[index]++);
            found++;
        }
    }
    closedir(directory);
    CHECK(found == names);
    for (long long index = 0; index < names; index += 97) {
        struct stat attributes;
        sprintf(name, "a name of usual length %lld", index);
        CHECK(stat(name, &attributes) == 0);
    }
    for (long long index = 0; index < names; index++) {
        sprintf(name, "a name of usual length %lld", index);
        CHECK(unlink(name) == 0);
    }
    CHECK(chdir("..") == 0 && rmdir("many") == 0);
    free(seen);
}

struct writer {
    int index;
    long long size;
};

/* Each writes a file of its own and every N-th block of a file that all share, then checks its own. */
static void write_beside_others(void *argument)
{
    const struct writer *writer = argument;
    char name[32];
    sprintf(name, "own-%d", writer->index);
    int own = create_file(name), shared = open("shared", O_RDWR);
    CHECK(shared >= 0);
    for (long long offset = 0; offset < writer->size; offset += 65536) {
        fill(buffer(), 65536, writer->index, offset);
        write_all(own, buffer(), 65536, offset);
        write_all(shared, buffer(), 4096, (offset / 65536 * 64 + writer->index) * 4096);
    }
    CHECK(fsync(own) == 0);
    for (long long offset = 0; offset < writer->size; offset += 65536) {
        read_all(own, buffer(), 65536, offset);
        check_fill(buffer(), 65536, writer->index, offset, name);
        read_all(shared, buffer(), 4096, (offset / 65536 * 64 + writer->index) * 4096);
        check_fill(buffer(), 4096, writer->index, offset, "shared");
    }
}

/* concurrent-writers COUNT (at most 64) SIZE */
static void concurrent_writers(int count, char **arguments)
{
    CHECK(count == 2);
    int writers = number(arguments[0]);
    pid_t children[64];
    close(create_file("shared"));
    for (int index = 0; index < writers; index++) {
        if ((children[index] = fork()) == 0) {
            write_beside_others(&(struct writer){ index, number(arguments[1]) });
            exit(0);
        }
    }
    bool all_done = true;
    for (int index = 0; index < writers; index++) {
        int status;
        CHECK(waitpid(children[index], &status, 0) > 0);
        all_done = all_done && status == 0;
    }
    CHECK(all_done);
}

/* fill-up NAME SIZE SEED: appends until there is no space; prints how many bytes were taken. Every byte taken must be readable. */
static void fill_up(int count, char **arguments)
{
    CHECK(count == 3);
    off_t taken = 0;
    int file = open(arguments[0], O_RDWR | O_CREAT | O_TRUNC, 0644);
    CHECK(file >= 0);
    while (taken < number(arguments[1])) {
        fill(buffer(), mebi, number(arguments[2]), taken);
        ssize_t written = pwrite(file, buffer(), mebi, taken);
        if (written < 0) {
            CHECK(errno == ENOSPC);
            break;
        }
        taken += written;
    }
    CHECK(fsync(file) == 0 || errno == ENOSPC);
    for (off_t offset = 0; offset < taken; offset += mebi) {
        size_t part = taken - offset < mebi ? taken - offset : mebi;
        read_all(file, buffer(), part, offset);
        check_fill(buffer(), part, number(arguments[2]), offset, arguments[0]);
    }
    printf("%lld\n", (long long)taken);
}

/* synced-then-wait: fsyncs a file and a directory, says so, writes on without sync until it is killed. */
static void synced_then_wait(int count, char **arguments)
{
    CHECK(count == 1);
    long long synced = number(arguments[0]);
    CHECK(mkdir("synced", 0755) == 0);
    for (long long index = 0; index < synced; index++) {
        char name[64];
        sprintf(name, "synced/%lld", index);
        int file = create_file(name);
        fill(buffer(), 10000, index, 0);
        write_all(file, buffer(), 10000, 0);
        CHECK(fsync(file) == 0 && close(file) == 0);
    }
    CHECK(mkdir("synced/directory", 0700) == 0 && rename("synced/0", "synced/renamed") == 0);
    int directory = open("synced", O_RDONLY | O_DIRECTORY);
    CHECK(fsync(directory) == 0);
    printf("synced\n");
    fflush(stdout);
    for (long long index = 0;; index++) {
        char name[64];
        sprintf(name, "unsynced-%lld", index);
        int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (file < 0)
            exit(0);
        fill(buffer(), 10000, index, 0);
        if (pwrite(file, buffer(), 10000, 0) != 10000)
            exit(0);
        close(file);
        usleep(1000);
    }
}

static void check_synced(int count, char **arguments)
{
    CHECK(count == 1);
    long long synced = number(arguments[0]);
    struct stat found;
    CHECK(lstat("synced/directory", &found) == 0 && (found.st_mode & 07777) == 0700);
    CHECK(lstat("synced/0", &found) == -1 && errno == ENOENT);
    for (long long index = 0; index < synced; index++) {
        char name[64];
        sprintf(name, index ? "synced/%lld" : "synced/renamed", index);
        int file = open(name, O_RDONLY);
        CHECK(file >= 0);
        CHECK(read(file, buffer(), 20000) == 10000);
        check_fill(buffer(), 10000, index, 0, name);
        close(file);
    }
    /* What was not synced may be gone, but is a prefix of what was written, each file whole or as it was when it had just been made. */
    bool ended = false;
    for (long long index = 0; index < 100000; index++) {
        char name[64];
        sprintf(name, "unsynced-%lld", index);
        int file = open(name, O_RDONLY);
        if (file < 0) {
            CHECK(errno == ENOENT);
            break;
        }
        CHECK(!ended);
        ssize_t size = read(file, buffer(), 20000);
        CHECK(size == 10000 || size == 0);
        ended = size == 0;
        check_fill(buffer(), size, index, 0, name);
        close(file);
    }
}

const struct scenario load_scenarios[] = {
    { "write-pattern", write_pattern },
    { "check-pattern", check_pattern },
    { "check-pattern-or-error", check_pattern_or_error },
    { "make-many", make_many },
    { "check-many", check_many },
    { "remove-many", remove_many },
    { "many-names", many_names },
    { "concurrent-writers", concurrent_writers },
    { "fill-up", fill_up },
    { "synced-then-wait", synced_then_wait },
    { "check-synced", check_synced },
    { NULL, NULL },
};
