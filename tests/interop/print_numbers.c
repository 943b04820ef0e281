/*
 * print_numbers: reads doubles as bit patterns of 16 hexadecimal digits, one a line, and prints what the canonical form
 * makes of each, one a line. A line that is no bit pattern ends it with status 2.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/hex.h"
#include "util/num.h"

int main(void)
{
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint8_t bytes[8];
        char text[NUM_TEXT_MAX];
        uint64_t bits = 0;
        double value;
        if (!hex_decode((struct span){line, strcspn(line, "\n")}, bytes, sizeof bytes))
            return 2;
        for (size_t i = 0; i < sizeof bytes; i++)
            bits = bits << 8 | bytes[i];
        memcpy(&value, &bits, sizeof value);
        num_format_double(value, text);
        puts(text);
    }
    return 0;
}
