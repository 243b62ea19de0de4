/* The table of the config document. Data only; what several keys mean together is in config_*.c. */
#include "gateway/config/schema_keys.h"

#include "gate/address.h"
#include "gateway/config/guard.h"
#include "provider/provider.h"
#include "route/plan.h"

#define HOUR_MS    3600000
#define MOST_UNITS 2147483647
#define MIB        ((int64_t)1024 * 1024)
#define PATH_BYTES 255
#define INVOKE     "https://gateway.internal/invoke"

static const char *const client_auths[] = {"none", "request", "require", NULL};
static const char *const tls_versions[] = {"TLSv1.2", "TLSv1.3", NULL};
static const gw_cfg_key tls_keys[] = {
    {TEXT(gw_cfg_tls, cert_file, PATH_BYTES), .doc = "PEM file with the certificate chain."},
    {TEXT(gw_cfg_tls, key_file, PATH_BYTES), .doc = "PEM file with the private key."},
    {TEXT(gw_cfg_tls, client_ca_file, PATH_BYTES),
     .doc = "PEM file with the authorities whose certificates clients may show."},
    {WORD(gw_cfg_tls, client_auth, client_auths, -1), .computed = true,
     .doc = "Ask clients for a certificate. Default: require when client_ca_file is there."},
    {WORD(gw_cfg_tls, min_version, tls_versions, 0), .doc = "The oldest TLS that is spoken."},
    END};
static const gw_cfg_section tls = {"the TLS section", sizeof(gw_cfg_tls), tls_keys};

/* In the order of gw_forward and gw_malformed. */
static const char *const forwards[] = {"none", "x-forwarded-for", "forwarded", "header", NULL};
static const char *const malformed[] = {"last-good", "match", "no-match", NULL};
static const gw_cfg_key server_keys[] = {
    {TEXT(gw_cfg_server, listen, 127), .preset_text = "127.0.0.1:8787",
     .doc = "ADDRESS:PORT to listen on; an IP address ([...] around IPv6) or localhost."},
    {NUMBER(gw_cfg_server, threads, 0, 0, 256), .doc = "Event loops; 0: one per processor."},
    {NUMBER(gw_cfg_server, max_connections, 10000, 1, 1000000),
     .doc = "Connections at a time, over all threads."},
    {NUMBER(gw_cfg_server, backlog, 511, 1, 65535), .doc = "Length of the accept queue."},
    {NUMBER(gw_cfg_server, header_timeout_ms, 10000, 1, HOUR_MS),
     .doc = "A request's header must be complete in this time."},
    {NUMBER(gw_cfg_server, body_timeout_ms, 60000, 1, HOUR_MS),
     .doc = "A request's body must be complete in this time."},
    {NUMBER(gw_cfg_server, idle_timeout_ms, 75000, 1, HOUR_MS),
     .doc = "A connection without a request is closed after this time."},
    {NUMBER(gw_cfg_server, write_timeout_ms, 60000, 1, HOUR_MS),
     .doc = "A client that takes no byte for this long is cut off."},
    {NUMBER(gw_cfg_server, drain_timeout_ms, 30000, 0, HOUR_MS),
     .doc = "How long running answers may go on after a stop."},
    {NUMBER(gw_cfg_server, max_header_bytes, 65536, 1024, MIB),
     .doc = "Largest header of a request."},
    {NUMBER(gw_cfg_server, max_body_bytes, 32 * MIB, 1, 1024 * MIB),
     .doc = "Largest body of a request."},
    {SECTION(gw_cfg_server, tls, tls), .doc = "Serve HTTPS; both files are needed."},
    {TEXTS(gw_cfg_server, trusted_proxies, 64),
     .doc =
         "Networks (CIDR) of proxies that ended TLS and whose X-Forwarded-For is believed. Clear "
         "text from others than these and loopback is refused."},
    {TEXTS(gw_cfg_server, allowed_peers, 256), .min = 1,
     .doc = "Networks (CIDR) from which connections are taken at all, loopback included. Default: "
            "all."},
    {FLAG(gw_cfg_server, proxy_protocol, 0),
     .doc = "Every connection begins with a PROXY protocol header (version 1 or 2) and comes from "
            "trusted_proxies; all others are closed."},
    {WORD(gw_cfg_server, forwarded, forwards, 1),
     .doc = "The header in which trusted_proxies name the client. header: forwarded_header."},
    {TEXT(gw_cfg_server, forwarded_header, 64),
     .doc = "The header that holds one address, such as x-real-ip."},
    {NUMBER(gw_cfg_server, forwarded_max_hops, GW_HOPS_DEFAULT, 1, GW_HOPS_MAX),
     .doc = "Addresses that are read of it at most, from its right end."},
    {WORD(gw_cfg_server, forwarded_malformed, malformed, 0),
     .doc = "What rules over addresses make of one that is malformed: judge the last address that "
            "was good, match, or do not match."},
    {FLAG(gw_cfg_server, insecure_no_auth, 0),
     .doc = "Allow listening beyond loopback without authentication. Anybody can then spend."},
    END};
