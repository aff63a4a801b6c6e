/* Contents: sizes, holes, ranges, direct and mapped access, files without a name. */
#include "client.h"

#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

enum { mebi = 1 << 20 };

static struct stat stat_of(int file)
{
    struct stat found;
    CHECK(fstat(file, &found) == 0);
    return found;
}

static void check_zeros(int file, off_t offset, size_t length)
{
    unsigned char *data = malloc(length);
    read_all(file, data, length, offset);
    for (size_t index = 0; index < length; index++)
        CHECK(data[index] == 0);
    free(data);
}

/* size-of-file NAME SIZE: written in odd pieces, read in other ones. */
static void size_of_file(int count, char **arguments)
{
    CHECK(count == 2);
    off_t size = number(arguments[1]);
    static unsigned char data[300001];
    int file = create_file(arguments[0]);
    for (off_t offset = 0; offset < size;) {
        size_t part = size - offset < (off_t)sizeof data ? (size_t)(size - offset) : sizeof data;
        fill(data, part, size, offset);
        write_all(file, data, part, offset);
        offset += part;
    }
    CHECK(fsync(file) == 0 && stat_of(file).st_size == size);
    for (off_t offset = 0; offset < size;) {
        size_t part = size - offset < 65537 ? size - offset : 65537;
        read_all(file, data, part, offset);
        check_fill(data, part, size, offset, arguments[0]);
        offset += part;
    }
    CHECK(pread(file, data, 1, size) == 0);
}

static void unlinked_while_open(int count, char **arguments)
{
    (void)count, (void)arguments;
    static unsigned char data[3 * mebi];
    int file = create_file("gone");
    fill(data, sizeof data, 1, 0);
    write_all(file, data, mebi, 0);
    CHECK(unlink("gone") == 0);
    write_all(file, data + mebi, 2 * mebi, mebi);
    CHECK(fsync(file) == 0);
    memset(data, 0, sizeof data);
    read_all(file, data, sizeof data, 0);
    check_fill(data, sizeof data, 1, 0, "gone");
    CHECK(stat_of(file).st_nlink == 0 && ftruncate(file, 10) == 0 && stat_of(file).st_size == 10);
    int again = create_file("gone");
    CHECK(stat_of(again).st_ino != stat_of(file).st_ino);
    CHECK(close(file) == 0);
}

