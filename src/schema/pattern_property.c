/*
 * pattern_property: \p{…} of ECMA-262 (tables 67 to 70) in the words of PCRE2. Names are exact there and loose here,
 * so they are looked up: what ECMA-262 does not know is refused, \p{letter} too. Scripts are passed on by their form;
 * PCRE2 knows which there are.
 */
#include "schema/pattern_priv.h"

struct name {
    const char *ecma;
    const char *pcre;
};

/* General categories: the long names; the short ones mean themselves. */
static const struct name categories[] = {
    {"Any", "Any"},
    {"Assigned", NULL}, /* told as what is not Cn */
    {"Cased_Letter", "L&"},
    {"LC", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
};

static const char *const short_categories[] = {
    "C",  "Cc", "Cf", "Cn", "Co", "Cs", "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",
    "Mc", "Me", "Mn", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi",
    "Po", "Ps", "S",  "Sc", "Sk", "Sm", "So", "Z",  "Zl", "Zp", "Zs",
};

/* Binary properties: PCRE2 knows them by the same long names. */
static const struct name binaries[] = {
    {"ASCII", "ASCII"},
    {"ASCII_Hex_Digit", "AHex"},
    {"AHex", "AHex"},
    {"Alphabetic", "Alphabetic"},
    {"Alpha", "Alphabetic"},
    {"Bidi_Control", "Bidi_Control"},
    {"Bidi_C", "Bidi_Control"},
    {"Bidi_Mirrored", "Bidi_Mirrored"},
    {"Bidi_M", "Bidi_Mirrored"},
    {"Case_Ignorable", "Case_Ignorable"},
    {"CI", "Case_Ignorable"},
    {"Cased", "Cased"},
    {"Changes_When_Casefolded", "Changes_When_Casefolded"},
    {"CWCF", "Changes_When_Casefolded"},
    {"Changes_When_Casemapped", "Changes_When_Casemapped"},
    {"CWCM", "Changes_When_Casemapped"},
    {"Changes_When_Lowercased", "Changes_When_Lowercased"},
    {"CWL", "Changes_When_Lowercased"},
    {"Changes_When_Titlecased", "Changes_When_Titlecased"},
    {"CWT", "Changes_When_Titlecased"},
    {"Changes_When_Uppercased", "Changes_When_Uppercased"},
    {"CWU", "Changes_When_Uppercased"},
    {"Dash", "Dash"},
    {"Default_Ignorable_Code_Point", "Default_Ignorable_Code_Point"},
    {"DI", "Default_Ignorable_Code_Point"},
    {"Deprecated", "Deprecated"},
    {"Dep", "Deprecated"},
    {"Diacritic", "Diacritic"},
    {"Dia", "Diacritic"},
    {"Emoji", "Emoji"},
    {"Emoji_Component", "Emoji_Component"},
    {"EComp", "Emoji_Component"},
    {"Emoji_Modifier", "Emoji_Modifier"},
    {"EMod", "Emoji_Modifier"},
    {"Emoji_Modifier_Base", "Emoji_Modifier_Base"},
    {"EBase", "Emoji_Modifier_Base"},
    {"Emoji_Presentation", "Emoji_Presentation"},
    {"EPres", "Emoji_Presentation"},
    {"Extended_Pictographic", "Extended_Pictographic"},
    {"ExtPict", "Extended_Pictographic"},
    {"Extender", "Extender"},
    {"Ext", "Extender"},
    {"Grapheme_Base", "Grapheme_Base"},
    {"Gr_Base", "Grapheme_Base"},
    {"Grapheme_Extend", "Grapheme_Extend"},
    {"Gr_Ext", "Grapheme_Extend"},
    {"Hex_Digit", "Hex_Digit"},
    {"Hex", "Hex_Digit"},
    {"IDS_Binary_Operator", "IDS_Binary_Operator"},
    {"IDSB", "IDS_Binary_Operator"},
    {"IDS_Trinary_Operator", "IDS_Trinary_Operator"},
    {"IDST", "IDS_Trinary_Operator"},
    {"ID_Continue", "ID_Continue"},
    {"IDC", "ID_Continue"},
    {"ID_Start", "ID_Start"},
    {"IDS", "ID_Start"},
    {"Ideographic", "Ideographic"},
    {"Ideo", "Ideographic"},
    {"Join_Control", "Join_Control"},
    {"Join_C", "Join_Control"},
    {"Logical_Order_Exception", "Logical_Order_Exception"},
    {"LOE", "Logical_Order_Exception"},
    {"Lowercase", "Lowercase"},
    {"Lower", "Lowercase"},
    {"Math", "Math"},
    {"Noncharacter_Code_Point", "Noncharacter_Code_Point"},
    {"NChar", "Noncharacter_Code_Point"},
    {"Pattern_Syntax", "Pattern_Syntax"},
    {"Pat_Syn", "Pattern_Syntax"},
    {"Pattern_White_Space", "Pattern_White_Space"},
    {"Pat_WS", "Pattern_White_Space"},
    {"Quotation_Mark", "Quotation_Mark"},
    {"QMark", "Quotation_Mark"},
    {"Radical", "Radical"},
    {"Regional_Indicator", "Regional_Indicator"},
    {"RI", "Regional_Indicator"},
    {"Sentence_Terminal", "Sentence_Terminal"},
    {"STerm", "Sentence_Terminal"},
    {"Soft_Dotted", "Soft_Dotted"},
    {"SD", "Soft_Dotted"},
    {"Terminal_Punctuation", "Terminal_Punctuation"},
    {"Term", "Terminal_Punctuation"},
    {"Unified_Ideograph", "Unified_Ideograph"},
    {"UIdeo", "Unified_Ideograph"},
    {"Uppercase", "Uppercase"},
    {"Upper", "Uppercase"},
    {"Variation_Selector", "Variation_Selector"},
    {"VS", "Variation_Selector"},
    {"White_Space", "White_Space"},
    {"space", "White_Space"},
    {"XID_Continue", "XID_Continue"},
    {"XIDC", "XID_Continue"},
    {"XID_Start", "XID_Start"},
    {"XIDS", "XID_Start"},
};

static bool put(struct buf *out, bool is_negated, const char *name)
{
    buf_printf(out, "\\%c{%s}", is_negated ? 'P' : 'p', name);
    return true;
}

static bool put_named(struct buf *out, bool is_negated, const struct name *names, size_t len,
                      struct span name)
{
    for (size_t i = 0; i < len; i++)
        if (span_is(name, names[i].ecma))
            return names[i].pcre == NULL ? put(out, !is_negated, "Cn") : put(out, is_negated, names[i].pcre);
    return false;
}

static bool put_category(struct buf *out, bool is_negated, struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(short_categories); i++)
        if (span_is(name, short_categories[i]))
            return put(out, is_negated, short_categories[i]);
    return put_named(out, is_negated, categories, ARRAY_LEN(categories), name);
}