static const gw_cfg_section server = {"the server section", sizeof(gw_cfg_server), server_keys};

/* The forms' names are those of AWS load balancers, in the order of aigw_claim_format. */
static const char *const claim_formats[] = {"auto", "single-string", "string-array",
                                            "space-separated-values", NULL};
static const gw_cfg_key claim_keys[] = {
    {TEXT(gw_cfg_claim, name, 256), .required = true, .doc = "The claim, at the top level."},
    {WORD(gw_cfg_claim, format, claim_formats, 0),
     .doc = "Its form. auto: a string, whole or by any of its words, or an array of strings."},
    {TEXTS(gw_cfg_claim, values, 10), .required = true, .min = 1,
     .doc = "A token needs one of these in it."},
    END};
static const gw_cfg_section claim = {"a claim", sizeof(gw_cfg_claim), claim_keys};

static const char *const scope_matches[] = {"any", "all", NULL};
static const gw_cfg_key trust_keys[] = {
    {TEXT(gw_cfg_trust, issuer, 256), .required = true, .doc = "The exact iss claim."},
    {TEXT(gw_cfg_trust, jwks_url, 1024),
     .doc = "Key set to fetch; https, or http on loopback. Default: ISSUER/.well-known/jwks.json."},
    {TEXT(gw_cfg_trust, jwks_file, PATH_BYTES), .doc = "Key set in a file."},
    {TEXT(gw_cfg_trust, jwks, 65535), .doc = "Key set in place, as JSON text."},
    {FLAG(gw_cfg_trust, discovery, 0),
     .doc = "Take the key set's address from ISSUER/.well-known/openid-configuration."},
    {TEXT(gw_cfg_trust, discovery_url, 1024), .doc = "The same from a document at this address."},
    {TEXTS(gw_cfg_trust, algorithms, 10), .min = 1, .preset_text = "RS256",
     .doc = "Signature algorithms: RS, PS or ES with 256, 384 or 512, and EdDSA."},
    {TEXTS(gw_cfg_trust, audiences, 16),
     .doc = "A token needs one of these in aud. Empty: aud is not checked."},
    {TEXTS(gw_cfg_trust, scopes, 16), .preset_text = INVOKE,
     .doc = "A token needs one of these in scope. Empty: scope is not checked."},
    {WORD(gw_cfg_trust, scope_match, scope_matches, 0),
     .doc = "all: a token needs every one of scopes."},
    {TEXTS(gw_cfg_trust, client_ids, 256),
     .doc = "A token needs one of these as client_id. Empty: client_id is not checked."},
    {TEXT(gw_cfg_trust, token_use, 64),
     .doc = "The exact token_use claim, such as access. Default: not checked."},
    {LIST(gw_cfg_trust, claims, claim, 10), .doc = "Further claims; a token needs all of them."},
    {NUMBER(gw_cfg_trust, leeway_s, -1, 0, 300), .computed = true,
     .doc = "Tolerated difference of clocks. Default: auth.jwt.leeway_s."},
    {NUMBER(gw_cfg_trust, max_token_bytes, 8192, 256, 16384), .doc = "Largest token."},
    END};
