/* Compiles libaigw/gate/waf/patterns.txt at build: wafc PATTERNS OUT.c. Writes the table of patterns and a
 * serialised database for each set of them. A host tool: must not be part of the library. */
#include "gate/waf/match.h"
#include "gate/waf/rules.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef AIGW_HAVE_VECTORSCAN
#include <hs.h>
#else /* the table stays the same */
#define HS_FLAG_CASELESS    1
#define HS_FLAG_DOTALL      2
#define HS_FLAG_SINGLEMATCH 8
#endif

#define MAX_PATTERNS 4096

static gw_waf_pattern table[MAX_PATTERNS];
static unsigned table_count;

static int bad(const char *file, unsigned line, const char *why)
{
    fprintf(stderr, "%s:%u: %s\n", file, line, why);
    return 1;
}

/* The bits of a word of letters; -1 for one that is not in `letters`. */
static int bits(const char *word, const char *letters)
{
    int out = 0;
    for (; *word; word++) {
        const char *at = strchr(letters, *word);
        if (!at)
            return -1;
        out |= 1 << (at - letters);
    }
    return out;
}

static int family_of(const char *word)
{
    static const char *const names[GW_WAF_FAMILIES] = GW_WAF_FAMILY_NAMES;
    for (int i = 0; i < GW_WAF_FAMILIES; i++) {
        if (strcmp(names[i], word) == 0)
            return i;
    }
    return -1;
}

/* Lines "= NAME text": {{NAME}} in an expression stands for (?:text). A long list of alternatives is more than
 * the matcher takes at once: an expression with one becomes several patterns of the same number, each with a
 * part of the list; {{NAME*}}: each with one alternative, whose literal the matcher then looks for. */
#define MAX_WORDS 64
#define PART      300 /* bytes */
static struct word {
    char name[32];
    char *text;
} words[MAX_WORDS];
static unsigned word_count;

/* The alternatives of the long list that is being cut: whose, and from where to where. */
static struct part {
    const struct word *of;
    size_t from, to;
    size_t least; /* bytes of a part */
} part;

static void put(char *out, size_t size, const char *text, size_t len)
{
    size_t at = strlen(out);
    if (at + len + 1 > size) {
        fprintf(stderr, "an expression is too long\n");
        exit(1);
    }
    memcpy(out + at, text, len);
    out[at + len] = 0;
}

/* The end of the part of a list that starts at from: behind it stands a | of the list itself, or nothing; of
 * at least so many bytes. */
static size_t part_end(const char *text, size_t from, size_t least)
{
    int depth = 0;
    bool class = false;
    for (size_t i = from; text[i]; i++) {
        if (text[i] == '\\' && text[i + 1])
            i++;
        else if (class)
            class = text[i] != ']';
        else if (text[i] == '[')
            class = true;
        else if (text[i] == '(' || text[i] == ')')
            depth += text[i] == '(' ? 1 : -1;
        else if (text[i] == '|' && depth == 0 && i - from >= least)
            return i;
    }
    return strlen(text);
}

static int expand(const char *in, char *out, size_t size, unsigned depth)
{
    while (*in) {
        const char *end =
            strncmp(in, "{{", 2) == 0 && isupper((unsigned char)in[2]) ? strstr(in, "}}") : NULL;
        if (!end) {
            put(out, size, in++, 1);
            continue;
        }
        unsigned i = 0;
        bool each = end[-1] == '*';
        size_t len = (size_t)(end - in) - 2 - each;
        while (i < word_count &&
               (strlen(words[i].name) != len || strncmp(words[i].name, in + 2, len) != 0))
            i++;
        if (i == word_count || depth > 4)
            return 1;
        put(out, size, "(?:", 3);
        if ((each || strlen(words[i].text) > 2 * PART) && (!part.of || part.of == &words[i])) {
            if (!part.of) {
                part = (struct part){.of = &words[i], .least = each ? 1 : PART};
                part.to = part_end(words[i].text, 0, part.least);
            }
            put(out, size, words[i].text + part.from, part.to - part.from);
        } else if (expand(words[i].text, out, size, depth + 1)) {
            return 1;
        }
        put(out, size, ")", 1);
        in = end + 2;
    }
    return 0;
}

