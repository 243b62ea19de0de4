/* The table of the guardrails' section. Data only; what several keys mean together is in guard.c. */
#include "gate/guard_remote.h"
#include "gateway/config/guard.h"
#include "gateway/config/raw_guard.h"
#include "gateway/config/schema_keys.h"

#define TIMEOUT(s)                                                                                 \
    {                                                                                              \
        KEY(GW_CFG_INT, s, timeout_ms), .preset = 3000, .min = 1, .max = 600000,                   \
                                        .doc = "It must have answered in this time."               \
    }
#define ON_FAIL(s)                                                                                 \
    {                                                                                              \
        WORD(s, on_fail, policies, GW_REMOTE_FAIL_CLOSED),                                         \
            .doc = "What a question that got no sound answer means: closed: 503, open: it passes." \
    }
#define PATH_BYTES 255

static const char *const actions[] = {"none", "flag", "mask", "block", NULL};
static const char *const policies[] = {"closed", "open", NULL};

static const gw_cfg_key list_keys[] = {
    {TEXT(gw_cfg_guard_list, name, 63), .doc = "Its name in the log. Default: words or patterns."},
    {TEXTS(gw_cfg_guard_list, texts, AIGW_GUARD_TEXTS), .required = true, .min = 1,
     .doc = "words: whole words or phrases, without case. patterns: regular expressions, each "
            "bounded ({1,40} instead of +)."},
    {WORD(gw_cfg_guard_list, action, actions, AIGW_GUARD_FLAG), .doc = "What a match means."},
    {TEXT(gw_cfg_guard_list, mask, 64), .doc = "What stands in place of a match: [REDACTED]."},
    END};
static const gw_cfg_section list = {"a list of words or patterns", sizeof(gw_cfg_guard_list),
                                    list_keys};

#define KIND(field, doc_)                                                                          \
    {                                                                                              \
        WORD(gw_cfg_guard_rules, field, actions, AIGW_GUARD_NONE), .doc = (doc_)                   \
    }
static const gw_cfg_key rules_keys[] = {
    KIND(email, "Mail addresses: none, flag (counted only), mask or block."),
    KIND(phone, "Phone numbers."),
    KIND(card, "Card numbers of a known issuer whose check digit is right."),
    KIND(iban, "IBANs whose checksum is right."),
    KIND(ssn, "US social security numbers."),
    KIND(secret, "API keys and tokens of known shapes, JWTs, private keys."),
    {LIST(gw_cfg_guard_rules, words, list, 32), .doc = "Lists of words."},
    {LIST(gw_cfg_guard_rules, patterns, list, 32), .doc = "Lists of regular expressions."},
    END};
static const gw_cfg_section rules = {"the rules", sizeof(gw_cfg_guard_rules), rules_keys};

static const gw_cfg_key webhook_keys[] = {
    {TEXT(gw_cfg_webhook, url, 1024), .required = true,
     .doc = "Where each text is POSTed; docs/guardrails.md has the format."},
    {TEXT(gw_cfg_webhook, secret, 16384), .secret = true,
     .doc = "Sent as Authorization: Bearer SECRET."},
    {TEXT(gw_cfg_webhook, secret_file, PATH_BYTES), .doc = "File that holds the secret."},
    {KEY(GW_CFG_PAIRS, gw_cfg_webhook, headers), .max = 16, .doc = "Further headers."},
    TIMEOUT(gw_cfg_webhook),
    ON_FAIL(gw_cfg_webhook),
    {TEXT(gw_cfg_webhook, ca_file, PATH_BYTES),
     .doc = "PEM file with the certificates to trust instead of the system's."},
    {FLAG(gw_cfg_webhook, allow_http, 0), .doc = "Allow clear text beyond loopback."},
    END};
static const gw_cfg_section webhook = {"a webhook", sizeof(gw_cfg_webhook), webhook_keys};