static const gw_cfg_section trust = {"an issuer", sizeof(gw_cfg_trust), trust_keys};

static const char *const scope_statuses[] = {"401", "403", NULL};
static const gw_cfg_key jwt_keys[] = {
    {FLAG(gw_cfg_jwt, enabled, -1), .computed = true,
     .doc = "Require a token. Default: true when this section is there or the issuer is enabled."},
    {WORD(gw_cfg_jwt, insufficient_scope_status, scope_statuses, 0),
     .doc = "Status for a valid token without the scope."},
    {NUMBER(gw_cfg_jwt, leeway_s, 60, 0, 300), .doc = "Tolerated difference of clocks."},
    {LIST(gw_cfg_jwt, issuers, trust, 16), .doc = "Trusted issuers."},
    END};
static const gw_cfg_section jwt = {"the jwt section", sizeof(gw_cfg_jwt), jwt_keys};

static const gw_cfg_key auth_keys[] = {{SECTION(gw_cfg_auth, jwt, jwt), .doc = "JSON Web Tokens."},
                                       END};
static const gw_cfg_section auth = {"the auth section", sizeof(gw_cfg_auth), auth_keys};

static const gw_cfg_key client_keys[] = {
    {TEXT(gw_cfg_client, id, 128), .required = true, .doc = "The client_id."},
    {TEXT(gw_cfg_client, secret, 1024), .secret = true, .doc = "The client_secret."},
    {TEXT(gw_cfg_client, secret_file, PATH_BYTES), .doc = "File that holds the client_secret."},
    {TEXT(gw_cfg_client, team, 128), .doc = "The custom:team claim of its tokens."},
    {TEXT(gw_cfg_client, tenant_tier, 128), .doc = "The custom:tenant_tier claim of its tokens."},
    {TEXTS(gw_cfg_client, scopes, 32), .preset_text = INVOKE, .doc = "Scopes it may ask for."},
    {NUMBER(gw_cfg_client, token_lifetime_s, 3600, 60, 86400), .doc = "Life of its tokens."},
    END};
static const gw_cfg_section client = {"a client", sizeof(gw_cfg_client), client_keys};

static const gw_cfg_key issuer_keys[] = {
    {FLAG(gw_cfg_issuer, enabled, -1), .computed = true,
     .doc = "Run the embedded issuer. Default: true when this section is there."},
    {TEXT(gw_cfg_issuer, url, 256),
     .doc = "Its iss claim, and the base of its addresses. Default: from server.listen."},
    {TEXT(gw_cfg_issuer, key_file, PATH_BYTES),
     .doc = "PEM file with its RSA key. Default: a fresh key at each start."},
    {TEXT(gw_cfg_issuer, db, 1024),
     .doc = "Database of clients and keys, made if absent: see aigw-serve client, and /admin."},
    {NUMBER(gw_cfg_issuer, key_rotation_days, 90, 0, 3650),
     .doc = "Age at which the database's signing key is replaced by the next; 0: by hand only."},
    {NUMBER(gw_cfg_issuer, max_failures, 10, 0, 100000),
     .doc =
         "Wrong secrets of a client in a minute, five times as many of an address; 0: no limit."},
    {FLAG(gw_cfg_issuer, cognito_compat, 0), .doc = "Refuse with 400 always, as Cognito does."},
    {LIST(gw_cfg_issuer, clients, client, 1000), .doc = "Who may fetch tokens."},
    END};
static const gw_cfg_section issuer = {"the issuer section", sizeof(gw_cfg_issuer), issuer_keys};

static const gw_cfg_key timeout_keys[] = {
    {NUMBER(gw_cfg_timeouts, connect_ms, 5000, 1, HOUR_MS),
     .doc = "Until connected, TLS included."},
    {NUMBER(gw_cfg_timeouts, first_byte_ms, 300000, 1, HOUR_MS),
     .doc = "Until the head of the answer."},
    {NUMBER(gw_cfg_timeouts, first_event_ms, 60000, 1, HOUR_MS),
     .doc = "From the head to the first event of a stream."},
    {NUMBER(gw_cfg_timeouts, idle_ms, 60000, 1, HOUR_MS),
     .doc = "Between two pieces of an answer."},
    {NUMBER(gw_cfg_timeouts, total_ms, 600000, 1, 24 * (int64_t)HOUR_MS),
     .doc = "The whole attempt."},
    END};
