/*
 * mqtt_tls: what was wrong with TLS, for people, and what kind of trouble it is. libmosquitto says "certificate verify failed" and no more; whether the
 * certificate expired or another CA signed it is known to the OpenSSL beneath it alone.
 *
 * Nothing is linked for that: the two names are weak, and stay NULL under a libmosquitto that was built with
 * something else.
 */
#include <stdio.h>
#include <string.h>

#include "io/mqtt_priv.h"

enum { VERIFIED = 0 }; /* X509_V_OK */

extern long SSL_get_verify_result(const void *ssl) __attribute__((weak));
extern const char *X509_verify_cert_error_string(long result) __attribute__((weak));

static const char *verify_error(const void *ssl)
{
    if (ssl == NULL || SSL_get_verify_result == NULL || X509_verify_cert_error_string == NULL)
        return NULL;
    long result = SSL_get_verify_result(ssl);
    return result == VERIFIED ? NULL : X509_verify_cert_error_string(result);
}

void mqtt_tls_text(const char *logged, const void *ssl, char *out, size_t size)
{
    /* "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed", "Error: host name
     * verification failed." */
    const char *prefix = "Error: ", *routines = "routines::", *found = strstr(logged, routines);
    out[0] = '\0';
    /* An end without close_notify is how a killed broker ends, and OpenSSL 3.5 also tells what the system says of a
       socket: both are the network's fault. */
    if (strstr(logged, "unexpected eof") != NULL || strstr(logged, "system library::") != NULL)
        return;
    if (found != NULL)
        logged = found + strlen(routines);
    else if (strncmp(logged, prefix, strlen(prefix)) == 0)
        logged += strlen(prefix);
    size_t len = strlen(logged);
    if (len > 0 && logged[len - 1] == '.')
        len--;
    const char *cause = verify_error(ssl);
    snprintf(out, size, "TLS: %.*s%s%s", (int)len, logged, cause == NULL ? "" : ": ", cause == NULL ? "" : cause);
}

enum mqtt_trouble mqtt_trouble_of(const char *text)
{
    static const struct {
        const char *part; /* of OpenSSL's words, of libmosquitto's, and of ours in mqtt_link.c; the first that fits counts */
        enum mqtt_trouble trouble;
    } words[] = {
        {"certificate has expired", MQTT_TROUBLE_EXPIRED},  {"not yet valid", MQTT_TROUBLE_NOT_YET_VALID},
        {"issuer certificate", MQTT_TROUBLE_UNKNOWN_CA},    {"self-signed", MQTT_TROUBLE_UNKNOWN_CA},
        {"host name", MQTT_TROUBLE_OTHER_NAME},             {"CA certificates", MQTT_TROUBLE_CA_FILE},
        {"client certificate", MQTT_TROUBLE_CLIENT_MISSING}, {"reset by peer", MQTT_TROUBLE_RESET},
        {" alert ", MQTT_TROUBLE_CLIENT_REFUSED},           {"TLS", MQTT_TROUBLE_TLS},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(text, words[i].part) != NULL)
            return words[i].trouble;
    return MQTT_TROUBLE_OTHER;
}
