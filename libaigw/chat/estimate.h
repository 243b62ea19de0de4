/*
 * How many input tokens a request has, guessed: for providers without a counter, and for a stream whose
 * dialect says the number before its provider does. Knows no format and no provider's tokenizer.
 *
 * A text is counted by the script of its characters: words of Latin letters at a token and a bit more for
 * each six letters, digits in groups of three, signs at seven tenths, Chinese, Japanese and Korean characters
 * at nine tenths, other scripts at four tenths a character. Of a text above 16 KiB, sixteen windows of 1 KiB are
 * counted and stand for the rest. A message adds 4, a tool 8, tools at all 200; an image is 1000 (85 where
 * little detail is asked for), a PDF a token for each 20 bytes (2000 where its size is not known), audio one
 * for each 1600 bytes.
 *
 * How it errs: within some 15 % for English prose, and 30 % for source code and JSON (mostly too high) and for
 * other languages. Images may be off by a factor of four either way, files by more; tokenizers of before
 * 2023 give up to twice as many for Chinese or Cyrillic. Never a number to bill by.
 */
#ifndef GW_CHAT_ESTIMATE_H
#define GW_CHAT_ESTIMATE_H

#include "chat/request.h"

int64_t gw_estimate_tokens(const gw_chat_request *r);
/* Of one text, which may be the inside of a JSON string or JSON as it stands. */
int64_t gw_estimate_text(aigw_slice text);

#endif