static const gw_cfg_section timeouts = {"the timeouts section", sizeof(gw_cfg_timeouts),
                                        timeout_keys};

static const char *const token_methods[] = {"client_secret_post", "client_secret_basic",
                                            "private_key_jwt",    "tls_client_auth",
                                            "jwt_bearer",         NULL};
static const gw_cfg_key token_keys[] = {
    {TEXT(gw_cfg_token, endpoint, 1024), .required = true,
     .doc = "URL of the token endpoint; https, or http on loopback."},
    {TEXT(gw_cfg_token, client_id, 1024), .required = true, .doc = "The client_id."},
    {TEXT(gw_cfg_token, client_secret, 16384), .secret = true, .doc = "The client_secret."},
    {TEXT(gw_cfg_token, client_secret_file, PATH_BYTES),
     .doc = "File that holds the client_secret."},
    {WORD(gw_cfg_token, auth_method, token_methods, 0), .doc = "How the client proves itself."},
    {TEXT(gw_cfg_token, private_key_file, PATH_BYTES),
     .doc = "PEM file with the RSA key of private_key_jwt and jwt_bearer."},
    {TEXT(gw_cfg_token, key_id, 256), .doc = "The kid of that key."},
    {TEXT(gw_cfg_token, client_cert_file, PATH_BYTES),
     .doc = "PEM file with a client certificate for TLS."},
    {TEXT(gw_cfg_token, client_key_file, PATH_BYTES),
     .doc = "PEM file with its key. Default: the certificate's file."},
    {TEXT(gw_cfg_token, scope, 4096), .doc = "Scopes to ask for, separated by spaces."},
    {TEXT(gw_cfg_token, audience, 1024), .doc = "Audience to ask for."},
    {TEXT(gw_cfg_token, resource, 1024), .doc = "Resource to ask for (RFC 8707)."},
    {TEXT(gw_cfg_token, ca_file, PATH_BYTES),
     .doc = "PEM file with the certificates to trust instead of the system's."},
    {NUMBER(gw_cfg_token, timeout_ms, 15000, 100, 600000),
     .doc = "A token must come in this time, a second try included."},
    {FLAG(gw_cfg_token, allow_http, 0), .doc = "Allow clear text beyond loopback."},
    END};
static const gw_cfg_section token = {"the token section", sizeof(gw_cfg_token), token_keys};

static const gw_cfg_key entra_keys[] = {
    {TEXT(gw_cfg_entra, tenant, 255), .required = true, .doc = "The tenant: its id or domain."},
    {TEXT(gw_cfg_entra, client_id, 1024), .required = true, .doc = "The application's id."},
    {TEXT(gw_cfg_entra, client_secret, 16384), .secret = true, .doc = "The application's secret."},
    {TEXT(gw_cfg_entra, client_secret_file, PATH_BYTES),
     .doc = "File that holds the application's secret."},
    {TEXT(gw_cfg_entra, authority, 255), .preset_text = "https://login.microsoftonline.com",
     .doc = "Who gives tokens; other clouds have their own."},
    {TEXT(gw_cfg_entra, scope, 1024), .preset_text = "https://cognitiveservices.azure.com/.default",
     .doc = "The scope to ask for."},
    END};
static const gw_cfg_section entra = {"the entra section", sizeof(gw_cfg_entra), entra_keys};

static const gw_cfg_key aws_keys[] = {
    {TEXT(gw_cfg_aws, access_key_id, 128), .required = true, .doc = "The access key's id."},
    {TEXT(gw_cfg_aws, secret_access_key, 1024), .secret = true, .doc = "The secret access key."},
    {TEXT(gw_cfg_aws, secret_access_key_file, PATH_BYTES),
     .doc = "File that holds the secret access key."},
    {TEXT(gw_cfg_aws, session_token, 8192), .secret = true,
     .doc = "The token that goes with temporary keys."},
    END};
