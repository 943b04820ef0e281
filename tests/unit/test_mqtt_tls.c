/*
 * mqtt over TLS: whom it trusts, against a private mosquitto with certificates made by openssl(1). Without
 * that program the tests are skipped, and say so.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker.h"
#include "model/codes.h"

static char folder[64];
static bool has_openssl;

static int run(const char *const *words)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, STDOUT_FILENO);
        dup2(nothing, STDERR_FILENO);
        if (folder[0] != '\0' && chdir(folder) != 0)
            _exit(126);
        char *argv[32];
        size_t len = 0;
        while (words[len] != NULL && len < ARRAY_LEN(argv) - 1) {
            argv[len] = strdup(words[len]);
            len++;
        }
        argv[len] = NULL;
        execvp(argv[0], argv);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

/* <name>.key and <name>.pem, signed by `ca`, or by itself where that is NULL. */
static void make_certificate(const char *name, const char *subject, const char *alternative, const char *ca)
{
    char key[64], pem[64], request[64], ca_pem[64], ca_key[64], extension[128];
    snprintf(key, sizeof key, "%s.key", name);
    snprintf(pem, sizeof pem, "%s.pem", name);
    snprintf(request, sizeof request, "%s.csr", name);
    snprintf(extension, sizeof extension, "subjectAltName=%s\n", alternative);
    write_file(folder, "extensions", extension);
    if (ca == NULL) {
        assert_int_equal(RUN("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", pem, "-days",
                             "2", "-subj", subject),
                         0);
        return;
    }
    snprintf(ca_pem, sizeof ca_pem, "%s.pem", ca);
    snprintf(ca_key, sizeof ca_key, "%s.key", ca);
    assert_int_equal(RUN("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                         "-nodes", "-keyout", key, "-out", request, "-subj", subject),
                     0);
    assert_int_equal(RUN("openssl", "x509", "-req", "-in", request, "-CA", ca_pem, "-CAkey", ca_key,
                         "-CAcreateserial", "-out", pem, "-days", "2", "-extfile", "extensions"),
                     0);
}

static int make_certificates(void **state)
{
    (void)state;
    has_openssl = RUN("openssl", "version") == 0;
    if (!has_openssl)
        return 0;
    make_folder(folder);
    make_certificate("ca", "/CN=test CA", "", NULL);
    make_certificate("other-ca", "/CN=another CA", "", NULL);
    make_certificate("server", "/CN=broker", "IP:127.0.0.1,DNS:localhost", "ca");
    make_certificate("elsewhere", "/CN=127.0.0.1", "DNS:elsewhere.example", "ca");
    make_certificate("client", "/CN=ann", "DNS:ann", "ca");
    assert_int_equal(RUN("openssl", "ec", "-in", "client.key", "-aes256", "-passout", "pass:s3cret", "-out",
                         "locked.key"),
                     0);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    if (has_openssl)
        remove_folder(folder);
    return 0;
}

/* --- */

struct scene {
    struct broker broker;
    char url[64], ca[96], cert[96], key[96];
};

static void in_folder(char out[static 96], const char *name)
{
    snprintf(out, 96, "%s/%s", folder, name);
}

/* A broker with the certificate `name` and further lines for its listener; the client knows the CA. */
static void begin(struct scene *scene, const char *name, const char *lines)
{
    char config[512];
    if (!has_openssl) {
        print_message("THERE IS NO openssl(1): THIS TEST IS SKIPPED\n");
        skip();
    }
    broker_prepare(&scene->broker);
    snprintf(config, sizeof config, "cafile %s/ca.pem\ncertfile %s/%s.pem\nkeyfile %s/%s.key\n%s", folder,
             folder, name, folder, name, lines);
    broker_start(&scene->broker, "", config);
    snprintf(scene->url, sizeof scene->url, "mqtts://127.0.0.1:%d", scene->broker.port);
    in_folder(scene->ca, "ca.pem");
    in_folder(scene->cert, "client.pem");
    in_folder(scene->key, "client.key");
}

/* Refused: at once if the broker is quick, else by an event. Its text is written to `text`. */
static int refusal(const struct mqtt_options *options, char text[static 768])
{
    struct peer peer;
    struct error err;
    int reason;
    peer_open_with(&peer, *options);
    if (mqtt_connect(peer.mqtt, &err) != 0) {
        snprintf(text, 768, "%s", err.message);
        reason = strstr(text, "TLS: ") != NULL ? MQTT_REASON_TLS : MQTT_REASON_NETWORK;
    } else {
        const struct seen *down = peer_next(&peer, MQTT_EVENT_DOWN);
        snprintf(text, 768, "%s", down->text);
        reason = down->reason;
    }
    assert_true(peer.wakeups < 30);
    peer_close(&peer);
    return reason;
}

static void check_refused(const struct mqtt_options *options, const char *part, enum mqtt_trouble trouble)
{
    char text[768];
    assert_int_equal(refusal(options, text), MQTT_REASON_TLS);
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    assert_int_equal(mqtt_trouble_of(text), trouble);
}

static void check_up(const struct mqtt_options *options)
{
    struct peer peer;
    peer_open_with(&peer, *options);
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    peer_publish_acked(&peer, "a", "x", true);
    mqtt_disconnect(peer.mqtt);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, 0);
    peer_close(&peer);
}

