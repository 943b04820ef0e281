/*
 * keywords: the one table of what schemas may say, and the functions behind its rows. Each file keyword_*.c
 * holds a group: how its keywords are compiled, and how a value is checked.
 */
#ifndef SCHEMA_KEYWORDS_H
#define SCHEMA_KEYWORDS_H

#include "schema/compile.h"

/* Where a keyword's value holds schemas. */
enum holds { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_EITHER, HOLDS_MAP };

enum { IN_2020_12 = 1, IN_07 = 2, IN_BOTH = 3 };

/*
 * Makes what is to be checked; false: nothing (the value is not what the metaschema asks for, or another
 * keyword does it). `out` comes with at, code and order filled in.
 */
typedef bool keyword_compile(struct compiling *c, const struct doc_node *at, struct keyword *out);

struct rule {
    const char *name;
    uint8_t drafts;
    uint8_t vocabulary; /* any of these bits */
    enum holds holds;
    uint8_t order; /* cheap ones first; unevaluated* after everything that evaluates */
    keyword_compile *compile; /* NULL: nothing to check */
    const char *code;
};

/* NULL if the dialect has no such keyword. */
const struct rule *rule_find(struct span name, const struct dialect *dialect);

keyword_compile compile_type, compile_enum, compile_const;
keyword_compile compile_minimum, compile_maximum, compile_exclusive_minimum, compile_exclusive_maximum,
    compile_multiple_of;
keyword_compile compile_min_length, compile_max_length, compile_pattern_keyword, compile_format;
keyword_compile compile_items, compile_contains, compile_min_items, compile_max_items, compile_unique_items;
keyword_compile compile_members, compile_required, compile_min_properties, compile_max_properties,
    compile_property_names, compile_dependencies;
keyword_compile compile_all_of, compile_any_of, compile_one_of, compile_not, compile_if;
keyword_compile compile_ref, compile_dynamic_ref;
keyword_compile compile_unevaluated_items, compile_unevaluated_properties;

/* Functions that others look for (schema_keyword). */
typedef bool keyword_check(struct run *run, const struct keyword *keyword, const struct place *place);
keyword_check check_members, check_items, check_ref, check_dynamic_ref, check_all_of, check_any_of, check_one_of,
    check_if, check_dependencies, check_enum, check_const, check_unevaluated_items, check_unevaluated_properties;

#endif
