/* TLS for the listener: a context from two PEM files and the byte calls of one connection.
 * Knows nothing of HTTP but its protocol name. */
#include "server/tls.h"

#include "base/error.h"
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

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

static void set_policy(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
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

int gw_tls_context_new(const char *cert_file, const char *key_file, gw_tls_context **out,
                       aigw_error *err)
{
    int code = AIGW_OK;
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return gw_fail_nomem(err);
    set_policy(ctx);
    if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        code = gw_fail(err, AIGW_E_CONFIG, "tls", "no usable cipher: %s", last_reason());
    else if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        code = gw_fail(err, AIGW_E_CONFIG, "tls_cert_file", "cannot use certificate %s: %s",
                       cert_file, last_reason());
    else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        code = gw_fail(err, AIGW_E_CONFIG, "tls_key_file", "cannot use private key %s: %s",
                       key_file, last_reason());
    else if (SSL_CTX_check_private_key(ctx) != 1)
        code = gw_fail(err, AIGW_E_CONFIG, "tls_key_file", "%s does not belong to %s", key_file,
                       cert_file);
    ERR_clear_error();
    if (code != AIGW_OK)
        SSL_CTX_free(ctx);
    else
        *out = (gw_tls_context *)(void *)ctx;
    return code;
}

void gw_tls_context_free(gw_tls_context *context)
{
    SSL_CTX_free(ctx_of(context));
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
