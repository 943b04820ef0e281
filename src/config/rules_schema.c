/*
 * rules_schema: what epoch.yaml may look like, as a JSON Schema: the one that judges it is the one that editors get.
 */
#include "config/rules_priv.h"

#include "model/json.h"
#include "schema/schema.h"

#define RULES_URI "https://epochd.invalid/epoch.yaml"

#define NAME "\"^[a-z][a-z0-9-]{0,62}$\""
#define WHO "\"^([a-z][a-z0-9-]*|[a-z][a-z0-9-]*\\\\*[a-z0-9-]*|\\\\*[a-z0-9-]*)$\""

/* clang-format off */
const char rules_schema[] =
"{\n"
"  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
"  \"title\": \"epoch.yaml\",\n"
"  \"description\": \"The settings of a configuration repository that belong to its history.\",\n"
"  \"type\": \"object\",\n"
"  \"additionalProperties\": false,\n"
"  \"properties\": {\n"
"    \"profile\": {\n"
"      \"description\": \"The active profile: profiles/<profile>/<service>.yaml is laid over each service it has a file for.\",\n"
"      \"$ref\": \"#/$defs/name\"\n"
"    },\n"
"    \"schemas\": {\n"
"      \"description\": \"Which schema a service has: the exact name, then the longest pattern, else the schema of the service's name.\",\n"
"      \"type\": \"object\",\n"
"      \"propertyNames\": {\"$ref\": \"#/$defs/who\"},\n"
"      \"additionalProperties\": {\"$ref\": \"#/$defs/name\"},\n"
"      \"examples\": [{\"stt-*\": \"speech\"}]\n"
"    },\n"
"    \"bases\": {\n"
"      \"description\": \"The values that services share, bases/<base>.yaml. All that match count: a shorter pattern lies lower, the exact name on top.\",\n"
"      \"type\": \"object\",\n"
"      \"propertyNames\": {\"$ref\": \"#/$defs/who\"},\n"
"      \"additionalProperties\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/name\"}, \"maxItems\": 16, \"uniqueItems\": true},\n"
"      \"examples\": [{\"*\": [\"common\"], \"stt-*\": [\"audio\"]}]\n"
"    },\n"
"    \"require_schema\": {\n"
"      \"description\": \"Whether a service without a schema is refused.\",\n"
"      \"type\": \"boolean\",\n"
"      \"default\": false\n"
"    },\n"
"    \"policy\": {\n"
"      \"type\": \"object\",\n"
"      \"additionalProperties\": false,\n"
"      \"properties\": {\n"
"        \"breaking\": {\n"
"          \"description\": \"What becomes of a commit that changes a schema so that a valid value may be valid no more.\",\n"
"          \"enum\": [\"allow\", \"warn\", \"refuse\"],\n"
"          \"default\": \"warn\"\n"
"        }\n"
"      }\n"
"    },\n"
"    \"consumers\": {\n"
"      \"description\": \"How many instances of a service are expected to apply an epoch.\",\n"
"      \"type\": \"object\",\n"
"      \"propertyNames\": {\"$ref\": \"#/$defs/name\"},\n"
"      \"additionalProperties\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 10000},\n"
"      \"examples\": [{\"stt-worker\": 1}]\n"
"    }\n"
"  },\n"
"  \"$defs\": {\n"
"    \"name\": {\n"
"      \"type\": \"string\",\n"
"      \"pattern\": " NAME ",\n"
"      \"patternErrorMessage\": \"must be a name: small letters, digits and '-', a letter first, at most 63\"\n"
"    },\n"
"    \"who\": {\n"
"      \"description\": \"A service, or a pattern with one * for any run of characters.\",\n"
"      \"maxLength\": 64,\n"
"      \"pattern\": " WHO ",\n"
"      \"patternErrorMessage\": \"must be the name of a service (small letters, digits and '-', a letter first), or one with a single * in it\"\n"
"    }\n"
"  }\n"
"}\n";
/* clang-format on */

/* The text is ours: that it is a good schema is for a test to say. */
static int compile(struct schema_set *set, struct findings *findings, struct error *err)
{
    const struct json_options options = {.file = RULES_FILE, .limits = doc_limits_config};
    struct doc doc AUTO_DOC = {0};
    if (json_read(span_of(rules_schema), &options, &doc, err) < 0 || schema_set_add(set, RULES_URI, &doc, err) < 0)
        return -1;
    return schema_set_compile(set, findings, err);
}

int rules_judge(const struct doc_node *root, struct findings *findings, struct error *err)
{
    AUTO_SCHEMA_SET struct schema_set *set = NULL;
    if (schema_set_new(&set, err) < 0 || compile(set, findings, err) < 0)
        return -1;
    const struct schema *schema = schema_set_find(set, RULES_URI);
    return schema == NULL ? findings_check(findings, err) : schema_validate(schema, root, NULL, findings, err);
}
