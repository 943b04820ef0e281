/*
 * fuzz_import: what is taken over from a .env or a TOML file (the first byte chooses) can be written as YAML and read
 * back as the same value; what is refused has a code and words.
 */
#include <stdint.h>

#include "io/yaml.h"
#include "model/dotenv.h"
#include "model/spell.h"
#include "model/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yaml_options options = {.file = "a.yaml", .limits = {64, 100000, 256 * 1024}};
    struct doc doc AUTO_DOC = {0}, again AUTO_DOC = {0};
    struct buf out AUTO_BUF = {0};
    struct findings findings AUTO_FINDINGS = {0};
    struct error err = {0};
    if (size == 0 || size > 16384)
        return 0;
    struct span text = {(const char *)data + 1, size - 1};
    int rc = data[0] % 2 == 0 ? dotenv_read(text, "a.env", &doc, &err) : toml_read(text, "a.toml", &doc, &err);
    if (rc != 0) {
        must(err.code != NULL && err.message[0] != '\0');
        return 0;
    }
    must(spell_document(doc.root, &out, &err) == 0);
    must(yaml_read(buf_span(&out), &options, &again, &findings, &err) == 0);
    must(again.root != NULL && doc_equal(doc.root, again.root) && findings.warnings == 0);
    return 0;
}