static void mqtt_tls__trusts_a_private_ca(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, "server", "");
    check_up(&(struct mqtt_options){.url = scene.url, .ca_file = scene.ca});
    broker_stop(&scene.broker);
}

/* "localhost" may be ::1 first, where no broker listens. */
static void mqtt_tls__tries_the_other_addresses_of_a_name(void **state)
{
    (void)state;
    enum { ATTEMPTS = 3 };
    struct scene scene;
    struct peer peer;
    char url[64];
    begin(&scene, "server", "");
    snprintf(url, sizeof url, "mqtts://localhost:%d", scene.broker.port);
    peer_open_with(&peer, (struct mqtt_options){.url = url, .ca_file = scene.ca});
    for (int i = 0; i < ATTEMPTS && !mqtt_is_up(peer.mqtt); i++) {
        peer_connect(&peer);
        for (size_t before = peer.len; peer.len == before;)
            peer_step(&peer, 1000);
    }
    peer.read = peer.len;
    assert_true(mqtt_is_up(peer.mqtt));
    peer_close(&peer);
    broker_stop(&scene.broker);
}

static void mqtt_tls__carries_large_messages_both_ways(void **state)
{
    (void)state;
    enum { LARGE = 320 * 1024, COUNT = 20 };
    struct scene scene;
    struct peer peer, reader;
    struct error err;
    char *payload = calloc(1, LARGE);
    assert_non_null(payload);
    begin(&scene, "server", "");
    struct mqtt_options options = {.url = scene.url, .ca_file = scene.ca};
    peer_open_with(&reader, options);
    peer_connect(&reader);
    peer_next(&reader, MQTT_EVENT_UP);
    peer_subscribe(&reader, "a", true);
    peer_open_with(&peer, options);
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(mqtt_publish(peer.mqtt, "a", (struct span){payload, LARGE}, 1, false, NULL, &err),
                         0);
    for (int i = 0; i < COUNT; i++)
        peer_next(&peer, MQTT_EVENT_ACK);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(peer_next(&reader, MQTT_EVENT_MESSAGE)->payload_len, LARGE);
    free(payload);
    peer_close(&peer);
    peer_close(&reader);
    broker_stop(&scene.broker);
}

static void mqtt_tls__trusts_no_other_ca(void **state)
{
    (void)state;
    struct scene scene;
    char other[96];
    begin(&scene, "server", "");
    in_folder(other, "other-ca.pem");
    /* The second half is OpenSSL's own: libmosquitto keeps it to itself. */
    check_refused(&(struct mqtt_options){.url = scene.url, .ca_file = other},
                  "TLS: certificate verify failed: self-signed certificate in certificate chain", MQTT_TROUBLE_UNKNOWN_CA);
    check_refused(&(struct mqtt_options){.url = scene.url}, "TLS: certificate verify failed: ", MQTT_TROUBLE_UNKNOWN_CA);
    broker_stop(&scene.broker);
}

static void mqtt_tls__checks_the_name_of_the_host(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene, "elsewhere", "");
    check_refused(&(struct mqtt_options){.url = scene.url, .ca_file = scene.ca},
                  "host name verification failed", MQTT_TROUBLE_OTHER_NAME);
    broker_stop(&scene.broker);
}

