#include "client.h"

static const uint64_t magic = 0x314b52414d534644u; /* "DFSMARK1" */

static uint64_t mix(uint64_t value)
{
    value ^= value >> 31;
    value *= 0x94d049bb133111ebu;
    return value ^ value >> 29;
}

static uint64_t check_of(uint32_t writer, uint64_t number, uint32_t size)
{
    return mix(magic + writer * 0x9e3779b97f4a7c15u + number * 0xbf58476d1ce4e5b9u + ((uint64_t)size << 32));
}

void write_mark(unsigned char *bytes, uint32_t writer, uint64_t number, uint32_t size)
{
    struct mark header = { magic, writer, size, number, check_of(writer, number, size) };
    memcpy(bytes, &header, sizeof header);
    for (uint32_t at = sizeof header; at < size; at += 8) {
        uint64_t word = mix(header.check + at);
        memcpy(bytes + at, &word, 8);
    }
}

size_t read_mark(const unsigned char *bytes, size_t length, uint32_t writer, struct mark *mark)
{
    if (length < sizeof *mark)
        return 0;
    memcpy(mark, bytes, sizeof *mark);
    if (mark->magic != magic || mark->writer != writer || mark->size > length || mark->size < sizeof *mark || mark->size % 8 != 0)
        return 0;
    if (mark->check != check_of(writer, mark->number, mark->size))
        return 0;
    for (uint32_t at = sizeof *mark; at < mark->size; at += 8) {
        uint64_t word = mix(mark->check + at);
        if (memcmp(bytes + at, &word, 8) != 0)
            return 0;
    }
    return mark->size;
}
