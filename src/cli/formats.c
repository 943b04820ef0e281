/*
 * formats: see formats.h.
 */
#include "cli/formats.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "model/codes.h"
#include "model/hash.h"
#include "model/json_text.h"
#include "util/hex.h"

static bool is_error(const struct finding *finding)
{
    return finding->severity == FINDING_ERROR;
}

/* --- for people ----------------------------------------------------------------------------------------- */

static void put_lines(const struct findings *findings, enum finding_severity severity, size_t max,
                      struct buf *out)
{
    size_t all = severity == FINDING_ERROR ? findings->errors : findings->warnings, told = 0;
    for (size_t i = 0; i < findings->len && told < max; i++) {
        if (findings->items[i].severity != severity)
            continue;
        finding_format(&findings->items[i], out);
        buf_putc(out, '\n');
        told++;
    }
    if (told < all)
        buf_printf(out, "and %zu more %s%s\n", all - told, severity == FINDING_ERROR ? "error" : "warning",
                   plural(all - told));
}

void formats_put_text(const struct findings *findings, struct buf *out)
{
    put_lines(findings, FINDING_ERROR, FINDINGS_MAX, out);
    put_lines(findings, FINDING_WARNING, FORMATS_WARNINGS_MAX, out);
}

void formats_print(const struct findings *findings)
{
    struct buf text AUTO_BUF = {0};
    formats_put_text(findings, &text);
    if (text.len > 0)
        fwrite(text.data, 1, text.len, stderr);
}

/* --- SARIF ---------------------------------------------------------------------------------------------- */

/* A URI reference (RFC 3986): what is neither unreserved nor a slash is percent-encoded. */
static void put_uri(const char *path, struct buf *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    buf_putc(out, '"');
    for (const char *c = path; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL)
            buf_putc(out, *c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    }
    buf_putc(out, '"');
}

static bool is_first_of_its_code(const struct findings *findings, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(findings->items[i].code, findings->items[index].code) == 0)
            return false;
    return true;
}

static void put_rules(const struct findings *findings, struct buf *out)
{
    bool is_first = true;
    for (size_t i = 0; i < findings->len; i++) {
        if (!is_first_of_its_code(findings, i))
            continue;
        const struct code *code = code_find(findings->items[i].code);
        buf_puts(out, is_first ? "{\"id\":" : ",{\"id\":");
        json_put_text(out, findings->items[i].code);
        if (code != NULL) {
            buf_puts(out, ",\"help\":{\"text\":");
            json_put_text(out, code->remedy);
            buf_puts(out, "},\"shortDescription\":{\"text\":");
            json_put_text(out, code->meaning);
            buf_putc(out, '}');
        }
        buf_putc(out, '}');
        is_first = false;
    }
}

static void put_result(const struct finding *finding, struct buf *out)
{
    buf_printf(out, "{\"level\":\"%s\",\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":",
               is_error(finding) ? "error" : "warning");
    put_uri(finding->file, out);
    buf_putc(out, '}');
    if (finding->pos.line > 0)
        buf_printf(out, ",\"region\":{\"startColumn\":%u,\"startLine\":%u}", finding->pos.column, finding->pos.line);
    buf_puts(out, "}}],\"message\":{\"text\":");
    json_put_text(out, finding->message);
    buf_puts(out, "},\"ruleId\":");
    json_put_text(out, finding->code);
    buf_putc(out, '}');
}

void formats_put_sarif(const struct findings *findings, struct buf *out)
{
    buf_puts(out, "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"runs\":[{\"columnKind\":\"unicodeCodePoints\","
                  "\"results\":[");
    for (size_t i = 0; i < findings->len; i++) {
        buf_puts(out, i == 0 ? "" : ",");
        put_result(&findings->items[i], out);
    }
    buf_puts(out, "],\"tool\":{\"driver\":{\"name\":\"epochctl\",\"rules\":[");
    put_rules(findings, out);
    buf_puts(out, "],\"version\":\"" EPOCHD_VERSION "\"}}}],\"version\":\"2.1.0\"}\n");
}

/* --- GitHub --------------------------------------------------------------------------------------------- */

/* In a property a colon and a comma have a meaning too. */
static void put_command_text(const char *text, bool is_property, struct buf *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool is_escaped = *c == '%' || *c == '\r' || *c == '\n' || (is_property && (*c == ':' || *c == ','));
        if (is_escaped)
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
        else
            buf_putc(out, *c);
    }
}

void formats_put_github(const struct findings *findings, struct buf *out)
{
    for (size_t i = 0; i < findings->len; i++) {
        const struct finding *finding = &findings->items[i];
        buf_printf(out, "::%s file=", is_error(finding) ? "error" : "warning");
        put_command_text(finding->file, true, out);
        if (finding->pos.line > 0)
            buf_printf(out, ",line=%u,col=%u", finding->pos.line, finding->pos.column);
        buf_puts(out, ",title=");
        put_command_text(finding->code, true, out);
        buf_puts(out, "::");
        put_command_text(finding->message, false, out);
        buf_putc(out, '\n');
    }
}

/* --- GitLab --------------------------------------------------------------------------------------------- */

/* Lines move while people edit above: the place is no part of it, but how many equal ones came before is. */
static void put_fingerprint(const struct findings *findings, size_t index, struct buf *out)
{
    const struct finding *finding = &findings->items[index];
    struct buf text AUTO_BUF = {0};
    uint8_t digest[HASH_LEN];
    char hex[2 * HASH_LEN + 1];
    size_t equal = 0;
    for (size_t i = 0; i < index; i++)
        equal += strcmp(findings->items[i].code, finding->code) == 0 && strcmp(findings->items[i].file, finding->file) == 0 &&
                 strcmp(findings->items[i].message, finding->message) == 0;
    buf_printf(&text, "%s\n%s\n%s\n%zu", finding->code, finding->file, finding->message, equal);
    hash_sha256(text.data, text.len, digest);
    hex_encode(digest, sizeof digest, hex);
    buf_puts(out, hex);
    out->failed |= text.failed;
}

void formats_put_gitlab(const struct findings *findings, struct buf *out)
{
    for (size_t i = 0; i < findings->len; i++) {
        const struct finding *finding = &findings->items[i];
        buf_puts(out, i == 0 ? "[{\"check_name\":" : ",{\"check_name\":");
        json_put_text(out, finding->code);
        buf_puts(out, ",\"description\":");
        json_put_text(out, finding->message);
        buf_puts(out, ",\"fingerprint\":\"");
        put_fingerprint(findings, i, out);
        buf_puts(out, "\",\"location\":{\"lines\":{\"begin\":");
        buf_printf(out, "%u},\"path\":", finding->pos.line > 0 ? finding->pos.line : 1);
        json_put_text(out, finding->file);
        buf_printf(out, "},\"severity\":\"%s\"}", is_error(finding) ? "major" : "minor");
    }
    buf_puts(out, findings->len == 0 ? "[]\n" : "]\n");
}
