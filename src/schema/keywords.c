/*
 * keywords: the table. Sorted by name, for bisection.
 */
#include "schema/keywords.h"

#include "util/macros.h"

enum { FIRST = 0, CHEAP = 10, NORMAL = 20, WIDE = 30, LAST = 40 };

#define CORE VOCABULARY_CORE
#define APPLY VOCABULARY_APPLICATOR
#define JUDGE VOCABULARY_VALIDATION

static const struct rule rules[] = {
    {"$defs", IN_BOTH, CORE, HOLDS_MAP, FIRST, NULL, NULL},
    {"$dynamicRef", IN_2020_12, CORE, HOLDS_NOTHING, WIDE, compile_dynamic_ref, CODE_SCHEMA_REF},
    {"$ref", IN_BOTH, CORE, HOLDS_NOTHING, WIDE, compile_ref, CODE_SCHEMA_REF},
    {"additionalItems", IN_07, APPLY, HOLDS_SCHEMA, NORMAL, compile_items, CODE_SCHEMA_ITEMS},
    {"additionalProperties", IN_BOTH, APPLY, HOLDS_SCHEMA, NORMAL, compile_members, CODE_SCHEMA_ADDITIONAL_PROPERTIES},
    {"allOf", IN_BOTH, APPLY, HOLDS_LIST, WIDE, compile_all_of, NULL},
    {"anyOf", IN_BOTH, APPLY, HOLDS_LIST, WIDE, compile_any_of, CODE_SCHEMA_ANY_OF},
    {"const", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_const, CODE_SCHEMA_CONST},
    {"contains", IN_BOTH, APPLY, HOLDS_SCHEMA, NORMAL, compile_contains, CODE_SCHEMA_CONTAINS},
    {"definitions", IN_BOTH, CORE, HOLDS_MAP, FIRST, NULL, NULL},
    {"dependencies", IN_BOTH, APPLY, HOLDS_MAP, WIDE, compile_dependencies, CODE_SCHEMA_DEPENDENT_REQUIRED},
    {"dependentRequired", IN_2020_12, JUDGE, HOLDS_NOTHING, CHEAP, compile_dependencies,
     CODE_SCHEMA_DEPENDENT_REQUIRED},
    {"dependentSchemas", IN_2020_12, APPLY, HOLDS_MAP, WIDE, compile_dependencies, CODE_SCHEMA_DEPENDENT_REQUIRED},
    {"else", IN_BOTH, APPLY, HOLDS_SCHEMA, WIDE, NULL, NULL}, /* by compile_if */
    {"enum", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_enum, CODE_SCHEMA_ENUM},
    {"exclusiveMaximum", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_exclusive_maximum,
     CODE_SCHEMA_EXCLUSIVE_MAXIMUM},
    {"exclusiveMinimum", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_exclusive_minimum,
     CODE_SCHEMA_EXCLUSIVE_MINIMUM},
    {"format", IN_BOTH, VOCABULARY_FORMAT | VOCABULARY_FORMAT_ASSERT, HOLDS_NOTHING, NORMAL, compile_format,
     CODE_SCHEMA_FORMAT},
    {"if", IN_BOTH, APPLY, HOLDS_SCHEMA, WIDE, compile_if, NULL},
    {"items", IN_BOTH, APPLY, HOLDS_EITHER, NORMAL, compile_items, CODE_SCHEMA_ITEMS},
    {"maxContains", IN_2020_12, JUDGE, HOLDS_NOTHING, NORMAL, NULL, NULL}, /* by compile_contains */
    {"maxItems", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_max_items, CODE_SCHEMA_MAX_ITEMS},
    {"maxLength", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_max_length, CODE_SCHEMA_MAX_LENGTH},
    {"maxProperties", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_max_properties, CODE_SCHEMA_MAX_PROPERTIES},
    {"maximum", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_maximum, CODE_SCHEMA_MAXIMUM},
    {"minContains", IN_2020_12, JUDGE, HOLDS_NOTHING, NORMAL, NULL, NULL}, /* by compile_contains */
    {"minItems", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_min_items, CODE_SCHEMA_MIN_ITEMS},
    {"minLength", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_min_length, CODE_SCHEMA_MIN_LENGTH},
    {"minProperties", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_min_properties, CODE_SCHEMA_MIN_PROPERTIES},
    {"minimum", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_minimum, CODE_SCHEMA_MINIMUM},
    {"multipleOf", IN_BOTH, JUDGE, HOLDS_NOTHING, NORMAL, compile_multiple_of, CODE_SCHEMA_MULTIPLE_OF},
    {"not", IN_BOTH, APPLY, HOLDS_SCHEMA, WIDE, compile_not, CODE_SCHEMA_NOT},
    {"oneOf", IN_BOTH, APPLY, HOLDS_LIST, WIDE, compile_one_of, CODE_SCHEMA_ONE_OF},
    {"pattern", IN_BOTH, JUDGE, HOLDS_NOTHING, NORMAL, compile_pattern_keyword, CODE_SCHEMA_PATTERN},
    {"patternProperties", IN_BOTH, APPLY, HOLDS_MAP, NORMAL, compile_members, CODE_SCHEMA_ADDITIONAL_PROPERTIES},
    {"prefixItems", IN_2020_12, APPLY, HOLDS_LIST, NORMAL, compile_items, CODE_SCHEMA_ITEMS},
    {"properties", IN_BOTH, APPLY, HOLDS_MAP, NORMAL, compile_members, CODE_SCHEMA_ADDITIONAL_PROPERTIES},
    {"propertyNames", IN_BOTH, APPLY, HOLDS_SCHEMA, NORMAL, compile_property_names, CODE_SCHEMA_PROPERTY_NAMES},
    {"required", IN_BOTH, JUDGE, HOLDS_NOTHING, CHEAP, compile_required, CODE_SCHEMA_REQUIRED},
    {"then", IN_BOTH, APPLY, HOLDS_SCHEMA, WIDE, NULL, NULL}, /* by compile_if */
    {"type", IN_BOTH, JUDGE, HOLDS_NOTHING, FIRST, compile_type, CODE_SCHEMA_TYPE},
    {"unevaluatedItems", IN_2020_12, VOCABULARY_UNEVALUATED, HOLDS_SCHEMA, LAST, compile_unevaluated_items,
     CODE_SCHEMA_UNEVALUATED_ITEMS},
    {"unevaluatedProperties", IN_2020_12, VOCABULARY_UNEVALUATED, HOLDS_SCHEMA, LAST, compile_unevaluated_properties,
     CODE_SCHEMA_UNEVALUATED_PROPERTIES},
    {"uniqueItems", IN_BOTH, JUDGE, HOLDS_NOTHING, NORMAL, compile_unique_items, CODE_SCHEMA_UNIQUE_ITEMS},
};

static int compare_names(struct span name, const char *other)
{
    size_t len = strlen(other), shorter = name.len < len ? name.len : len;
    int order = memcmp(name.data, other, shorter);
    return order != 0 ? order : (name.len > len) - (name.len < len);
}

const struct rule *rule_find(struct span name, const struct dialect *dialect)
{
    uint8_t draft = dialect->draft == SCHEMA_DRAFT_07 ? IN_07 : IN_2020_12;
    size_t low = 0, high = ARRAY_LEN(rules);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(name, rules[middle].name);
        if (order == 0) {
            bool is_known = (rules[middle].drafts & draft) != 0 &&
                            (rules[middle].vocabulary & dialect->vocabularies) != 0;
            return is_known ? &rules[middle] : NULL;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
