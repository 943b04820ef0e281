/*
 * host: an application with habits of its own, which libepoch has to live with. The first argument says which; then
 * come the broker's URL, root.pub and a folder for the cache. Exit 0 and "ok" as the last line: all was as it should be.
 *
 *   signals     a timer's signal every millisecond, without SA_RESTART: every call is interrupted
 *   closed      descriptors 0, 1 and 2 are closed before anything is opened
 *   mosquitto   uses libmosquitto for itself, and cleans it up while the client runs
 *   comma       a locale whose decimal point is a comma
 *   two         a second client: … URL ROOT SOURCE PREFIX of the other publisher
 *   cycles N    opens and closes again and again: no descriptor and no memory is left
 */
#include <epoch/epoch.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <mosquitto.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define SERVICE "stt-worker"
#define POINTER "/sample_rate"

enum { PATIENCE_MS = 60000, WARM_CYCLES = 20, HEAP_MORE_MAX = 64 * 1024 };

static volatile sig_atomic_t alarms;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void check(bool holds, const char *what)
{
    if (!holds)
        fail(what, "does not hold");
}

static epoch_client *open_client(char **words, const char *source, const char *prefix)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    options.service = SERVICE;
    options.url = words[0];
    options.root_file = words[1];
    options.cache = words[2];
    options.lkg_file = "";
    options.source = source;
    options.prefix = prefix;
    options.instance = "host";
    if (epoch_open(&client, &options, &error) != 0)
        fail("epoch_open", error.message);
    return client;
}

static void wait_until(epoch_client *client, enum epoch_until until)
{
    struct epoch_error error;
    if (epoch_wait(client, until, PATIENCE_MS, &error) != 0)
        fail("epoch_wait", error.message);
}

static int64_t value(epoch_client *client)
{
    struct epoch_config *config = epoch_get_config(client, SERVICE, NULL);
    int64_t found = epoch_integer(config, POINTER, -1, NULL);
    epoch_config_unref(config);
    return found;
}

/* The application's own loop, until the value is that. */
static void follow_to(epoch_client *client, int64_t wanted)
{
    struct epoch_error error;
    while (value(client) != wanted) {
        struct pollfd ready = {.fd = epoch_fd(client), .events = POLLIN};
        if (poll(&ready, 1, epoch_timeout_ms(client)) < 0 && errno != EINTR)
            fail("poll", strerror(errno));
        if (epoch_dispatch(client, &error) != 0)
            fail("epoch_dispatch", error.message);
    }
}

/* The test commits the next value when it reads this. */
static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

/* --- habits --------------------------------------------------------------------------------------------------------- */

static void on_alarm_signal(int number)
{
    (void)number;
    alarms = alarms + 1;
}

static void signals(char **words)
{
    struct sigaction ours = {.sa_handler = on_alarm_signal}, after;
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    struct itimerval left;
    sigset_t before_mask, after_mask;
    sigaction(SIGALRM, &ours, NULL);
    sigaction(SIGPIPE, &ours, NULL);
    sigprocmask(SIG_SETMASK, NULL, &before_mask);
    setitimer(ITIMER_REAL, &often, NULL);
    epoch_client *client = open_client(words, NULL, NULL);
    wait_until(client, EPOCH_UNTIL_CURRENT);
    say("ready");
    follow_to(client, 2);
    epoch_close(client);
    sigprocmask(SIG_SETMASK, NULL, &after_mask);
    for (int number = 1; number < NSIG; number++)
        check(sigismember(&before_mask, number) == sigismember(&after_mask, number), "the mask is as it was");
    check(getitimer(ITIMER_REAL, &left) == 0 && left.it_interval.tv_usec == 1000, "the timer goes on");
    sigaction(SIGALRM, NULL, &after);
    check(after.sa_handler == on_alarm_signal && alarms > 0, "the handler of SIGALRM is ours, and was called");
    sigaction(SIGPIPE, NULL, &after);
    check(after.sa_handler == on_alarm_signal, "the handler of SIGPIPE is ours");
}

/* What goes wrong here can be told by the exit code alone, until the descriptors are back. */
static void closed(char **words)
{
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100), err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
    for (int fd = 0; fd <= 2; fd++)
        close(fd);
    epoch_client *client = open_client(words, NULL, NULL);
    wait_until(client, EPOCH_UNTIL_FRESH);
    bool is_read = value(client) == 1;
    epoch_close(client);
    bool are_closed = true;
    for (int fd = 0; fd <= 2; fd++)
        are_closed &= fcntl(fd, F_GETFD) < 0;
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    check(is_read, "the configuration is read");
    check(are_closed, "0, 1 and 2 are free again");
}