static void temporary_file(int count, char **arguments)
{
    (void)count, (void)arguments;
    int file = open(".", O_TMPFILE | O_RDWR, 0640);
    CHECK(file >= 0);
    write_all(file, "nameless", 8, 0);
    CHECK(stat_of(file).st_nlink == 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
    CHECK(stat_of(file).st_nlink == 1 && (stat_of(file).st_mode & 07777) == 0640);
    check_text("named", "nameless");
    int hidden = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    CHECK(hidden >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", hidden);
    FAILS_WITH(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT);
}

static void direct_access(int count, char **arguments)
{
    (void)count, (void)arguments;
    unsigned char *data = aligned_alloc(4096, 4 * mebi);
    int file = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0644);
    CHECK(data && file >= 0);
    fill(data, 4 * mebi, 2, 0);
    write_all(file, data, 4 * mebi, 0);
    fill(data, 4096, 3, 8192);
    write_all(file, data, 4096, 8192);
    memset(data, 0, 4 * mebi);
    read_all(file, data, 4 * mebi, 0);
    check_fill(data, 8192, 2, 0, "direct");
    check_fill(data + 8192, 4096, 3, 8192, "direct");
    check_fill(data + 12288, 4 * mebi - 12288, 2, 12288, "direct");
    int cached = open("direct", O_RDWR);
    write_all(cached, "through the cache", 17, 100);
    read_all(file, data, 4096, 0);
    CHECK(memcmp(data + 100, "through the cache", 17) == 0);
}

static void shared_mapping(int count, char **arguments)
{
    (void)count, (void)arguments;
    int file = create_file("mapped");
    CHECK(ftruncate(file, 2 * mebi + 100) == 0);
    unsigned char *map = mmap(NULL, 2 * mebi + 100, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(map != MAP_FAILED);
    fill(map, 2 * mebi + 100, 4, 0);
    write_all(file, "write", 5, 5000);
    CHECK(memcmp(map + 5000, "write", 5) == 0);
    memcpy(map + 9000, "map", 3);
    char seen[3];
    read_all(file, seen, 3, 9000);
    CHECK(memcmp(seen, "map", 3) == 0);
    CHECK(msync(map, 2 * mebi + 100, MS_SYNC) == 0 && fsync(file) == 0);
    CHECK(munmap(map, 2 * mebi + 100) == 0 && close(file) == 0);
    static unsigned char data[2 * mebi + 100];
    file = open("mapped", O_RDONLY);
    CHECK(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    read_all(file, data, sizeof data, 0);
    check_fill(data, 5000, 4, 0, "mapped");
    CHECK(memcmp(data + 5000, "write", 5) == 0 && memcmp(data + 9000, "map", 3) == 0);
    check_fill(data + 9003, sizeof data - 9003, 4, 9003, "mapped");
    unsigned char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    CHECK(own != MAP_FAILED);
    own[0] ^= 0xff;
    unsigned char first;
    read_all(file, &first, 1, 0);
    check_fill(&first, 1, 4, 0, "mapped");
}

static void try_lock(void *argument)
{
    int file = open("lock", O_RDWR);
    if (*(int *)argument) {
        FAILS_WITH(flock(file, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    } else {
        struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
        FAILS_WITH(fcntl(file, F_SETLK, &range), EAGAIN);
        range.l_start = 20;
        CHECK(fcntl(file, F_SETLK, &range) == 0);
    }
}

static void locks(int count, char **arguments)
{
    (void)count, (void)arguments;
    int file = create_file("lock");
    CHECK(flock(file, LOCK_EX) == 0);
    in_child(try_lock, &(int){ 1 });
    CHECK(flock(file, LOCK_UN) == 0);
    struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
    CHECK(fcntl(file, F_SETLK, &range) == 0);
    in_child(try_lock, &(int){ 0 });
}

static void allocate(int count, char **arguments)
{
    (void)count, (void)arguments;
    static unsigned char data[4 * mebi];
    int file = create_file("allocated");
    CHECK(fallocate(file, 0, 0, mebi) == 0 && stat_of(file).st_size == mebi);
    check_zeros(file, 0, mebi);
    CHECK(fallocate(file, FALLOC_FL_KEEP_SIZE, mebi, mebi) == 0 && stat_of(file).st_size == mebi);
    fill(data, sizeof data, 5, 0);
    write_all(file, data, sizeof data, 0);
    CHECK(fsync(file) == 0);
    CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4095, mebi + 2) == 0);
    CHECK(fallocate(file, FALLOC_FL_ZERO_RANGE, 3 * mebi, 2 * mebi) == 0);
    CHECK(stat_of(file).st_size == 5 * mebi);
    CHECK(fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 5 * mebi - 10, mebi) == 0 && stat_of(file).st_size == 5 * mebi);
    read_all(file, data, 4095, 0);
    check_fill(data, 4095, 5, 0, "allocated");
    check_zeros(file, 4095, mebi + 2);
    read_all(file, data, 2 * mebi, mebi + 4097);
    check_fill(data, 3 * mebi - (mebi + 4097), 5, mebi + 4097, "allocated");
    check_zeros(file, 3 * mebi, 2 * mebi);
    FAILS_WITH(fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
    FAILS_WITH(fallocate(file, 0, 0, 0), EINVAL);
}

static void holes(int count, char **arguments)
{
    (void)count, (void)arguments;
    static unsigned char data[mebi];
    int file = create_file("holes");
    CHECK(ftruncate(file, 64 * mebi) == 0);
    fill(data, sizeof data, 6, 0);
    write_all(file, data, mebi, 16 * mebi);
    write_all(file, data, mebi, 32 * mebi);
    CHECK(fsync(file) == 0);
    CHECK(lseek(file, 0, SEEK_DATA) == 16 * mebi);
    CHECK(lseek(file, 16 * mebi, SEEK_HOLE) == 17 * mebi);
    CHECK(lseek(file, 17 * mebi, SEEK_DATA) == 32 * mebi);
    CHECK(lseek(file, 16 * mebi + 5, SEEK_DATA) == 16 * mebi + 5);
    CHECK(lseek(file, 40 * mebi, SEEK_HOLE) == 40 * mebi);
    FAILS_WITH(lseek(file, 40 * mebi, SEEK_DATA), ENXIO);
    FAILS_WITH(lseek(file, 64 * mebi, SEEK_HOLE), ENXIO);
    CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 16 * mebi, mebi) == 0);
    CHECK(lseek(file, 0, SEEK_DATA) == 32 * mebi);
    check_zeros(file, 15 * mebi, 3 * mebi);
    CHECK(stat_of(file).st_blocks * 512 < 4 * mebi);
}

static void sparse_file(int count, char **arguments)
{
    (void)count, (void)arguments;
    int file = create_file("sparse");
    CHECK(ftruncate(file, (off_t)1 << 40) == 0);
    write_all(file, "end", 3, ((off_t)1 << 40) - 3);
    write_all(file, "middle", 6, (off_t)1 << 39);
    CHECK(fsync(file) == 0);
    CHECK(stat_of(file).st_size == (off_t)1 << 40);
    CHECK(stat_of(file).st_blocks * 512 < 4 * mebi);
    check_zeros(file, (off_t)1 << 38, mebi);
    char text[6];
    read_all(file, text, 6, (off_t)1 << 39);
    CHECK(memcmp(text, "middle", 6) == 0);
    CHECK(ftruncate(file, ((off_t)1 << 39) + 3) == 0 && ftruncate(file, (off_t)1 << 40) == 0);
    read_all(file, text, 6, (off_t)1 << 39);
    CHECK(memcmp(text, "mid\0\0\0", 6) == 0);
}

/* largest-file MAXIMUM: the last byte that a file can have. */
static void largest_file(int count, char **arguments)
{
    CHECK(count == 1);
    off_t largest = number(arguments[0]);
    int file = create_file("largest");
    CHECK(ftruncate(file, largest) == 0 && stat_of(file).st_size == largest);
    write_all(file, "z", 1, largest - 1);
    FAILS_WITH(pwrite(file, "z", 1, largest), largest == INT64_MAX ? EINVAL : EFBIG); /* the kernel's own check comes first */
    CHECK(fsync(file) == 0);
    char last;
    read_all(file, &last, 1, largest - 1);
    CHECK(last == 'z' && stat_of(file).st_blocks * 512 < mebi);
    check_zeros(file, largest / 2, 4096);
}

static void copy_range(int count, char **arguments)
{
    (void)count, (void)arguments;
    static unsigned char data[12 * mebi];
    int source = create_file("source"), target = create_file("target");
    fill(data, sizeof data, 7, 0);
    write_all(source, data, sizeof data, 0);
    off_t from = 1000, to = 3;
    for (size_t left = 10 * mebi; left;) {
        ssize_t copied = copy_file_range(source, &from, target, &to, left, 0);
        CHECK(copied > 0);
        left -= copied;
    }
    /* The copy must not follow later changes of the source. */
    memset(data, 'x', 2 * mebi);
    write_all(source, data, 2 * mebi, 0);
    CHECK(fsync(target) == 0 && fsync(source) == 0);
    memset(data, 0, sizeof data);
    read_all(target, data, 10 * mebi, 3);
    check_fill(data, 10 * mebi, 7, 1000, "target");
    check_zeros(target, 0, 3);
    from = 0, to = 4 * mebi;
    CHECK(copy_file_range(target, &from, target, &to, mebi, 0) > 0); /* inside one file */
    from = 0, to = 10;
    FAILS_WITH(copy_file_range(target, &from, target, &to, mebi, 0), EINVAL); /* onto itself */
    from = stat_of(source).st_size;
    CHECK(copy_file_range(source, &from, target, &to, mebi, 0) == 0);
}

static void append(void *argument)
{
    int writer = *(int *)argument;
    int file = open("log", O_WRONLY | O_APPEND);
    CHECK(file >= 0);
    for (int index = 0; index < 200; index++) {
        char line[33];
        snprintf(line, sizeof line, "%08d %022d\n", writer, index);
        CHECK(write(file, line, 32) == 32);
    }
}

static void appending_processes(int count, char **arguments)
{
    (void)count, (void)arguments;
    enum { writers = 16 };
    close(create_file("log"));
    pid_t children[writers];
    for (int writer = 0; writer < writers; writer++) {
        if ((children[writer] = fork()) == 0) {
            append(&writer);
            exit(0);
        }
    }
    for (int writer = 0; writer < writers; writer++) {
        int status;
        CHECK(waitpid(children[writer], &status, 0) > 0 && status == 0);
    }
    static bool seen[writers][200];
    FILE *file = fopen("log", "r");
    int lines = 0, writer, index;
    while (fscanf(file, "%d %d", &writer, &index) == 2) {
        CHECK(writer < writers && index < 200 && !seen[writer][index]);
        seen[writer][index] = true;
        lines++;
    }
    CHECK(lines == writers * 200);
}

static void truncate_on_open(int count, char **arguments)
{
    (void)count, (void)arguments;
    static unsigned char data[9 * mebi];
    fill(data, sizeof data, 8, 0);
    int file = create_file("t");
    write_all(file, data, sizeof data, 0);
    int other = open("t", O_WRONLY | O_TRUNC);
    CHECK(other >= 0 && stat_of(file).st_size == 0);
    CHECK(ftruncate(other, sizeof data) == 0);
    check_zeros(file, 0, sizeof data);
    write_all(file, data, 5000, 0);
    CHECK(truncate("t", 4097) == 0 && truncate("t", 8192) == 0);
    read_all(file, data, 4097, 0);
    check_fill(data, 4097, 8, 0, "t");
    check_zeros(file, 4097, 4095);
    FAILS_WITH(truncate("t", -1), EINVAL);
}

static void space_is_sane(int count, char **arguments)
{
    (void)count, (void)arguments;
    struct statvfs space;
    CHECK(statvfs(".", &space) == 0);
    CHECK(space.f_bsize >= 512 && space.f_frsize >= 512 && space.f_namemax == 255);
    CHECK(space.f_blocks > 0 && space.f_bfree <= space.f_blocks && space.f_bavail <= space.f_bfree && space.f_bavail > 0);
    CHECK(space.f_files > 0 && space.f_ffree <= space.f_files);
}

const struct scenario data_scenarios[] = {
    { "size-of-file", size_of_file },
    { "unlinked-while-open", unlinked_while_open },
    { "temporary-file", temporary_file },
    { "direct-access", direct_access },
    { "shared-mapping", shared_mapping },
    { "locks", locks },
    { "allocate", allocate },
    { "holes", holes },
    { "sparse-file", sparse_file },
    { "largest-file", largest_file },
    { "copy-range", copy_range },
    { "appending-processes", appending_processes },
    { "truncate-on-open", truncate_on_open },
    { "space-is-sane", space_is_sane },
    { NULL, NULL },
};
