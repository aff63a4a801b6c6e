#include "client.h"

_Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

int main(int count, char **arguments)
{
    umask(022);
    if (count > 2 && strcmp(arguments[1], "cut") == 0)
        return cut(count - 2, arguments + 2);
    if (count == 4 && chdir(arguments[2]) < 0)
        fail(arguments[2]);
    if (count == 4 && strcmp(arguments[1], "agent") == 0)
        return agent(strtoul(arguments[3], NULL, 10));
    if (count == 4 && strcmp(arguments[1], "scan") == 0)
        return scan(strtoul(arguments[3], NULL, 10));
    fprintf(stderr, "usage: client agent|scan DIRECTORY WRITER | client cut DISK...\n");
    return 2;
}
