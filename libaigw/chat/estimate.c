/* Guesses the input tokens of a request from its bytes. */
/* Must not know any provider's tokenizer. */
#include "chat/estimate.h"

#include "base/text.h"

/* All sums are in hundredths of a token. */
enum {
    WORD = 100,
    MORE_LETTERS = 17, /* each letter of a word behind the first six */
    LONG_WORD = 20,    /* from here on it is no word, but base64 or the like */
    LONG_LETTER = 33,
    DIGIT = 34,
    SIGN = 70,
    LINE = 50,
    IDEOGRAPH = 90,
    OTHER_LETTER = 40,
    EMOJI = 200,
    WHOLE = 16 * 1024,
    WINDOWS = 16,
    WINDOW = 1024,
    MESSAGE = 400,
    REQUEST = 300,
    TOOL = 800,
    TOOLS = 20000,
    IMAGE = 100000,
    SMALL_IMAGE = 8500,
    FILE_UNSEEN = 200000,
    FILE_BYTES = 20,
    AUDIO_BYTES = 1600
};

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int64_t word(size_t letters)
{
    int64_t n = WORD;
    if (letters > 6)
        n += (int64_t)(letters < LONG_WORD ? letters - 6 : LONG_WORD - 6) * MORE_LETTERS;
    if (letters > LONG_WORD)
        n += (int64_t)(letters - LONG_WORD) * LONG_LETTER;
    return n;
}

/* A character of several bytes: its first one tells the script. */
static int64_t wide(unsigned char first)
{
    if (first >= 0xf0)
        return EMOJI;
    return first >= 0xe3 && first <= 0xed ? IDEOGRAPH : OTHER_LETTER;
}

static int64_t count(aigw_slice s)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.data[i];
        size_t start = i;
        if (is_letter(c)) {
            while (i < s.len && is_letter((unsigned char)s.data[i]))
                i++;
            sum += word(i - start);
            continue;
        }
        i++;
        if (c >= 0xc0)
            sum += wide(c);
        else if (c >= '0' && c <= '9')
            sum += DIGIT;
        else if (c == '\\' && i < s.len) { /* an escape is one character */
            bool unit = s.data[i] == 'u';
            sum += unit ? IDEOGRAPH : LINE;
            i += unit ? 5 : 1;
        } else if (c == '\n')
            sum += LINE;
        else if (c > ' ' && c < 0x80)
            sum += SIGN;
    }
    return sum;
}

static int64_t of_text(aigw_slice text)
{
    if (text.len <= WHOLE)
        return count(text);
    int64_t sum = 0;
    size_t step = (text.len - WINDOW) / (WINDOWS - 1);
    for (size_t i = 0; i < WINDOWS; i++)
        sum += count(gw_slice(text.data + i * step, WINDOW));
    return (int64_t)((double)sum * ((double)text.len / (WINDOWS * WINDOW)));
}

static int64_t of_file(const gw_part *part)
{
    if (gw_has(part->text))
        return of_text(part->text.inner) + of_text(part->name.inner);
    if (part->kind == GW_PART_IMAGE)
        return gw_jstr_is(part->detail, "low") ? SMALL_IMAGE : IMAGE;
    if (!gw_has(part->data))
        return FILE_UNSEEN;
    int64_t bytes = (int64_t)(part->data.inner.len / 4 * 3);
    return bytes * 100 / (part->kind == GW_PART_AUDIO ? AUDIO_BYTES : FILE_BYTES);
}

static int64_t of_part(const gw_part *part)
{
    switch (part->kind) {
    case GW_PART_IMAGE:
    case GW_PART_AUDIO:
    case GW_PART_DOCUMENT:
        return of_file(part);
    case GW_PART_TOOL_CALL:
        return TOOL + of_text(part->tool_name.inner) + of_text(part->args_text.inner) +
               of_text(part->args.json);
    case GW_PART_NATIVE:
        return of_text(part->raw.json);
    case GW_PART_REDACTED_THINKING: /* encrypted: some three bytes in base64 for one of text */
        return of_text(part->data.inner) / 4;
    default:
        return of_text(part->text.inner);
    }
}

static int64_t of_message(const gw_message *message)
{
    int64_t sum = MESSAGE;
    for (size_t i = 0; i < message->part_count; i++) {
        const gw_part *part = &message->parts[i];
        if (part->kind != GW_PART_TOOL_RESULT) {
            sum += of_part(part);
            continue;
        }
        sum += TOOL;
        for (size_t k = 0; k < part->part_count; k++)
            sum += of_part(&part->parts[k]);
    }
    return sum;
}

int64_t gw_estimate_text(aigw_slice text)
{
    return (of_text(text) + 99) / 100;
}

int64_t gw_estimate_tokens(const gw_chat_request *r)
{
    int64_t sum = REQUEST + of_text(r->schema.json);
    for (size_t i = 0; i < r->message_count; i++)
        sum += of_message(&r->messages[i]);
    for (size_t i = 0; i < r->tool_count; i++) {
        const gw_tool *tool = &r->tools[i];
        sum += TOOL + (i == 0 ? (int64_t)TOOLS : 0);
        sum += tool->native ? of_text(tool->raw.json)
                            : of_text(tool->name.inner) + of_text(tool->description.inner) +
                                  of_text(tool->schema.json);
    }
    return (sum + 99) / 100;
}
