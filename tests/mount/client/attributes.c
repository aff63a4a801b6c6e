/* Attributes: times, owners, permissions and what clears them, extended attributes. */
#include "client.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/xattr.h>
#include <time.h>

enum { somebody = 12345, somebodys_group = 23456 };

static struct stat stat_of(const char *name)
{
    struct stat found;
    CHECK(lstat(name, &found) == 0);
    return found;
}

static mode_t mode_of(const char *name)
{
    return stat_of(name).st_mode & 07777;
}

static bool later(struct timespec a, struct timespec b)
{
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void become_somebody(void)
{
    CHECK(setgroups(0, NULL) == 0 && setgid(somebodys_group) == 0 && setuid(somebody) == 0);
}

static void times(int count, char **arguments)
{
    (void)count, (void)arguments;
    write_text("f", "x");
    struct timespec set[2] = { { 1234567890, 123456789 }, { 4102444800, 987654321 } };
    CHECK(utimensat(AT_FDCWD, "f", set, 0) == 0);
    CHECK(stat_of("f").st_atim.tv_nsec == 123456789 && stat_of("f").st_mtim.tv_nsec == 987654321);
    CHECK(stat_of("f").st_atim.tv_sec == 1234567890 && stat_of("f").st_mtim.tv_sec == 4102444800);
    struct timespec one[2] = { { 0, UTIME_OMIT }, { -1000, 5 } };
    CHECK(utimensat(AT_FDCWD, "f", one, 0) == 0);
    CHECK(stat_of("f").st_atim.tv_sec == 1234567890 && stat_of("f").st_mtim.tv_sec == -1000 && stat_of("f").st_mtim.tv_nsec == 5);
    struct timespec changed = stat_of("f").st_ctim;
    usleep(20000);
    CHECK(chmod("f", 0600) == 0);
    CHECK(later(stat_of("f").st_ctim, changed));
    struct timespec written = stat_of("f").st_mtim, here = stat_of(".").st_mtim;
    write_text("f", "again");
    CHECK(later(stat_of("f").st_mtim, written));
    usleep(20000);
    write_text("g", "new");
    CHECK(later(stat_of(".").st_mtim, here));
    here = stat_of(".").st_mtim;
    usleep(20000);
    CHECK(unlink("g") == 0);
    CHECK(later(stat_of(".").st_mtim, here));
    CHECK(symlink("f", "s") == 0 && utimensat(AT_FDCWD, "s", set, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(stat_of("s").st_mtim.tv_nsec == 987654321);
}

static void birth_time(int count, char **arguments)
{
    (void)count, (void)arguments;
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    write_text("f", "x");
    clock_gettime(CLOCK_REALTIME, &after);
    usleep(20000);
    write_text("f", "y");
    struct statx found;
    CHECK(statx(AT_FDCWD, "f", 0, STATX_BTIME | STATX_BASIC_STATS, &found) == 0);
    CHECK(found.stx_mask & STATX_BTIME);
    CHECK(found.stx_btime.tv_sec >= before.tv_sec - 1 && found.stx_btime.tv_sec <= after.tv_sec);
    struct timespec born = { found.stx_btime.tv_sec, found.stx_btime.tv_nsec };
    CHECK(later(stat_of("f").st_mtim, born));
}

static void write_as_somebody(void *name)
{
    become_somebody();
    int file = open(name, O_WRONLY);
    CHECK(file >= 0);
    write_all(file, "x", 1, 0);
}

static void privileges_are_cleared(int count, char **arguments)
{
    (void)count, (void)arguments;
    CHECK(chmod(".", 0777) == 0);
    write_text("f", "program");
    CHECK(chmod("f", 06777) == 0 && mode_of("f") == 06777);
    in_child(write_as_somebody, "f");
    CHECK(mode_of("f") == 0777);
    CHECK(chmod("f", 06777) == 0 && chown("f", somebody, somebodys_group) == 0);
    CHECK(mode_of("f") == 0777);
    CHECK(chmod("f", 04777) == 0 && truncate("f", 3) == 0); /* root keeps them */
    write_text("g", "capable");
    CHECK(chmod("g", 0777) == 0);
    unsigned char capability[20] = { 1, 0, 0, 2, 0, 4 };
    CHECK(setxattr("g", "security.capability", capability, sizeof capability, 0) == 0);
    in_child(write_as_somebody, "g");
    char value[32];
    FAILS_WITH(getxattr("g", "security.capability", value, sizeof value), ENODATA);
}

static void make_as_somebody(void *unused)
{
    (void)unused;
    become_somebody();
    write_text("shared/f", "x");
    CHECK(mkdir("shared/d", 0755) == 0);
    write_text("own", "x");
}

static void owners_of_new_nodes(int count, char **arguments)
{
    (void)count, (void)arguments;
    CHECK(chmod(".", 0777) == 0 && mkdir("shared", 0777) == 0);
    CHECK(chown("shared", 0, 777) == 0 && chmod("shared", 02777) == 0);
    in_child(make_as_somebody, NULL);
    CHECK(stat_of("own").st_uid == somebody && stat_of("own").st_gid == somebodys_group);
    CHECK(stat_of("shared/f").st_uid == somebody && stat_of("shared/f").st_gid == 777);
    CHECK(stat_of("shared/d").st_gid == 777 && mode_of("shared/d") == 02755);
}

static void try_what_is_forbidden(void *unused)
{
    (void)unused;
    become_somebody();
    FAILS_WITH(open("private/f", O_RDONLY), EACCES);
    FAILS_WITH(open("readable", O_WRONLY), EACCES);
    check_text("readable", "r");
    FAILS_WITH(unlink("sticky/roots"), EPERM);
    FAILS_WITH(rename("sticky/roots", "sticky/mine"), EPERM);
    write_text("sticky/mine", "m");
    CHECK(unlink("sticky/mine") == 0);
    FAILS_WITH(chmod("readable", 0777), EPERM);
    FAILS_WITH(chown("readable", somebody, -1), EPERM);
    CHECK(access("readable", R_OK) == 0);
    FAILS_WITH(access("readable", W_OK), EACCES);
    FAILS_WITH(mkdir("x", 0755), EACCES);
}

static void permissions(int count, char **arguments)
{
    (void)count, (void)arguments;
    CHECK(mkdir("private", 0700) == 0 && mkdir("sticky", 0755) == 0 && chmod("sticky", 01777) == 0);
    write_text("private/f", "p");
    write_text("readable", "r");
    write_text("sticky/roots", "s");
    in_child(try_what_is_forbidden, NULL);
}

static void extended_attributes(int count, char **arguments)
{
    (void)count, (void)arguments;
    char value[65536], list[65536];
    write_text("f", "x");
    CHECK(setxattr("f", "user.a", "one", 3, XATTR_CREATE) == 0);
    FAILS_WITH(setxattr("f", "user.a", "two", 3, XATTR_CREATE), EEXIST);
    FAILS_WITH(setxattr("f", "user.b", "two", 3, XATTR_REPLACE), ENODATA);
    CHECK(setxattr("f", "user.a", "longer", 6, XATTR_REPLACE) == 0);
    CHECK(setxattr("f", "trusted.t", "t", 1, 0) == 0 && setxattr("f", "security.s", "s", 1, 0) == 0);
    CHECK(setxattr("f", "user.empty", "", 0, 0) == 0);
    CHECK(getxattr("f", "user.a", NULL, 0) == 6);
    FAILS_WITH(getxattr("f", "user.a", value, 5), ERANGE);
    CHECK(getxattr("f", "user.a", value, 6) == 6 && memcmp(value, "longer", 6) == 0);
    CHECK(getxattr("f", "user.empty", value, 6) == 0);
    FAILS_WITH(getxattr("f", "user.none", value, 6), ENODATA);
    ssize_t length = listxattr("f", list, sizeof list);
    int names = 0;
    for (char *name = list; name < list + length; name += strlen(name) + 1)
        names += strcmp(name, "user.a") == 0 || strcmp(name, "trusted.t") == 0 || strcmp(name, "security.s") == 0
            || strcmp(name, "user.empty") == 0;
    CHECK(names == 4);
    FAILS_WITH(listxattr("f", list, 3), ERANGE);
    CHECK(removexattr("f", "user.a") == 0);
    FAILS_WITH(removexattr("f", "user.a"), ENODATA);
    memset(value, 'v', sizeof value);
    CHECK(setxattr("f", "user.large", value, 3000, 0) == 0 && getxattr("f", "user.large", list, sizeof list) == 3000);
    CHECK(memcmp(value, list, 3000) == 0);
    char name[300] = "user.";
    memset(name + 5, 'n', 250);
    name[255] = 0;
    CHECK(setxattr("f", name, "long", 4, 0) == 0 && getxattr("f", name, list, sizeof list) == 4);
    CHECK(symlink("f", "s") == 0 && lsetxattr("s", "trusted.link", "l", 1, 0) == 0);
    CHECK(getxattr("f", "trusted.link", value, 1) == -1);
    CHECK(mkdir("d", 0755) == 0 && setxattr("d", "user.d", "d", 1, 0) == 0);
}

const struct scenario attribute_scenarios[] = {
    { "times", times },
    { "birth-time", birth_time },
    { "privileges-are-cleared", privileges_are_cleared },
    { "owners-of-new-nodes", owners_of_new_nodes },
    { "permissions", permissions },
    { "extended-attributes", extended_attributes },
    { NULL, NULL },
};
