/* TLS for the listener: a context from its PEM files and the byte calls of one connection.
 * Knows nothing of HTTP but its protocol name. */
#include "server/tls.h"

#include "base/error.h"
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <time.h>

/* gw_tls_context is an SSL_CTX and gw_tls an SSL; the names keep OpenSSL's out of the headers. */
static SSL_CTX *ctx_of(gw_tls_context *context)
{
    return (SSL_CTX *)(void *)context;
}

static SSL *ssl_of(const gw_tls *tls)
{
    return (SSL *)(void *)(uintptr_t)tls;
}

/* RFC 7301: HTTP/1.1 or, when the client offers others only, a fatal alert. */
static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned int in_len, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl, (void)user;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Never asks on a terminal for the passphrase of an encrypted key: that fails instead. */
static int no_passphrase(char *buf, int size, int writing, void *user)
{
    (void)buf, (void)size, (void)writing, (void)user;
    return -1;
}

static const char *last_reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "unknown error";
}

static void set_policy(SSL_CTX *ctx, aigw_tls_version min_version)
{
    SSL_CTX_set_min_proto_version(ctx,
                                  min_version == AIGW_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_read_buffer_len(ctx, 32 * 1024);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"aigw", 4);
}

static int use_certificate(SSL_CTX *ctx, const gw_tls_settings *s, aigw_error *err)
{
    if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return gw_fail(err, AIGW_E_CONFIG, "tls", "no usable cipher: %s", last_reason());
    if (SSL_CTX_use_certificate_chain_file(ctx, s->cert_file) != 1)
        return gw_fail(err, AIGW_E_CONFIG, "tls_cert_file", "cannot use certificate %s: %s",
                       s->cert_file, last_reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, s->key_file, SSL_FILETYPE_PEM) != 1)
        return gw_fail(err, AIGW_E_CONFIG, "tls_key_file", "cannot use private key %s: %s",
                       s->key_file, last_reason());
    if (SSL_CTX_check_private_key(ctx) != 1)
        return gw_fail(err, AIGW_E_CONFIG, "tls_key_file", "%s does not belong to %s", s->key_file,
                       s->cert_file);
    return AIGW_OK;
}

/* A certificate that is shown must be good, also where none is asked for by force. */
static int ask_clients(SSL_CTX *ctx, const gw_tls_settings *s, aigw_error *err)
{
    if (s->client_auth == AIGW_TLS_CLIENT_NONE)
        return AIGW_OK;
    if (!s->client_ca_file || !s->client_ca_file[0])
        return gw_fail(err, AIGW_E_CONFIG, "tls_client_ca_file",
                       "certificates of clients need a file of their authorities");
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(s->client_ca_file);
    if (!names || SSL_CTX_load_verify_file(ctx, s->client_ca_file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return gw_fail(err, AIGW_E_CONFIG, "tls_client_ca_file", "cannot use authorities %s: %s",
                       s->client_ca_file, last_reason());
    }
    SSL_CTX_set_client_CA_list(ctx, names); /* takes them */
    SSL_CTX_set_verify(
        ctx,
        SSL_VERIFY_PEER |
            (s->client_auth == AIGW_TLS_CLIENT_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return AIGW_OK;
}

int gw_tls_context_new(const gw_tls_settings *settings, gw_tls_context **out, aigw_error *err)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return gw_fail_nomem(err);
    set_policy(ctx, settings->min_version);
    int code = use_certificate(ctx, settings, err);
    if (code == AIGW_OK)
        code = ask_clients(ctx, settings, err);
    ERR_clear_error();
    if (code != AIGW_OK)
        SSL_CTX_free(ctx);
    else
        *out = (gw_tls_context *)(void *)ctx;
    return code;
}

gw_tls_context *gw_tls_context_ref(gw_tls_context *context)
{
    SSL_CTX_up_ref(ctx_of(context));
    return context;
}

void gw_tls_context_free(gw_tls_context *context)
{
    SSL_CTX_free(ctx_of(context));
}

int64_t gw_tls_context_expires_unix_s(const gw_tls_context *context)
{
    struct tm tm = {0};
    const SSL_CTX *ctx = (const SSL_CTX *)(const void *)context;
    const X509 *cert = SSL_CTX_get0_certificate(ctx);
    if (!cert || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm);
}

gw_tls *gw_tls_new(gw_tls_context *context, int fd)
{
    SSL *ssl = SSL_new(ctx_of(context));
    if (ssl && SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        ssl = NULL;
    }
    if (ssl)
        SSL_set_accept_state(ssl);
    return (gw_tls *)(void *)ssl;
}

void gw_tls_client_subject(const gw_tls *tls, char out[GW_TLS_SUBJECT_BYTES])
{
    const SSL *ssl = ssl_of(tls);
    X509 *cert = SSL_get0_peer_certificate(ssl);
    out[0] = '\0';
    if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
        return;
    BIO *text = BIO_new(BIO_s_mem());
    if (text && X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(text, out, GW_TLS_SUBJECT_BYTES - 1);
        out[n > 0 ? n : 0] = '\0';
    }
    BIO_free(text);
}

static int refused(SSL *ssl, int result, bool writing)
{
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        /* A write never waits to read here: there is no renegotiation. */
        return writing ? GW_IO_ERROR : GW_IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        return writing ? GW_IO_AGAIN : GW_IO_AGAIN_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return GW_IO_ERROR;
    }
}

int gw_tls_handshake(gw_tls *tls)
{
    ERR_clear_error();
    int result = SSL_do_handshake(ssl_of(tls));
    if (result == 1)
        return 1;
    int code = refused(ssl_of(tls), result, false);
    return code == 0 ? GW_IO_ERROR : code;
}

ptrdiff_t gw_tls_read(gw_tls *tls, char *data, size_t len)
{
    ERR_clear_error();
    int n = SSL_read(ssl_of(tls), data, len > INT_MAX ? INT_MAX : (int)len);
    return n > 0 ? n : refused(ssl_of(tls), n, false);
}

ptrdiff_t gw_tls_write(gw_tls *tls, const char *data, size_t len)
{
    ERR_clear_error();
    int n = SSL_write(ssl_of(tls), data, len > INT_MAX ? INT_MAX : (int)len);
    if (n > 0)
        return n;
    int code = refused(ssl_of(tls), n, true);
    return code == 0 ? GW_IO_ERROR : code;
}

bool gw_tls_buffered(const gw_tls *tls)
{
    return SSL_has_pending(ssl_of(tls)) == 1;
}

void gw_tls_close_notify(gw_tls *tls)
{
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_of(tls)))
        (void)SSL_shutdown(ssl_of(tls));
    ERR_clear_error();
}

void gw_tls_free(gw_tls *tls)
{
    SSL_free(ssl_of(tls));
}
