/*
 * codes: the table of model/codes.def, made into names and rows.
 */
#include "model/codes.h"

#include <string.h>

#include "util/macros.h"

#define CODE(id, name, kind, meaning, remedy) const char CODE_##id[] = name;
#include "model/codes.def"
#undef CODE

const struct code code_table[] = {
#define CODE(id, name, kind, meaning, remedy) {name, kind, meaning, remedy},
#include "model/codes.def"
#undef CODE
};

const size_t code_table_len = ARRAY_LEN(code_table);

const struct code *code_find(const char *name)
{
    for (size_t i = 0; i < code_table_len; i++)
        if (strcmp(code_table[i].name, name) == 0)
            return &code_table[i];
    return NULL;
}