static const gw_cfg_section aws = {"the aws section", sizeof(gw_cfg_aws), aws_keys};

static const gw_cfg_key google_keys[] = {
    {TEXT(gw_cfg_google, service_account_file, PATH_BYTES),
     .doc = "The key file of a service account (JSON)."},
    {TEXT(gw_cfg_google, service_account, 32768), .secret = true,
     .doc = "What stands in that file."},
    {TEXT(gw_cfg_google, scope, 1024),
     .preset_text = "https://www.googleapis.com/auth/cloud-platform",
     .doc = "Scopes to ask for, separated by spaces."},
    END};
static const gw_cfg_section google = {"the google section", sizeof(gw_cfg_google), google_keys};

static const gw_cfg_key provider_auth_keys[] = {
    {SECTION(gw_cfg_provider_auth, token, token),
     .doc = "An OAuth2 token (client_credentials), sent as Authorization: Bearer."},
    {SECTION(gw_cfg_provider_auth, entra, entra),
     .doc = "azure: a token of Microsoft Entra for an application."},
    {SECTION(gw_cfg_provider_auth, aws, aws),
     .doc = "bedrock: an access key that signs each request."},
    {SECTION(gw_cfg_provider_auth, google, google), .doc = "vertex: a service account's token."},
    END};
static const gw_cfg_section provider_auth = {"a provider's auth section",
                                             sizeof(gw_cfg_provider_auth), provider_auth_keys};

/* The rows of the vendor table, in its order. */
const char *const gw_cfg_provider_types[] = {
    "openai",     "anthropic", "gemini", "azure",       "bedrock",   "vertex",
    "echo",       "vllm",      "ollama", "llamacpp",    "lmstudio",  "groq",
    "mistral",    "deepseek",  "xai",    "together",    "fireworks", "openrouter",
    "perplexity", "cerebras",  "nvidia", "huggingface", "sambanova", "moonshot",
    "dashscope",  "zhipu",     "cohere", "deepinfra",   "github",    NULL};
static const char *const max_tokens_fields[] = {"auto", "max_tokens", NULL};
static const gw_cfg_key provider_keys[] = {
    {TEXT(gw_cfg_provider, name, 64), .doc = "Its name in routes and logs. Default: the type."},
    {WORD(gw_cfg_provider, type, gw_cfg_provider_types, 0), .required = true,
     .doc = "The vendor. openai: also every compatible host; echo: answers in process."},
    {TEXT(gw_cfg_provider, base_url, 1024),
     .doc = "What stands before the vendor's paths, such as /chat/completions (openai and "
            "compatible) or /v1/messages (anthropic)."},
    {TEXT(gw_cfg_provider, api_version, 64),
     .doc = "azure: a date for the classic API, v1 or preview; gemini, vertex: of the path; "
            "anthropic: of the header."},
    {TEXT(gw_cfg_provider, region, 64), .doc = "bedrock: the AWS region."},
    {TEXT(gw_cfg_provider, project, 128), .doc = "vertex: the Google Cloud project."},
    {TEXT(gw_cfg_provider, location, 64), .doc = "vertex: the location. Default: global."},
    {TEXT(gw_cfg_provider, api_key, 16384), .secret = true, .doc = "The provider's key."},
    {TEXT(gw_cfg_provider, api_key_file, PATH_BYTES), .doc = "File that holds the key."},
    {SECTION(gw_cfg_provider, auth, provider_auth),
     .doc = "A credential that is fetched, instead of a key."},
    {KEY(GW_CFG_PAIRS, gw_cfg_provider, headers), .max = 32,
     .doc = "Further headers of each request to it; they replace ours of the same name."},
    {TEXTS(gw_cfg_provider, models, 256),
     .doc = "Models it serves: names or prefixes (a * at the end is fine). Default: the vendor's "
            "own, when the name is the type."},
    {TEXTS(gw_cfg_provider, formats, GW_FORMATS_MAX), .min = 1,
     .doc =
         "Formats that the host serves, preferred first: openai-chat, openai-responses, "
         "anthropic, gemini, bedrock. Default: the vendor's; a compatible host's is openai-chat."},
    {TEXTS(gw_cfg_provider, quirks, 16),
     .doc = "What the host does not take, instead of what is known of the vendor."},
    {FLAG(gw_cfg_provider, pass_through, 0),
     .doc = "Pass /pass/NAME/... on to it as it comes: files, batches, images, audio, rerank."},
    {TEXTS(gw_cfg_provider, pass_through_paths, 64),
     .doc = "Only these paths of it and what lies below them, such as /v1/files. Empty: all."},
    {SECTION(gw_cfg_provider, timeouts, timeouts), .doc = "Its time limits."},
    {NUMBER(gw_cfg_provider, max_retries, 2, 0, 10), .doc = "Attempts after the first."},
    {WORD(gw_cfg_provider, max_tokens_field, max_tokens_fields, 0),
     .doc = "max_tokens: for openai-compatible hosts that do not know max_completion_tokens."},
    {NUMBER(gw_cfg_provider, default_max_tokens, 0, 0, 10000000),
     .doc = "max_tokens where the format needs one and the client gave none. 0: the most that the "
            "model gives, where it is known, else 4096."},
    {TEXT(gw_cfg_provider, ca_file, PATH_BYTES),
     .doc = "PEM file with the certificates to trust instead of the system's."},
    {FLAG(gw_cfg_provider, allow_http, 0), .doc = "Allow clear text beyond loopback."},
    END};