static void mqtt_tls__shows_its_own_certificate(void **state)
{
    (void)state;
    struct scene scene;
    char text[768];
    begin(&scene, "server", "require_certificate true\n");
    struct mqtt_options options = {.url = scene.url,
                                   .ca_file = scene.ca,
                                   .cert_file = scene.cert,
                                   .key_file = scene.key};
    check_up(&options);
    /* In TLS 1.3 the broker judges after the client is done; its alert may be lost in the reset that follows.
     */
    options.cert_file = options.key_file = NULL;
    if (refusal(&options, text) == MQTT_REASON_TLS && strstr(text, "certificate required") == NULL)
        fail_msg("it says \"%s\"", text);
    broker_stop(&scene.broker);
}

static void check_at_once(const struct mqtt_options *options, const char *part, enum mqtt_trouble trouble)
{
    struct peer peer;
    struct error err;
    peer_open_with(&peer, *options);
    assert_int_equal(mqtt_connect(peer.mqtt, &err), -1);
    assert_string_equal(err.code, CODE_BROKER_TLS);
    if (strstr(err.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    assert_int_equal(mqtt_trouble_of(err.message), trouble);
    peer_close(&peer);
}

static void mqtt_tls__says_which_file_is_no_certificate(void **state)
{
    (void)state;
    struct scene scene;
    char locked[96];
    begin(&scene, "server", "");
    in_folder(locked, "locked.key");
    check_at_once(&(struct mqtt_options){.url = scene.url, .ca_file = scene.key}, "client.key", MQTT_TROUBLE_CA_FILE);
    check_at_once(&(struct mqtt_options){.url = scene.url,
                                         .ca_file = scene.ca,
                                         .cert_file = scene.key,
                                         .key_file = scene.key},
                  "client certificate", MQTT_TROUBLE_CLIENT_MISSING);
    /* A key with a passphrase: refused, and nobody is asked at the terminal. */
    check_at_once(&(struct mqtt_options){.url = scene.url,
                                         .ca_file = scene.ca,
                                         .cert_file = scene.cert,
                                         .key_file = locked},
                  "locked.key", MQTT_TROUBLE_TLS);
    broker_stop(&scene.broker);
}

static void mqtt_tls__is_down_when_the_broker_is_killed(void **state)
{
    (void)state;
    struct scene scene;
    struct peer peer;
    begin(&scene, "server", "");
    peer_open_with(&peer, (struct mqtt_options){.url = scene.url, .ca_file = scene.ca});
    peer_connect(&peer);
    peer_next(&peer, MQTT_EVENT_UP);
    broker_kill(&scene.broker, SIGKILL);
    assert_int_equal(peer_next(&peer, MQTT_EVENT_DOWN)->reason, MQTT_REASON_NETWORK);
    assert_true(peer.wakeups < 30);
    peer_close(&peer);
    broker_stop(&scene.broker);
}

/* What a broker says of a certificate of ours comes too late for some connections: the words alone. */
static void mqtt_trouble_of__knows_the_words_of_the_library(void **state)
{
    (void)state;
    assert_int_equal(mqtt_trouble_of("TLS: certificate verify failed: certificate has expired"), MQTT_TROUBLE_EXPIRED);
    assert_int_equal(mqtt_trouble_of("TLS: certificate verify failed: certificate is not yet valid"), MQTT_TROUBLE_NOT_YET_VALID);
    assert_int_equal(mqtt_trouble_of("TLS: tlsv13 alert certificate required"), MQTT_TROUBLE_CLIENT_REFUSED);
    assert_int_equal(mqtt_trouble_of("Connection reset by peer"), MQTT_TROUBLE_RESET);
    assert_int_equal(mqtt_trouble_of("TLS: wrong version number"), MQTT_TROUBLE_TLS);
    assert_int_equal(mqtt_trouble_of("Connection refused"), MQTT_TROUBLE_OTHER);
    assert_int_equal(mqtt_trouble_of(""), MQTT_TROUBLE_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mqtt_tls__trusts_a_private_ca),
        cmocka_unit_test(mqtt_tls__tries_the_other_addresses_of_a_name),
        cmocka_unit_test(mqtt_tls__carries_large_messages_both_ways),
        cmocka_unit_test(mqtt_tls__trusts_no_other_ca),
        cmocka_unit_test(mqtt_tls__checks_the_name_of_the_host),
        cmocka_unit_test(mqtt_tls__shows_its_own_certificate),
        cmocka_unit_test(mqtt_tls__says_which_file_is_no_certificate),
        cmocka_unit_test(mqtt_trouble_of__knows_the_words_of_the_library),
        cmocka_unit_test(mqtt_tls__is_down_when_the_broker_is_killed),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
