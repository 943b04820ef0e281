/*
 * 03-thread: a program that has no loop. The library follows the broker on a thread of its own; the worker takes the
 * configuration as it is when a piece of work begins, and keeps it until that piece is done.
 *
 *     03-thread URL ROOT.PUB CACHE-FOLDER        each line of standard input is a piece of work
 */
#include <epoch/epoch.h>

#include <stdio.h>
#include <string.h>

/* On the library's thread. It may read the client, and it should be quick. */
static void on_status(void *context, epoch_client *client, const struct epoch_status *status)
{
    (void)context;
    (void)client;
    fprintf(stderr, "%s%s%s, epoch %llu%s\n", status->freshness_name, status->reason[0] != '\0' ? " " : "", status->reason,
            (unsigned long long)status->epoch, status->is_connected ? "" : ", no broker");
}

/* Something was not believed. What is in force stays; somebody should look. */
static void on_alarm(void *context, epoch_client *client, const struct epoch_alarm *alarm)
{
    (void)context;
    (void)client;
    fprintf(stderr, "%s%s: %s [%s]\n", alarm->is_attack ? "ATTACK: " : "", alarm->where, alarm->message, alarm->code);
}

static void work(epoch_client *client, const char *piece)
{
    /* One look, one configuration: it does not change under our hands while the next epoch arrives. */
    struct epoch_config *config = epoch_get_config(client, NULL, NULL);
    printf("%s: spoken by %s at %g, version %llu\n", piece, epoch_string(config, "/voice", "nobody", NULL),
           epoch_number(config, "/speed", 1.0, NULL), config == NULL ? 0ULL : (unsigned long long)epoch_config_version(config));
    fflush(stdout);
    epoch_config_unref(config);
}

int main(int argc, char **argv)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    char line[256];
    if (argc != 4) {
        fprintf(stderr, "usage: 03-thread URL ROOT.PUB CACHE-FOLDER\n");
        return 2;
    }
    options.service = "tts-worker";
    options.url = argv[1];
    options.root_file = argv[2];
    options.cache = argv[3];
    options.on_status = on_status;
    options.on_alarm = on_alarm;
    if (epoch_open(&client, &options, &error) != 0 || epoch_start(client, &error) != 0) {
        fprintf(stderr, "%s [%s]\n", error.message, error.code);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        work(client, line);
    }
    epoch_close(client);
    return 0;
}