static const gw_cfg_section provider = {"a provider", sizeof(gw_cfg_provider), provider_keys};

static const gw_cfg_key target_keys[] = {
    {TEXT(gw_cfg_target, provider, 64), .required = true, .doc = "Name of a provider."},
    {TEXT(gw_cfg_target, model, 256), .doc = "Its name for the model. Default: the same name."},
    END};
static const gw_cfg_section target = {"a target", sizeof(gw_cfg_target), target_keys};

static const gw_cfg_key model_keys[] = {
    {TEXT(gw_cfg_model, name, 256), .required = true, .doc = "The model as clients call it."},
    {LIST(gw_cfg_model, targets, target, GW_PLAN_MAX), .required = true, .min = 1,
     .doc = "Who serves it, in the order to try."},
    END};
static const gw_cfg_section model = {"a model", sizeof(gw_cfg_model), model_keys};

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const gw_cfg_key log_keys[] = {
    {WORD(gw_cfg_log, level, levels, AIGW_LOG_INFO), .doc = "The least important level to log."},
    {FLAG(gw_cfg_log, access, 1), .doc = "A line for each request."},
    END};
static const gw_cfg_section logging = {"the log section", sizeof(gw_cfg_log), log_keys};

static const gw_cfg_key limits_keys[] = {
    {NUMBER(gw_cfg_limits, max_exchange_bytes, -1, MIB, 16384 * MIB), .computed = true,
     .doc = "Memory of one exchange, buffers included. Default: four times server.max_body_bytes, "
            "at least 16 MiB."},
    {NUMBER(gw_cfg_limits, max_retry_wait_ms, 10000, 0, 600000),
     .doc = "Longest wait before a retry; a longer Retry-After goes to the client."},
    {NUMBER(gw_cfg_limits, max_pass_bytes, 0, 0, 1024 * 1024 * MIB),
     .doc = "Largest body of a request that passes through; 0: no limit."},
    {NUMBER(gw_cfg_limits, max_rate_keys, 100000, 1024, 1 << 26),
     .doc =
         "Counts of rate_limits that are kept in memory, and as many of addresses; 80 bytes each."},
    END};
static const gw_cfg_section limits = {"the limits section", sizeof(gw_cfg_limits), limits_keys};

static const gw_cfg_key rate_match_keys[] = {
    {TEXTS(gw_cfg_rate_match, clients, 256), .doc = "Clients: the subjects of their tokens."},
    {TEXTS(gw_cfg_rate_match, teams, 256), .doc = "Teams, as tokens say them."},
    {TEXTS(gw_cfg_rate_match, models, 256),
     .doc = "Models as clients call them; a * at the end is any rest."},
    END};