/* Greek, Old_Italic, Grek: a capital, then letters and low lines. */
static bool is_script_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_capital = c >= 'A' && c <= 'Z', is_more = (c >= 'a' && c <= 'z') || c == '_';
        if (!is_capital && (i == 0 || !is_more))
            return false;
    }
    return name.len > 1;
}

bool pattern_put_property(struct buf *out, bool is_negated, struct span text)
{
    const char *equals = memchr(text.data, '=', text.len);
    if (equals == NULL)
        return put_category(out, is_negated, text) ||
               put_named(out, is_negated, binaries, ARRAY_LEN(binaries), text);
    struct span name = {text.data, (size_t)(equals - text.data)};
    struct span value = {equals + 1, text.len - name.len - 1};
    if (span_is(name, "General_Category") || span_is(name, "gc"))
        return !span_is(value, "Any") && !span_is(value, "Assigned") && put_category(out, is_negated, value);
    bool is_script = span_is(name, "Script") || span_is(name, "sc");
    bool is_extension = span_is(name, "Script_Extensions") || span_is(name, "scx");
    if ((!is_script && !is_extension) || !is_script_name(value))
        return false;
    buf_printf(out, "\\%c{%s:%.*s}", is_negated ? 'P' : 'p', is_script ? "sc" : "scx", (int)value.len,
               value.data);
    return true;
}
