/*
 * dotenv: a .env file as the document it is taken over as, and what is refused at its place.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/codes.h"
#include "model/dotenv.h"
#include "model/json.h"

static void expect(const char *text, const char *json)
{
    struct doc doc AUTO_DOC = {0};
    struct buf out AUTO_BUF = {0};
    struct error err;
    if (dotenv_read(span_of(text), "old.env", &doc, &err) != 0)
        fail_msg("%s: %s", text, err.message);
    json_write(doc.root, &out);
    buf_putc(&out, '\0');
    assert_string_equal(out.data, json);
}

static void refuse(struct span text, const char *code, uint32_t line, uint32_t column)
{
    struct doc doc AUTO_DOC = {0};
    struct error err;
    assert_int_equal(dotenv_read(text, "old.env", &doc, &err), -1);
    assert_string_equal(err.code, code);
    assert_string_equal(err.file, "old.env");
    assert_int_equal(err.line, line);
    assert_int_equal(err.column, column);
}

static void dotenv__reads_names_and_values(void **state)
{
    (void)state;
    expect("", "{}");
    expect("A=b", "{\"A\":\"b\"}");
    expect("  A_1.x-y = b c \t\r\nB=\n", "{\"A_1.x-y\":\"b c\",\"B\":\"\"}");
    expect("export A=1\nexport=2\n", "{\"A\":1,\"export\":2}");
    expect("A=b=c", "{\"A\":\"b=c\"}");
}

static void dotenv__knows_comments(void **state)
{
    (void)state;
    expect("# A=1\n\n   # B=2\r\nC=3 # three\nD=a#b\nE=#\nF='x' # x\n", "{\"C\":3,\"D\":\"a#b\",\"E\":\"\",\"F\":\"x\"}");
}

static void dotenv__takes_for_a_number_what_json_does(void **state)
{
    (void)state;
    expect("A=-1.50\nB=1e3\nC=012\nD=+1\nE=1_000\nF=0x10\nG=1e400\nH=9007199254740993\nI='1'\n",
           "{\"A\":-1.5,\"B\":1000,\"C\":\"012\",\"D\":\"+1\",\"E\":\"1_000\",\"F\":\"0x10\",\"G\":\"1e400\","
           "\"H\":\"9007199254740993\",\"I\":\"1\"}");
    expect("A=true\nB=false\nC=True\nD=yes\nE=null\nF=\"true\"\n",
           "{\"A\":true,\"B\":false,\"C\":\"True\",\"D\":\"yes\",\"E\":\"null\",\"F\":\"true\"}");
}

static void dotenv__unescapes_between_double_quotes_alone(void **state)
{
    (void)state;
    expect("A=\"a\\n\\r\\t\\\"\\\\\\$b\\x\"\n", "{\"A\":\"a\\n\\r\\t\\\"\\\\$b\\\\x\"}");
    expect("A='a\\n\"$B'\nB=$A\nC=\\n\n", "{\"A\":\"a\\\\n\\\"$B\",\"B\":\"$A\",\"C\":\"\\\\n\"}");
    expect("A=\"one\n  two\"\nB=3\n", "{\"A\":\"one\\n  two\",\"B\":3}");
}

static void dotenv__remembers_where_a_value_stands(void **state)
{
    (void)state;
    struct doc doc AUTO_DOC = {0};
    struct error err;
    assert_int_equal(dotenv_read(SPAN("A=\"1\n2\"\n  export B=2\n"), "old.env", &doc, &err), 0);
    const struct doc_node *b = doc_get(doc.root, "B");
    assert_int_equal(b->pos.line, 3);
    assert_int_equal(b->pos.column, 10);
    assert_string_equal(b->file, "old.env");
}

static void dotenv__refuses_every_other_line(void **state)
{
    (void)state;
    refuse(SPAN("A=1\nB\n"), CODE_IMPORT, 2, 2);
    refuse(SPAN("1A=1"), CODE_IMPORT, 1, 1);
    refuse(SPAN("=1"), CODE_IMPORT, 1, 1);
    refuse(SPAN("A B=1"), CODE_IMPORT, 1, 3);
    refuse(SPAN("A=1\nB='2\nC=3"), CODE_IMPORT, 2, 3);
    refuse(SPAN("A=\"b\\"), CODE_IMPORT, 1, 3);
    refuse(SPAN("A='b'c"), CODE_IMPORT, 1, 6);
    refuse(SPAN("A=\"b\nc\"d"), CODE_IMPORT, 2, 3);
    refuse(SPAN("A=\xff"), CODE_IMPORT, 0, 0);
    refuse(SPAN("A=\0"), CODE_IMPORT, 0, 0);
}

static void dotenv__refuses_a_name_twice(void **state)
{
    (void)state;
    refuse(SPAN("A=1\nA=2\n"), CODE_YAML_DUPLICATE_KEY, 2, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dotenv__reads_names_and_values),
        cmocka_unit_test(dotenv__knows_comments),
        cmocka_unit_test(dotenv__takes_for_a_number_what_json_does),
        cmocka_unit_test(dotenv__unescapes_between_double_quotes_alone),
        cmocka_unit_test(dotenv__remembers_where_a_value_stands),
        cmocka_unit_test(dotenv__refuses_every_other_line),
        cmocka_unit_test(dotenv__refuses_a_name_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