static const gw_cfg_section rate_match = {"a match section", sizeof(gw_cfg_rate_match),
                                          rate_match_keys};

static const char *const algorithms[] = {"sliding_window", "token_bucket", NULL};
const char *const gw_cfg_fail_policies[] = {"closed", "open", "local", NULL};
static const gw_cfg_key rate_limit_keys[] = {
    {TEXT(gw_cfg_rate_limit, name, 32), .required = true,
     .doc = "Its name in logs and in the Redis: a-z A-Z 0-9 _ . -"},
    {TEXTS(gw_cfg_rate_limit, per, 5),
     .doc = "What counts are told apart by: client, team, key (the credential), model, address. "
            "Empty: one count of all."},
    {SECTION(gw_cfg_rate_limit, match, rate_match), .doc = "Only for these. Default: for all."},
    {NUMBER(gw_cfg_rate_limit, requests_per_minute, -1, 1, MOST_UNITS), .computed = true,
     .doc = "Requests in any 60 seconds."},
    {NUMBER(gw_cfg_rate_limit, tokens_per_minute, -1, 1, MOST_UNITS), .computed = true,
     .doc = "Input and output tokens in any 60 seconds."},
    {NUMBER(gw_cfg_rate_limit, tokens_per_day, -1, 1, MOST_UNITS), .computed = true,
     .doc = "Input and output tokens in any 24 hours."},
    {NUMBER(gw_cfg_rate_limit, concurrent_requests, -1, 1, MOST_UNITS), .computed = true,
     .doc = "Requests at a time."},
    {WORD(gw_cfg_rate_limit, algorithm, algorithms, 0),
     .doc = "How the two limits per minute count: token_bucket lets the number run in evenly."},
    {NUMBER(gw_cfg_rate_limit, burst, -1, 1, MOST_UNITS), .computed = true,
     .doc = "token_bucket: requests at once. Default: requests_per_minute."},
    {NUMBER(gw_cfg_rate_limit, burst_tokens, -1, 1, MOST_UNITS), .computed = true,
     .doc = "token_bucket: tokens at once. Default: tokens_per_minute."},
    {NUMBER(gw_cfg_rate_limit, assume_output_tokens, 1000, 0, MOST_UNITS),
     .doc = "Output tokens to reserve for a request that names no maximum."},
    {WORD(gw_cfg_rate_limit, on_fail, gw_cfg_fail_policies, -1), .computed = true,
     .doc =
         "When the Redis does not say: closed (refuse), open (allow, uncounted), local (count in "
         "this process alone). Default: closed."},
    {NUMBER(gw_cfg_rate_limit, lease, 0, 0, MOST_UNITS),
     .doc = "Requests that each thread takes ahead from the Redis, to spare round trips; 0: none."},
    {NUMBER(gw_cfg_rate_limit, lease_ms, -1, 1, 60000), .computed = true,
     .doc = "How long those may be used. Default: 1000."},
    END};
static const gw_cfg_section rate_limit = {"a rate limit", sizeof(gw_cfg_rate_limit),
                                          rate_limit_keys};

static const gw_cfg_key redis_keys[] = {
    {TEXT(gw_cfg_redis, address, 300), .required = true,
     .doc = "HOST:PORT, [ADDRESS]:PORT or unix:/PATH of a Redis or Valkey server."},
    {TEXT(gw_cfg_redis, username, 256), .doc = "ACL user. Default: the server's default user."},
    {TEXT(gw_cfg_redis, password, 16384), .secret = true, .doc = "Its password."},
    {TEXT(gw_cfg_redis, password_file, PATH_BYTES), .doc = "File that holds the password."},
    {TEXT(gw_cfg_redis, prefix, 64),
     .preset_text = "aigw:", .doc = "What the names of all keys begin with."},
    {NUMBER(gw_cfg_redis, database, 0, 0, 100000), .doc = "The number of its database."},
    {NUMBER(gw_cfg_redis, deadline_ms, 50, 1, 60000),
     .doc = "An answer must come in this time, else on_fail of each limit decides."},
    {NUMBER(gw_cfg_redis, connect_timeout_ms, 1000, 1, 600000),
     .doc = "Until connected, the login included."},
    END};
