/*
 * probe: a program that uses libepoch and nothing else of ours. The integration tests drive it: options as words `name=value`,
 * commands as lines on standard input, everything that happens as one JSON line on standard output.
 *
 *   service=NAME (again and again) | all, url=, root=, cache=, lkg=, lkg_key=, instance=, instance_key=, prefix=, source=,
 *   env=SERVICE:POINTER:VARIABLE:TYPE, max_offline=SECONDS, silent, thread
 *
 *   get SERVICE [POINTER] · status · wait config|current|fresh MS · refuse [REASON] · accept · restart POINTER · services · fork SERVICE ·
 *   sigpipe · quit
 */
#include <epoch/epoch.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ITEMS_MAX = 20000, LINE_SIZE = 4096 };

struct probe {
    epoch_client *client;
    char refusal[512]; /* "": everything is taken */
    char restart[256];
    bool is_quitting;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void put_text(const char *text)
{
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if (*c < 0x20)
            printf("\\u%04x", (unsigned)*c);
        else
            putchar(*c);
    putchar('"');
}

static void put_value(const struct epoch_value *value)
{
    size_t len = epoch_value_json(value, NULL, 0);
    char *text = malloc(len + 1);
    if (value == NULL || text == NULL) {
        fputs("null", stdout);
    } else {
        epoch_value_json(value, text, len + 1);
        fputs(text, stdout);
    }
    free(text);
}

static void end_line(void)
{
    puts("}");
    fflush(stdout);
}

static void put_error(const char *what, const struct epoch_error *error)
{
    printf("{\"event\":\"error\",\"what\":\"%s\",\"code\":\"%s\",\"message\":", what, error->code);
    put_text(error->message);
    end_line();
}

/* --- callbacks ---------------------------------------------------------------------------------------------------- */

static int on_update(void *context, epoch_client *client, struct epoch_update *update)
{
    struct probe *probe = context;
    const struct epoch_config *config = epoch_update_config(update), *before = epoch_update_before(update);
    struct epoch_error busy = {0};
    int rc = epoch_dispatch(client, &busy);
    printf("{\"event\":\"update\",\"service\":\"%s\",\"epoch\":%" PRIu64 ",\"version\":%" PRIu64
           ",\"removed\":%s,\"before\":%s,\"inside\":\"%s\",\"at_us\":%" PRId64 ",\"changes\":[",
           epoch_config_service(config), epoch_config_epoch(config), epoch_config_version(config),
           epoch_config_is_removed(config) ? "true" : "false", before == NULL ? "null" : epoch_config_json(before, NULL),
           rc == 0 ? "" : busy.code, now_us());
    for (size_t i = 0; i < epoch_update_change_count(update); i++) {
        const struct epoch_change *change = epoch_update_change(update, i);
        printf("%s{\"key\":", i == 0 ? "" : ",");
        put_text(change->pointer);
        fputs(",\"before\":", stdout);
        put_value(change->before);
        fputs(",\"after\":", stdout);
        put_value(change->after);
        putchar('}');
    }
    fputs("],\"config\":", stdout);
    fputs(epoch_config_json(config, NULL), stdout);
    end_line();
    if (probe->restart[0] != '\0')
        epoch_update_needs_restart(update, probe->restart);
    return probe->refusal[0] == '\0' ? 0 : epoch_update_refuse(update, probe->refusal);
}

static void put_status(const char *event, const struct epoch_status *status)
{
    printf("{\"event\":\"%s\",\"freshness\":\"%s\",\"reason\":\"%s\",\"age_ms\":%" PRId64 ",\"epoch\":%" PRIu64
           ",\"generation\":%" PRIu64 ",\"connected\":%s,\"unusable\":%s,\"detail\":",
           event, status->freshness_name, status->reason, status->age_ms, status->epoch, status->generation,
           status->is_connected ? "true" : "false", status->is_unusable ? "true" : "false");
    put_text(status->detail);
    end_line();
}

static void on_status(void *context, epoch_client *client, const struct epoch_status *status)
{
    (void)context;
    (void)client;
    put_status("status", status);
}

static void on_alarm(void *context, epoch_client *client, const struct epoch_alarm *alarm)
{
    (void)context;
    (void)client;
    printf("{\"event\":\"alarm\",\"code\":\"%s\",\"attack\":%s,\"where\":", alarm->code, alarm->is_attack ? "true" : "false");
    put_text(alarm->where);
    fputs(",\"message\":", stdout);
    put_text(alarm->message);
    end_line();
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

static void get(struct probe *probe, const char *service, const char *pointer)
{
    static const char *const sources[] = {"default", "repository", "environment"};
    static const char *const found_names[] = {"found", "absent", "wrong-type", "bad-pointer"};
    struct epoch_error error;
    enum epoch_found found;
    struct epoch_config *config = epoch_get_config(probe->client, service, &error);
    if (config == NULL) {
        put_error("get", &error);
        return;
    }
    const struct epoch_value *value = epoch_get_value(config, pointer, &found);
    const char *variable = epoch_value_variable(config, pointer);
    printf("{\"event\":\"value\",\"found\":\"%s\",\"source\":\"%s\",\"variable\":\"%s\",\"epoch\":%" PRIu64 ",\"version\":%" PRIu64
           ",\"removed\":%s,\"commit\":\"%s\",\"value\":",
           found_names[found], sources[epoch_value_source(config, pointer)], variable == NULL ? "" : variable,
           epoch_config_epoch(config), epoch_config_version(config), epoch_config_is_removed(config) ? "true" : "false",
           epoch_config_commit(config));
    put_value(value);
    end_line();
    epoch_config_unref(config);
}

static void wait_for(struct probe *probe, const char *until, int timeout_ms)
{
    struct epoch_error error;
    enum epoch_until what = strcmp(until, "config") == 0    ? EPOCH_UNTIL_CONFIG
                            : strcmp(until, "current") == 0 ? EPOCH_UNTIL_CURRENT
                                                            : EPOCH_UNTIL_FRESH;
    int64_t begin = now_us();
    if (epoch_wait(probe->client, what, timeout_ms, &error) != 0) {
        put_error("wait", &error);
        return;
    }
    printf("{\"event\":\"waited\",\"us\":%" PRId64, now_us() - begin);
    end_line();
}

static void count_service(void *context, const char *service)
{
    (void)service;
    ++*(size_t *)context;
}

static void count_services(struct probe *probe)
{
    size_t count = 0;
    epoch_each_service(probe->client, count_service, &count, NULL);
    printf("{\"event\":\"services\",\"count\":%zu", count);
    end_line();
}

/* What a child may do with the client of its parent. */
static void try_fork(struct probe *probe, const char *service)
{
    struct epoch_error error = {0};
    struct epoch_config *config = epoch_get_config(probe->client, service, &error);
    pid_t child = fork();
    if (child == 0) {
        int rc = epoch_dispatch(probe->client, &error);
        bool is_refused = rc != 0 && strcmp(error.code, "forked") == 0 && epoch_fd(probe->client) < 0 &&
                          epoch_get_config(probe->client, service, NULL) == NULL;
        bool is_readable = epoch_config_json(config, NULL)[0] == '{';
        epoch_config_unref(config);
        epoch_close(probe->client);
        _exit(is_refused && is_readable ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    epoch_config_unref(config);
    printf("{\"event\":\"forked\",\"ok\":%s", status == 0 ? "true" : "false");
    end_line();
}

static void look_at_sigpipe(void)
{
    struct sigaction action;
    sigset_t blocked;
    sigaction(SIGPIPE, NULL, &action);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    bool is_untouched = action.sa_handler == SIG_DFL && sigismember(&blocked, SIGPIPE) == 0;
    printf("{\"event\":\"sigpipe\",\"untouched\":%s", is_untouched ? "true" : "false");
    end_line();
}

static void command(struct probe *probe, char *line)
{
    struct epoch_status status = EPOCH_STATUS_INIT;
    char *rest, *verb = strtok_r(line, " \n", &rest), *word = strtok_r(NULL, " \n", &rest);
    if (verb == NULL)
        return;
    if (strcmp(verb, "get") == 0)
        get(probe, word, strspn(rest, " ") < strlen(rest) ? strtok_r(NULL, " \n", &rest) : "");
    else if (strcmp(verb, "status") == 0 && epoch_get_status(probe->client, &status, NULL) == 0)
        put_status("asked", &status);
    else if (strcmp(verb, "wait") == 0)
        wait_for(probe, word, atoi(strtok_r(NULL, " \n", &rest)));
    else if (strcmp(verb, "refuse") == 0)
        snprintf(probe->refusal, sizeof probe->refusal, "%s %s", word, strtok_r(NULL, "\n", &rest));
    else if (strcmp(verb, "accept") == 0)
        probe->refusal[0] = '\0';
    else if (strcmp(verb, "restart") == 0)
        snprintf(probe->restart, sizeof probe->restart, "%s", word);
    else if (strcmp(verb, "services") == 0)
        count_services(probe);
    else if (strcmp(verb, "fork") == 0)
        try_fork(probe, word);
    else if (strcmp(verb, "sigpipe") == 0)
        look_at_sigpipe();
    else if (strcmp(verb, "quit") == 0)
        probe->is_quitting = true;
}

/* --- options ------------------------------------------------------------------------------------------------------ */

struct words {
    struct epoch_options options;
    const char *services[ITEMS_MAX];
    struct epoch_env env[16];
    bool has_thread;
};

static const char *after(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

static void add_env(struct words *words, const char *text)
{
    static const char *const types[] = {"any", "null", "boolean", "integer", "number", "string", "array", "object"};
    char *copy = strdup(text), *rest;
    struct epoch_env *env = &words->env[words->options.env_len++];
    env->service = strtok_r(copy, ":", &rest);
    env->pointer = strtok_r(NULL, ":", &rest);
    env->variable = strtok_r(NULL, ":", &rest);
    const char *type = strtok_r(NULL, ":", &rest);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (type != NULL && strcmp(type, types[i]) == 0)
            env->type = (enum epoch_type)i;
    words->options.env = words->env;
}

static void read_word(struct words *words, const char *word)
{
    struct epoch_options *o = &words->options;
    struct {
        const char *name;
        const char **out;
    } strings[] = {{"url", &o->url},           {"root", &o->root_file},         {"cache", &o->cache},
                   {"lkg", &o->lkg_file},      {"lkg_key", &o->lkg_key_file},   {"instance", &o->instance},
                   {"prefix", &o->prefix},     {"instance_key", &o->instance_key}, {"source", &o->source},
                   {"client_id", &o->client_id}, {"ca_file", &o->ca_file},
                   {"username", &o->username},   {"password_file", &o->password_file}};
    const char *value;
    if ((value = after(word, "service")) != NULL) {
        words->services[o->services_len++] = value;
        o->services = words->services;
    } else if ((value = after(word, "env")) != NULL) {
        add_env(words, value);
    } else if ((value = after(word, "max_offline")) != NULL) {
        o->policy = EPOCH_UNUSABLE_OFFLINE;
        o->max_offline_s = (uint32_t)atoi(value);
    }
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        if ((value = after(word, strings[i].name)) != NULL)
            *strings[i].out = value;
    o->follow_all |= strcmp(word, "all") == 0;
    o->is_silent |= strcmp(word, "silent") == 0;
    words->has_thread |= strcmp(word, "thread") == 0;
}

static void loop(struct probe *probe, bool has_thread)
{
    char line[LINE_SIZE];
    struct epoch_error error;
    setvbuf(stdin, NULL, _IONBF, 0);
    while (!probe->is_quitting) {
        struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = epoch_fd(probe->client), .events = POLLIN}};
        poll(ready, has_thread ? 1 : 2, has_thread ? -1 : epoch_timeout_ms(probe->client));
        if (!has_thread && epoch_dispatch(probe->client, &error) != 0)
            put_error("dispatch", &error);
        if (ready[0].revents == 0)
            continue;
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        command(probe, line);
    }
}

int main(int argc, char **argv)
{
    static struct words words = {.options = EPOCH_OPTIONS_INIT};
    struct probe probe = {0};
    struct epoch_error error;
    words.options.context = &probe;
    words.options.on_update = on_update;
    words.options.on_status = on_status;
    words.options.on_alarm = on_alarm;
    words.options.lkg_file = "";
    for (int i = 1; i < argc; i++)
        read_word(&words, argv[i]);
    int64_t begin = now_us();
    if (epoch_open(&probe.client, &words.options, &error) != 0) {
        put_error("open", &error);
        return 3;
    }
    printf("{\"event\":\"opened\",\"us\":%" PRId64, now_us() - begin);
    end_line();
    if (words.has_thread && epoch_start(probe.client, &error) != 0)
        put_error("start", &error);
    loop(&probe, words.has_thread);
    epoch_close(probe.client);
    return 0;
}
