/* Names: links, rename, special nodes, long names, deep paths, listing while it changes. */
#include "client.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static struct stat stat_of(const char *name)
{
    struct stat found;
    CHECK(lstat(name, &found) == 0);
    return found;
}

static bool exists(const char *name)
{
    struct stat found;
    if (lstat(name, &found) == 0)
        return true;
    CHECK(errno == ENOENT);
    return false;
}

static void hard_links(int count, char **arguments)
{
    (void)count, (void)arguments;
    write_text("a", "one");
    CHECK(link("a", "b") == 0);
    CHECK(stat_of("a").st_nlink == 2 && stat_of("b").st_nlink == 2);
    CHECK(stat_of("a").st_ino == stat_of("b").st_ino);
    struct timespec before = stat_of("a").st_ctim;
    usleep(20000);
    write_text("b", "two");
    check_text("a", "two");
    CHECK(unlink("a") == 0);
    struct stat left = stat_of("b");
    CHECK(left.st_nlink == 1);
    CHECK(left.st_ctim.tv_sec > before.tv_sec || left.st_ctim.tv_nsec > before.tv_nsec);
    check_text("b", "two");
    CHECK(mkdir("d", 0755) == 0);
    FAILS_WITH(link("d", "e"), EPERM);
    FAILS_WITH(link("b", "b"), EEXIST);
    CHECK(symlink("b", "s") == 0);
    CHECK(link("s", "s2") == 0);
    CHECK(S_ISLNK(stat_of("s2").st_mode));
}

static void directory_links(int count, char **arguments)
{
    (void)count, (void)arguments;
    CHECK(mkdir("d", 0755) == 0 && mkdir("d/1", 0755) == 0 && mkdir("d/2", 0755) == 0);
    CHECK(stat_of("d").st_nlink == 4);
    FAILS_WITH(rmdir("d"), ENOTEMPTY);
    FAILS_WITH(unlink("d"), EISDIR);
    CHECK(rename("d/1", "1") == 0);
    CHECK(stat_of("d").st_nlink == 3);
    CHECK(stat_of("1/..").st_ino == stat_of(".").st_ino);
    CHECK(rmdir("d/2") == 0 && rmdir("d") == 0);
    write_text("f", "");
    FAILS_WITH(rmdir("f"), ENOTDIR);
    FAILS_WITH(open("f/x", O_RDONLY), ENOTDIR);
}

static void rename_over(int count, char **arguments)
{
    (void)count, (void)arguments;
    write_text("a", "new");
    write_text("b", "old");
    int open_old = open("b", O_RDONLY);
    CHECK(rename("a", "b") == 0);
    check_text("b", "new");
    CHECK(!exists("a"));
    char left[4];
    read_all(open_old, left, 3, 0);
    CHECK(memcmp(left, "old", 3) == 0);
    struct stat gone;
    CHECK(fstat(open_old, &gone) == 0 && gone.st_nlink == 0);
    CHECK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
    CHECK(rename("d", "e") == 0);
    write_text("e/x", "x");
    CHECK(mkdir("g", 0755) == 0);
    FAILS_WITH(rename("g", "e"), ENOTEMPTY);
    FAILS_WITH(rename("b", "e"), EISDIR);
    FAILS_WITH(rename("e", "b"), ENOTDIR);
    FAILS_WITH(rename("e", "e/x/y"), ENOTDIR);
    FAILS_WITH(rename("e", "e/y"), EINVAL);
    CHECK(link("b", "c") == 0 && rename("b", "c") == 0);
    CHECK(exists("b") && exists("c")); /* two names of one file: nothing happens */
}

static void rename_flags(int count, char **arguments)
{
    (void)count, (void)arguments;
    write_text("a", "A");
    write_text("b", "B");
    FAILS_WITH(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
    check_text("a", "A");
    CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE) == 0);
    CHECK(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE) == 0);
    check_text("b", "A");
    check_text("c", "B");
    CHECK(mkdir("d", 0755) == 0);
    write_text("d/inside", "I");
    CHECK(renameat2(AT_FDCWD, "d", AT_FDCWD, "b", RENAME_EXCHANGE) == 0);
    check_text("b/inside", "I");
    check_text("d", "A");
    FAILS_WITH(renameat2(AT_FDCWD, "d", AT_FDCWD, "nothing", RENAME_EXCHANGE), ENOENT);
    FAILS_WITH(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
    struct stat here = stat_of(".");
    CHECK(here.st_nlink == 3);
}