static int define(const char *file, unsigned number, char *line)
{
    char name[32];
    int used = 0;
    if (sscanf(line, "= %31s %n", name, &used) != 1 || used == 0 || word_count == MAX_WORDS)
        return bad(file, number, "want: = NAME text");
    strcpy(words[word_count].name, name);
    words[word_count++].text = strdup(line + used);
    return 0;
}

/* One or more rows of the table for an expression. */
static int add(gw_waf_pattern row, const char *source)
{
    static char expression[65536];
    memset(&part, 0, sizeof part);
    do {
        expression[0] = 0;
        if (table_count == MAX_PATTERNS || expand(source, expression, sizeof expression, 0))
            return 1;
        /* Each alternative alone: the matcher finds the literals in them better. */
        for (size_t from = 0, end; from <= strlen(expression); from = end + 1) {
            end = part_end(expression, from, 1);
            if (table_count == MAX_PATTERNS)
                return 1;
            row.expression = strndup(expression + from, end - from);
            table[table_count++] = row;
        }
        if (part.of) {
            part.from = part.to + 1;
            if (part.to < strlen(part.of->text))
                part.to = part_end(part.of->text, part.from, part.least);
            else
                part.of = NULL;
        }
    } while (part.of);
    return 0;
}

static int read_line(const char *file, unsigned number, char *line)
{
    char family[16], forms[16], components[16], flags[16];
    int id, score, used = 0;
    line[strcspn(line, "\r\n")] = 0;
    if (line[0] == 0 || line[0] == '#')
        return 0;
    if (line[0] == '=')
        return define(file, number, line);
    if (sscanf(line, "%d %15s %d %15s %15s %15s %n", &id, family, &score, forms, components, flags,
               &used) != 6 ||
        used == 0 || line[used] == 0)
        return bad(file, number, "want: number family score forms components flags expression");
    int f = family_of(family);
    int form = bits(forms, "tpcn");
    int where = strcmp(components, "*") == 0 ? 0xFA : bits(components, "mp-qhcbn");
    if (f < 0 || form <= 0 || where <= 0 || score < 1 || score > GW_WAF_THRESHOLD)
        return bad(file, number, "unknown family, form or component, or a score that is none");
    for (unsigned i = 0; i < table_count; i++) {
        if (table[i].number == id)
            return bad(file, number, "this number is taken");
    }
    gw_waf_pattern row = {.number = id,
                          .family = (unsigned char)f,
                          .score = (unsigned char)score,
                          .forms = (unsigned char)form,
                          .components = (unsigned char)where,
                          .signature = strchr(flags, 's') != NULL,
                          .flags = HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH};
    if (!strchr(flags, 'C'))
        row.flags |= HS_FLAG_CASELESS;
    return add(row, line + used) ? bad(file, number, "an unknown {{NAME}}, or too many") : 0;
}

static void write_table(FILE *out)
{
    fprintf(
        out,
        "/* Written by wafc from patterns.txt. */\n#include \"gate/waf/match.h\"\n\n"
        "const unsigned gw_waf_pattern_count = %u;\nconst gw_waf_pattern gw_waf_patterns[] = {\n",
        table_count);
    for (unsigned i = 0; i < table_count; i++) {
        const gw_waf_pattern *p = &table[i];
        fprintf(out, "{%d, %u, %u, %u, %u, %s, %u, \"", p->number, p->family, p->score, p->forms,
                p->components, p->signature ? "true" : "false", p->flags);
        for (const char *c = p->expression; *c; c++) {
            if (*c == '"' || *c == '\\' || *c == '?')
                fprintf(out, "\\%c", *c);
            else if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7F)
                fprintf(out, "\\%03o", (unsigned char)*c);
            else
                fputc(*c, out);
        }
        fprintf(out, "\"},\n");
    }
    fprintf(out, "};\n\n");
}