static const gw_cfg_section redis = {"the redis section", sizeof(gw_cfg_redis), redis_keys};

static const gw_cfg_key fetch_keys[] = {
    {FLAG(gw_cfg_fetch, enabled, 0),
     .doc = "Fetch http(s) URLs of images and documents for providers that take none. Else such a "
            "request is refused."},
    {FLAG(gw_cfg_fetch, allow_http, 0), .doc = "http URLs too, not only https."},
    {NUMBER(gw_cfg_fetch, max_bytes, 10 * MIB, 1, 100 * MIB), .doc = "Largest answer."},
    {NUMBER(gw_cfg_fetch, max_total_bytes, 20 * MIB, 1, 1024 * MIB),
     .doc = "All answers of one request together."},
    {NUMBER(gw_cfg_fetch, max_urls, 8, 1, 64), .doc = "URLs of one request."},
    {NUMBER(gw_cfg_fetch, max_redirects, 0, 0, 3),
     .doc = "Redirects of one URL; each is judged like the first."},
    {NUMBER(gw_cfg_fetch, timeout_ms, 10000, 100, 600000),
     .doc = "All URLs of a request must have come in this time."},
    {TEXTS(gw_cfg_fetch, hosts, 256),
     .doc = "Only from these hosts: names, or *.example.com for all below it. Empty: any that is "
            "public."},
    {TEXTS(gw_cfg_fetch, content_types, 16), .min = 1,
     .doc = "Content-types that are taken; the first bytes must agree. Default: image/*, "
            "application/pdf."},
    END};
static const gw_cfg_section fetch = {"the fetch_urls section", sizeof(gw_cfg_fetch), fetch_keys};

static const gw_cfg_key egress_keys[] = {
    {TEXTS(gw_cfg_egress, allow_private, 64),
     .doc = "Networks (CIDR) that names may lead to although they are private, loopback, "
            "link-local or otherwise special. A metadata address needs an entry of its own."},
    {SECTION(gw_cfg_egress, fetch_urls, fetch), .doc = "URLs in requests."},
    END};
static const gw_cfg_section egress = {"the egress section", sizeof(gw_cfg_egress), egress_keys};

static const gw_cfg_key root_keys[] = {
    {SECTION(gw_cfg_root, server, server), .doc = "The HTTP server."},
    {SECTION(gw_cfg_root, auth, auth), .doc = "Who may come in."},
    {SECTION(gw_cfg_root, issuer, issuer), .doc = "The embedded token issuer."},
    {LIST(gw_cfg_root, providers, provider, 64), .required = true, .min = 1,
     .doc = "Where models are served."},
    {LIST(gw_cfg_root, models, model, 1000), .doc = "Models with names and targets of our own."},
    {SECTION(gw_cfg_root, log, logging), .doc = "The log, on standard error."},
    {SECTION(gw_cfg_root, limits, limits), .doc = "Bounds of one exchange."},
    {LIST(gw_cfg_root, guardrails, gw_cfg_guardrail_section, GW_GUARDRAILS_MAX),
     .doc = "What prompts and answers are looked at for: docs/guardrails.md. Default: nothing."},
    {LIST(gw_cfg_root, rate_limits, rate_limit, 255),
     .doc = "How much clients may use; a request must fit into all that are for it."},
    {SECTION(gw_cfg_root, redis, redis),
     .doc = "Where limits are counted for several gateways together. Default: in memory."},
    {FLAG(gw_cfg_root, enable_waf, 1),
     .doc = "Look at requests with the web application firewall: rules, IP lists, the rate by "
            "address."},
    {SECTION(gw_cfg_root, waf, gw_cfg_waf_section), .doc = "The web application firewall."},
    {SECTION(gw_cfg_root, egress, egress), .doc = "Whom the gateway connects to."},
    END};
const gw_cfg_section gw_cfg_schema = {"the document", sizeof(gw_cfg_root), root_keys};