static const gw_cfg_key moderation_keys[] = {
    {TEXT(gw_cfg_moderation, provider, 64),
     .doc = "A provider of ours whose address and key are used."},
    {TEXT(gw_cfg_moderation, base_url, 1024),
     .doc = "Instead: what stands before /moderations, such as https://api.openai.com/v1."},
    {TEXT(gw_cfg_moderation, api_key, 16384), .secret = true, .doc = "The key for base_url."},
    {TEXT(gw_cfg_moderation, api_key_file, PATH_BYTES), .doc = "File that holds the key."},
    {TEXT(gw_cfg_moderation, model, 256), .preset_text = "omni-moderation-latest",
     .doc = "The moderation model."},
    {KEY(GW_CFG_PAIRS, gw_cfg_moderation, categories), .max = 32, .numbers = true,
     .doc = "Scores (0.5) from which on a category rejects. Default: what the model flags."},
    TIMEOUT(gw_cfg_moderation),
    ON_FAIL(gw_cfg_moderation),
    {TEXT(gw_cfg_moderation, ca_file, PATH_BYTES),
     .doc = "PEM file with the certificates to trust instead of the system's."},
    {FLAG(gw_cfg_moderation, allow_http, 0), .doc = "Allow clear text beyond loopback."},
    END};
static const gw_cfg_section moderation = {"the moderation section", sizeof(gw_cfg_moderation),
                                          moderation_keys};

static const gw_cfg_key apply_keys[] = {
    {TEXT(gw_cfg_apply, provider, 64), .required = true,
     .doc = "A provider of type bedrock: its region and its keys."},
    {TEXT(gw_cfg_apply, id, 2048), .required = true, .doc = "The guardrail's id or ARN."},
    {TEXT(gw_cfg_apply, version, 16), .preset_text = "DRAFT", .doc = "Its version."},
    TIMEOUT(gw_cfg_apply),
    ON_FAIL(gw_cfg_apply),
    END};
static const gw_cfg_section apply = {"the Bedrock guardrail section", sizeof(gw_cfg_apply),
                                     apply_keys};

static const gw_cfg_key match_keys[] = {
    {TEXTS(gw_cfg_guard_match, clients, 256), .doc = "Clients (the token's subject)."},
    {TEXTS(gw_cfg_guard_match, teams, 256), .doc = "Teams."},
    {TEXTS(gw_cfg_guard_match, models, 256),
     .doc = "Models as clients call them; a * at the end is fine."},
    {TEXTS(gw_cfg_guard_match, routes, 16), .doc = "Routes as the access log names them."},
    END};
static const gw_cfg_section match = {"the match section", sizeof(gw_cfg_guard_match), match_keys};

static const char *const pass_words[] = {"refuse", "allow", NULL};
static const gw_cfg_key guardrail_keys[] = {
    {TEXT(gw_cfg_guardrail, name, 63), .required = true,
     .doc = "Its name in metrics and in the access log."},
    {TEXTS(gw_cfg_guardrail, on, 2), .required = true, .min = 1,
     .doc = "What it looks at: prompt, answer."},
    {SECTION(gw_cfg_guardrail, rules, rules), .doc = "Rules of our own."},
    {SECTION(gw_cfg_guardrail, webhook, webhook), .doc = "Somebody of yours decides."},
    {SECTION(gw_cfg_guardrail, openai_moderation, moderation),
     .doc = "OpenAI's moderation endpoint decides."},
    {SECTION(gw_cfg_guardrail, bedrock_guardrail, apply),
     .doc = "Bedrock's ApplyGuardrail decides."},
    {SECTION(gw_cfg_guardrail, match, match),
     .doc = "Whom it is for; a list that is not there matches everything."},
    {WORD(gw_cfg_guardrail, pass_through, pass_words, 0),
     .doc = "What passes through (/pass/...) is never looked at. refuse: whom this guardrail is "
            "for gets 403 there, unless it only flags."},
    END};
const gw_cfg_section gw_cfg_guardrail_section = {"a guardrail", sizeof(gw_cfg_guardrail),
                                                 guardrail_keys};