static void special_nodes(int count, char **arguments)
{
    (void)count, (void)arguments;
    CHECK(mkfifo("fifo", 0640) == 0);
    CHECK(S_ISFIFO(stat_of("fifo").st_mode) && (stat_of("fifo").st_mode & 07777) == 0640);
    CHECK(mknod("char", S_IFCHR | 0600, makedev(1, 3)) == 0);
    CHECK(S_ISCHR(stat_of("char").st_mode) && stat_of("char").st_rdev == makedev(1, 3));
    CHECK(mknod("block", S_IFBLK | 0600, makedev(240, 70000)) == 0);
    CHECK(S_ISBLK(stat_of("block").st_mode) && stat_of("block").st_rdev == makedev(240, 70000));
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
    CHECK(S_ISSOCK(stat_of("socket").st_mode));
    int dialler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(dialler, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(mknod("plain", S_IFREG | 0604, 0) == 0);
    CHECK((stat_of("plain").st_mode & 07777) == 0604 && stat_of("plain").st_size == 0);
    pid_t writer = fork();
    if (writer == 0) {
        int end = open("fifo", O_WRONLY);
        exit(write(end, "through", 7) == 7 ? 0 : 1);
    }
    int end = open("fifo", O_RDONLY);
    char buffer[8];
    CHECK(read(end, buffer, 8) == 7 && memcmp(buffer, "through", 7) == 0);
    int status;
    CHECK(waitpid(writer, &status, 0) == writer && status == 0);
}

static void symbolic_links(int count, char **arguments)
{
    (void)count, (void)arguments;
    char target[4096], back[4096];
    memset(target, 't', sizeof target);
    target[4095] = 0;
    CHECK(symlink(target, "longest") == 0);
    CHECK(stat_of("longest").st_size == 4095);
    CHECK(readlink("longest", back, sizeof back) == 4095 && memcmp(back, target, 4095) == 0);
    CHECK(symlink("nowhere", "dangling") == 0);
    FAILS_WITH(open("dangling", O_RDONLY), ENOENT);
    CHECK(symlink("loop", "loop") == 0);
    FAILS_WITH(open("loop", O_RDONLY), ELOOP);
    FAILS_WITH(symlink("x", "loop"), EEXIST);
}

static void long_names(int count, char **arguments)
{
    (void)count, (void)arguments;
    char name[257];
    memset(name, 'n', 256);
    name[256] = 0;
    FAILS_WITH(open(name, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
    FAILS_WITH(mkdir(name, 0755), ENAMETOOLONG);
    FAILS_WITH(symlink("x", name), ENAMETOOLONG);
    FAILS_WITH(access(name, F_OK), ENAMETOOLONG);
    write_text("short", "s");
    FAILS_WITH(rename("short", name), ENAMETOOLONG);
    FAILS_WITH(link("short", name), ENAMETOOLONG);
    name[255] = 0;
    write_text(name, "255");
    check_text(name, "255");
    for (int byte = 1; byte < 256; byte++) {
        char odd[3] = { (char)byte, byte == '.' ? 'x' : (char)byte, 0 };
        if (byte == '/')
            continue;
        write_text(odd, "odd");
        check_text(odd, "odd");
    }
}

static void deep_paths(int count, char **arguments)
{
    (void)count, (void)arguments;
    /* As deep as one path can say... */
    char path[4096] = "", part[201];
    memset(part, 'p', 200);
    part[200] = 0;
    while (strlen(path) + 202 < sizeof path - 16) {
        strcat(path, path[0] ? "/" : "");
        strcat(path, part);
        CHECK(mkdir(path, 0755) == 0);
    }
    strcat(path, "/f");
    write_text(path, "deep");
    check_text(path, "deep");
    /* ...and deeper, step by step. */
    for (int depth = 0; depth < 1000; depth++)
        CHECK(mkdir("x", 0755) == 0 && chdir("x") == 0);
    write_text("bottom", "here");
    check_text("bottom", "here");
    char where[PIPE_BUF * 2];
    CHECK(getcwd(where, sizeof where) != NULL);
    for (int depth = 0; depth < 1000; depth++)
        CHECK(chdir("..") == 0);
    check_text(path, "deep");
}

/* Names that exist before and after a listing must be in it exactly once, whatever else comes and goes meanwhile. */
static void listing_is_stable(int count, char **arguments)
{
    (void)count, (void)arguments;
    enum { kept = 3000 };
    char name[64];
    for (int index = 0; index < kept; index++) {
        snprintf(name, sizeof name, "kept-%05d", index);
        close(create_file(name));
    }
    pid_t churn = fork();
    if (churn == 0) {
        for (unsigned round = 0;; round++) {
            snprintf(name, sizeof name, "temporary-%u", round);
            close(create_file(name));
            if (round >= 50) {
                snprintf(name, sizeof name, "temporary-%u", round - 50);
                CHECK(unlink(name) == 0);
            }
        }
    }
    for (int round = 0; round < 10; round++) {
        static unsigned char seen[kept];
        memset(seen, 0, sizeof seen);
        DIR *directory = opendir(".");
        for (struct dirent *entry; (entry = readdir(directory));) {
            int index;
            if (sscanf(entry->d_name, "kept-%d", &index) == 1) {
                CHECK(!seen[index]);
                seen[index] = 1;
            }
        }
        closedir(directory);
        for (int index = 0; index < kept; index++)
            CHECK(seen[index]);
    }
    kill(churn, SIGKILL);
    waitpid(churn, NULL, 0);
}

static void seek_in_listing(int count, char **arguments)
{
    (void)count, (void)arguments;
    enum { files = 500 };
    char name[64], names[files + 2][64];
    long places[files + 2];
    for (int index = 0; index < files; index++) {
        snprintf(name, sizeof name, "%d", index);
        close(create_file(name));
    }
    DIR *directory = opendir(".");
    int found = 0;
    for (;;) {
        long place = telldir(directory);
        struct dirent *entry = readdir(directory);
        if (!entry)
            break;
        CHECK(found < files + 2);
        places[found] = place;
        strcpy(names[found++], entry->d_name);
    }
    CHECK(found == files + 2);
    for (int index = found - 1; index >= 0; index -= 7) {
        seekdir(directory, places[index]);
        CHECK(strcmp(readdir(directory)->d_name, names[index]) == 0);
    }
    rewinddir(directory);
    CHECK(readdir(directory) != NULL);
    closedir(directory);
}

/* A file handle finds the file again, as a network file server needs it. */
static void file_handles(int count, char **arguments)
{
    (void)count, (void)arguments;
    CHECK(mkdir("d", 0755) == 0);
    write_text("d/f", "by handle");
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } file = { .handle.handle_bytes = MAX_HANDLE_SZ };
    int mount;
    CHECK(name_to_handle_at(AT_FDCWD, "d/f", &file.handle, &mount, 0) == 0);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    int opened = open_by_handle_at(here, &file.handle, O_RDONLY);
    CHECK(opened >= 0);
    char text[10];
    read_all(opened, text, 9, 0);
    CHECK(memcmp(text, "by handle", 9) == 0);
    close(opened);
    CHECK(unlink("d/f") == 0);
    FAILS_WITH(open_by_handle_at(here, &file.handle, O_RDONLY), ESTALE);
}

const struct scenario name_scenarios[] = {
    { "hard-links", hard_links },
    { "directory-links", directory_links },
    { "rename-over", rename_over },
    { "rename-flags", rename_flags },
    { "special-nodes", special_nodes },
    { "symbolic-links", symbolic_links },
    { "long-names", long_names },
    { "deep-paths", deep_paths },
    { "listing-is-stable", listing_is_stable },
    { "seek-in-listing", seek_in_listing },
    { "file-handles", file_handles },
    { NULL, NULL },
};