/* The bytes go to a file of their own, which the assembler takes in. The section is put back as it was: what the
 * compiler writes next would else land in the one left open, and pointers there are relocations of text. */
static int write_bytes(FILE *out, const char *base, const char *name, const char *data, size_t len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.%s", base, name);
    FILE *bytes = fopen(path, "wb");
    if (!bytes || fwrite(data, 1, len, bytes) != len || fclose(bytes) != 0)
        return bad(path, 0, strerror(errno));
    fprintf(out,
            "__asm__(\".pushsection .rodata\\n\" \".balign 64\\n\" \"waf_%s:\\n\" \".incbin "
            "\\\"%s\\\"\\n\"\n"
            "    \".balign 64\\n\" \".popsection\\n\");\n"
            "extern const unsigned char waf_%s[] __attribute__((visibility(\"hidden\")));\n"
            "#define LEN_%s %zu\n\n",
            name, path, name, name, len);
    return 0;
}

#ifdef AIGW_HAVE_VECTORSCAN
static int write_database(FILE *out, const char *base, const char *name, gw_waf_set set)
{
    static const char *text[MAX_PATTERNS];
    static unsigned flags[MAX_PATTERNS], ids[MAX_PATTERNS];
    unsigned n = 0;
    for (unsigned i = 0; i < table_count; i++) {
        if (!gw_waf_in_set(&table[i], set))
            continue;
        text[n] = table[i].expression;
        flags[n] = table[i].flags;
        ids[n++] = i;
    }
    const hs_platform_info_t *platform = NULL;
#ifdef __x86_64__
    /* Not this machine's: what every server of the last ten years has. */
    hs_platform_info_t wanted = {.tune = HS_TUNE_FAMILY_GENERIC,
                                 .cpu_features = HS_CPU_FEATURES_AVX2};
    platform = &wanted;
#endif
    hs_database_t *database = NULL;
    hs_compile_error_t *why = NULL;
    if (hs_compile_multi(text, flags, ids, n, HS_MODE_BLOCK, platform, &database, &why) !=
        HS_SUCCESS) {
        unsigned at = why->expression < 0 ? 0 : ids[why->expression];
        fprintf(stderr, "pattern %d: %s\n", table[at].number, why->message);
        return 1;
    }
    char *bytes = NULL;
    size_t len = 0;
    if (hs_serialize_database(database, &bytes, &len) != HS_SUCCESS)
        return 1;
    return write_bytes(out, base, name, bytes, len);
}
#else
static int write_database(FILE *out, const char *base, const char *name, gw_waf_set set)
{
    (void)set;
    return write_bytes(out, base, name, "", 0);
}
#endif

int main(int argc, char **argv)
{
    static char line[16384];
    unsigned number = 0;
    if (argc != 3)
        return bad("wafc", 0, "want: PATTERNS OUT.c");
    FILE *in = fopen(argv[1], "r");
    FILE *out = fopen(argv[2], "w");
    if (!in || !out)
        return bad(argv[in ? 2 : 1], 0, strerror(errno));
    while (fgets(line, sizeof line, in)) {
        if (read_line(argv[1], ++number, line))
            return 1;
    }
    write_table(out);
    static const char *const names[GW_WAF_SETS] = {"full", "small", "prompt", "path", "squeeze"};
    for (unsigned i = 0; i < GW_WAF_SETS; i++) {
        if (write_database(out, argv[2], names[i], (gw_waf_set)i))
            return 1;
    }
    fprintf(out, "const gw_waf_blob gw_waf_blobs[GW_WAF_SETS] = {");
    for (unsigned i = 0; i < GW_WAF_SETS; i++)
        fprintf(out, "%s{waf_%s, LEN_%s}", i ? ", " : "", names[i], names[i]);
    fprintf(out, "};\n");
    return fclose(out) == 0 ? 0 : 1;
}