static void with_mosquitto(char **words)
{
    int port = atoi(strrchr(words[0], ':') + 1);
    mosquitto_lib_init();
    struct mosquitto *own = mosquitto_new(NULL, true, NULL);
    check(own != NULL && mosquitto_connect(own, "127.0.0.1", port, 60) == MOSQ_ERR_SUCCESS, "the host is connected");
    epoch_client *client = open_client(words, NULL, NULL);
    wait_until(client, EPOCH_UNTIL_CURRENT);
    mosquitto_disconnect(own);
    mosquitto_destroy(own);
    mosquitto_lib_cleanup();
    say("ready");
    follow_to(client, 2);
    epoch_close(client);
    client = open_client(words, NULL, NULL);
    wait_until(client, EPOCH_UNTIL_FRESH);
    epoch_close(client);
}

static void comma(char **words)
{
    static const struct epoch_env env = {NULL, "/from_environment", "NUMBER", EPOCH_NUMBER};
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    char text[16];
    if (setlocale(LC_ALL, "") == NULL || strcmp(localeconv()->decimal_point, ",") != 0)
        fail("setlocale", "no decimal comma");
    setenv("NUMBER", "1.5", 1);
    options.service = SERVICE;
    options.url = words[0];
    options.root_file = words[1];
    options.lkg_file = "";
    options.env = &env;
    options.env_len = 1;
    if (epoch_open(&client, &options, &error) != 0)
        fail("epoch_open", error.message);
    wait_until(client, EPOCH_UNTIL_CURRENT);
    struct epoch_config *config = epoch_get_config(client, SERVICE, NULL);
    check(epoch_number(config, "/threshold", 0, NULL) == 0.25, "0.25 is read");
    check(epoch_number(config, "/from_environment", 0, NULL) == 1.5, "1.5 is read from the environment");
    epoch_value_json(epoch_get_value(config, "/threshold", NULL), text, sizeof text);
    check(strcmp(text, "0.25") == 0, "0.25 is written");
    epoch_config_unref(config);
    epoch_close(client);
}

static void two(char **words)
{
    char *other_words[] = {words[3], words[4], words[7]};
    struct epoch_error error;
    epoch_client *one = open_client(words, NULL, NULL), *other = open_client(other_words, words[5], words[6]);
    check(epoch_start(one, &error) == 0 && epoch_start(other, &error) == 0, "both threads run");
    wait_until(one, EPOCH_UNTIL_FRESH);
    wait_until(other, EPOCH_UNTIL_FRESH);
    check(value(one) == 1 && value(other) == 100, "each has its own");
    epoch_close(other);
    check(epoch_stop(one, &error) == 0, "the thread ends");
    say("ready");
    follow_to(one, 2);
    epoch_close(one);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void cycle(char **words, bool is_connected)
{
    char *offline[] = {NULL, words[1], words[2]};
    epoch_client *client = open_client(is_connected ? words : offline, NULL, NULL);
    if (is_connected)
        wait_until(client, EPOCH_UNTIL_CURRENT);
    check(value(client) == 1, "the value is there");
    epoch_close(client);
}

static void cycles(char **words)
{
    int count = atoi(words[3]);
    for (int i = 0; i < WARM_CYCLES; i++)
        cycle(words, true);
    int descriptors = open_descriptors();
    size_t heap = mallinfo2().uordblks;
    for (int i = 0; i < count; i++)
        cycle(words, i % 2 == 0);
    check(open_descriptors() == descriptors, "no descriptor is left");
    check(mallinfo2().uordblks < heap + HEAP_MORE_MAX, "no memory is left");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(char **words);
        int words;
    } habits[] = {{"signals", signals, 3}, {"closed", closed, 3}, {"mosquitto", with_mosquitto, 3}, {"comma", comma, 3},
                  {"two", two, 8},         {"cycles", cycles, 4}};
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
        if (argc < 2 || strcmp(argv[1], habits[i].name) != 0 || argc != 2 + habits[i].words)
            continue;
        habits[i].run(argv + 2);
        say("ok");
        return 0;
    }
    fail("usage", "host HABIT URL ROOT CACHE …");
    return 2;
}
