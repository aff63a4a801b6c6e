#include "client.h"

static const struct scenario *const groups[] = {
    name_scenarios, data_scenarios, attribute_scenarios, load_scenarios, agent_scenarios,
};

_Noreturn void fail(const char *file, int line, const char *what)
{
    int error = errno;
    fprintf(stderr, "%s:%d: not true: %s (errno %d, %s)\n", file, line, what, error, strerror(error));
    exit(1);
}

long long number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 0);
    CHECK(*text && !*end);
    return value;
}

int create_file(const char *name)
{
    int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    CHECK(file >= 0);
    return file;
}

void write_text(const char *name, const char *text)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(file >= 0);
    write_all(file, text, strlen(text), 0);
    CHECK(close(file) == 0);
}

void check_text(const char *name, const char *text)
{
    char buffer[4096];
    int file = open(name, O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0);
    ssize_t count = read(file, buffer, sizeof buffer);
    CHECK(count == (ssize_t)strlen(text));
    CHECK(memcmp(buffer, text, count) == 0);
    close(file);
}

void write_all(int file, const void *data, size_t length, off_t offset)
{
    for (size_t done = 0; done < length;) {
        ssize_t count = pwrite(file, (const char *)data + done, length - done, offset + done);
        CHECK(count > 0);
        done += count;
    }
}

void read_all(int file, void *data, size_t length, off_t offset)
{
    for (size_t done = 0; done < length;) {
        ssize_t count = pread(file, (char *)data + done, length - done, offset + done);
        CHECK(count > 0);
        done += count;
    }
}

static uint64_t word_at(uint64_t seed, uint64_t index)
{
    uint64_t word = (seed + 1) * 0x9e3779b97f4a7c15u + index * 0xbf58476d1ce4e5b9u;
    word ^= word >> 31;
    word *= 0x94d049bb133111ebu;
    return word ^ word >> 29;
}

void fill(unsigned char *data, size_t length, uint64_t seed, uint64_t offset)
{
    for (size_t done = 0; done < length;) {
        uint64_t word = word_at(seed, (offset + done) / 8);
        size_t skip = (offset + done) % 8, part = 8 - skip;
        if (part > length - done)
            part = length - done;
        memcpy(data + done, (unsigned char *)&word + skip, part);
        done += part;
    }
}

void check_fill(const unsigned char *data, size_t length, uint64_t seed, uint64_t offset, const char *name)
{
    static unsigned char expected[1 << 16];
    for (size_t done = 0; done < length;) {
        size_t part = length - done < sizeof expected ? length - done : sizeof expected;
        fill(expected, part, seed, offset + done);
        if (memcmp(expected, data + done, part) != 0) {
            size_t at = 0;
            while (expected[at] == data[done + at])
                at++;
            fprintf(stderr, "%s: wrong byte at %llu: expected %02x, found %02x\n", name,
                    (unsigned long long)(offset + done + at), expected[at], data[done + at]);
            exit(1);
        }
        done += part;
    }
}

void in_child(void (*function)(void *), void *argument)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        function(argument);
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int count, char **arguments)
{
    if (count < 3) {
        fprintf(stderr, "usage: client SCENARIO DIRECTORY [ARGUMENT...]\n");
        return 2;
    }
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    for (size_t group = 0; group < sizeof groups / sizeof *groups; group++) {
        for (const struct scenario *scenario = groups[group]; scenario->name; scenario++) {
            if (strcmp(scenario->name, arguments[1]) != 0)
                continue;
            CHECK(chdir(arguments[2]) == 0);
            scenario->run(count - 3, arguments + 3);
            return 0;
        }
    }
    fprintf(stderr, "no scenario %s\n", arguments[1]);
    return 2;
}
