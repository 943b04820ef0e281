/*
 * fuzz_layers: a whole revision: epoch.yaml, a base, a patch, a schema and two services, with the byte 1E between them. What is
 * accepted is canonical and within the limits, and judged once more over itself it changes nothing and reads nothing.
 */
#include <stdint.h>
#include <string.h>

#include "config/candidate.h"
#include "model/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEPARATOR = 0x1E };

static const char *const folders[] = {NULL, "bases", "profiles/quiet", "schemas", "services", "services"};
static const char *const names[] = {"epoch.yaml", "common.yaml", "stt-worker.yaml", "stt-worker.yaml", "stt-worker.yaml", "tts.yaml"};
enum { PARTS = sizeof names / sizeof names[0] };

struct revision_text {
    struct source source; /* first: what is judged */
    struct span parts[PARTS];
    size_t reads;
};

static void check(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static int read_part(const struct source *source, const char *path, const struct listing_entry *entry, struct buf *out,
                     struct error *err)
{
    struct revision_text *text = (struct revision_text *)(uintptr_t)source;
    (void)entry;
    text->reads++;
    for (size_t i = 0; i < PARTS; i++) {
        char whole[128];
        snprintf(whole, sizeof whole, "%s%s%s", folders[i] == NULL ? "" : folders[i], folders[i] == NULL ? "" : "/", names[i]);
        if (strcmp(whole, path) == 0)
            buf_append_span(out, text->parts[i]);
    }
    return buf_check(out, err);
}

static struct oid id_of(struct span text)
{
    struct oid id;
    uint8_t digest[HASH_LEN];
    hash_sha256(text.data, text.len, digest);
    memcpy(id.bytes, digest, sizeof id.bytes);
    id.bytes[0] |= 1; /* never zero */
    return id;
}

static void add(struct listing *listing, const char *name, uint32_t mode, struct listing *folder, struct span text)
{
    struct error err;
    const struct oid id = id_of(text);
    check(listing_add(listing, span_of(name), mode, &id, folder, &err) == 0);
}

/* A folder of those parts that are there; its id is that of the whole input: alike only if all is. */
static struct listing *folder_of(const struct revision_text *text, const char *folder, struct span whole)
{
    const struct oid id = id_of(whole);
    struct listing *listing = listing_new(&id);
    for (size_t i = 0; listing != NULL && i < PARTS; i++)
        if (text->parts[i].data != NULL && folders[i] != NULL && strcmp(folders[i], folder) == 0)
            add(listing, names[i], LAYOUT_MODE_FILE, NULL, text->parts[i]);
    check(listing != NULL);
    listing_finish(listing);
    return listing;
}

static struct listing *list(const struct revision_text *text, struct span whole)
{
    const struct oid id = id_of(whole);
    struct listing *top = listing_new(&id), *profiles = listing_new(&id);
    check(top != NULL && profiles != NULL);
    if (text->parts[0].data != NULL)
        add(top, names[0], LAYOUT_MODE_FILE, NULL, text->parts[0]);
    add(top, "bases", LAYOUT_MODE_DIR, folder_of(text, "bases", whole), whole);
    if (text->parts[2].data != NULL) {
        add(profiles, "quiet", LAYOUT_MODE_DIR, folder_of(text, "profiles/quiet", whole), whole);
        listing_finish(profiles);
        add(top, "profiles", LAYOUT_MODE_DIR, listing_ref(profiles), whole);
    }
    listing_unref(profiles);
    add(top, "schemas", LAYOUT_MODE_DIR, folder_of(text, "schemas", whole), whole);
    add(top, "services", LAYOUT_MODE_DIR, folder_of(text, "services", whole), whole);
    listing_finish(top);
    return top;
}

static void check_config(const struct candidate_service *service)
{
    const struct json_options options = {.file = "config", .limits = doc_limits_config};
    struct doc doc AUTO_DOC = {0};
    struct error err;
    check(json_read(service->config, &options, &doc, &err) == 0);
    check(doc.root->kind == DOC_OBJECT && json_is_canonical(doc.root, service->config));
}

static struct catalog *put_in_force(const struct candidate *candidate)
{
    struct catalog_change changes[PARTS];
    struct catalog *empty AUTO_CATALOG = catalog_new();
    struct catalog *all = NULL;
    struct error err;
    check(empty != NULL && candidate->len <= PARTS);
    for (size_t i = 0; i < candidate->len; i++) {
        const struct candidate_service *service = &candidate->services[i];
        check_config(service);
        changes[i].service = service_new(service->name, service->path, 1, service->config, service->config);
        check(changes[i].service != NULL);
        changes[i].name = changes[i].service->name;
    }
    check(catalog_with(empty, changes, candidate->len, &all, &err) == 0);
    for (size_t i = 0; i < candidate->len; i++)
        service_unref(changes[i].service);
    return all;
}

static void judge_again(struct revision_text *text, const struct candidate *first)
{
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings AUTO_FINDINGS findings = {0};
    struct catalog *in_force AUTO_CATALOG = put_in_force(first);
    struct candidate_base base = {.before = first->listing, .in_force = in_force, .environment = first->environment};
    struct error err;
    text->reads = 0;
    check(candidate_judge(&text->source, &base, &candidate, &findings, &err) == 0);
    check(findings.errors == 0 && candidate.len == 0 && candidate.touched_len == 0 && text->reads == 0);
    check(candidate.environment == first->environment);
    candidate_fini(&candidate);
    base.reads_all = true;
    check(candidate_judge(&text->source, &base, &candidate, &findings, &err) == 0);
    check(findings.errors == 0 && candidate.len == 0 && candidate.touched_len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span whole = {(const char *)data, size};
    const char *at = whole.data, *end = at + size;
    struct revision_text text = {.source = {.read = read_part, .work_dir = -1}};
    struct candidate candidate AUTO_CANDIDATE = {0};
    struct findings AUTO_FINDINGS findings = {0};
    const struct candidate_base nothing = {0};
    struct error err;
    if (size == 0)
        return 0;
    for (size_t i = 0; i < PARTS && at != NULL; i++) {
        const char *stop = memchr(at, SEPARATOR, (size_t)(end - at));
        text.parts[i] = (struct span){at, (size_t)((stop == NULL ? end : stop) - at)};
        if (text.parts[i].len == 0)
            text.parts[i].data = NULL; /* it is not there */
        at = stop == NULL ? NULL : stop + 1;
    }
    text.source.listing = list(&text, whole);
    check(candidate_judge(&text.source, &nothing, &candidate, &findings, &err) == 0);
    check((findings.errors == 0) == (candidate.listing != NULL));
    if (findings.errors == 0)
        judge_again(&text, &candidate);
    listing_unref(text.source.listing);
    return 0;
}
