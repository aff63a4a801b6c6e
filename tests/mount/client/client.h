/* The client side of the mount tests: small programs that use the filesystem as applications do and say what is wrong. */
#ifndef CLIENT_H
#define CLIENT_H

#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* A scenario runs in the directory it was given; arguments are those after it. Returns only when everything was as it should be. */
typedef void scenario_function(int count, char **arguments);

struct scenario {
    const char *name;
    scenario_function *run;
};

extern const struct scenario name_scenarios[], data_scenarios[], attribute_scenarios[], load_scenarios[], agent_scenarios[];

_Noreturn void fail(const char *file, int line, const char *what);

#define CHECK(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, #condition))
#define FAILS_WITH(call, error) (errno = 0, CHECK((call) == -1), CHECK(errno == (error)))

long long number(const char *text);
int create_file(const char *name);
void write_text(const char *name, const char *text);
void check_text(const char *name, const char *text);
void write_all(int file, const void *data, size_t length, off_t offset);
void read_all(int file, void *data, size_t length, off_t offset);

/* Bytes that follow from seed and place alone, so that any part can be checked without keeping it. */
void fill(unsigned char *data, size_t length, uint64_t seed, uint64_t offset);
void check_fill(const unsigned char *data, size_t length, uint64_t seed, uint64_t offset, const char *name);

/* Runs function in a child; waits for it and passes its failure on. */
void in_child(void (*function)(void *), void *argument);

#endif
