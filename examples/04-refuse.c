/*
 * 04-refuse: a service that looks before it takes. What it refuses does not come into force, and whoever committed it reads
 * the reason in `epochctl status` and in the answer to the push.
 *
 *     04-refuse URL ROOT.PUB CACHE-FOLDER VOICE…      the voices that are installed
 */
#include <epoch/epoch.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char **voices; /* ends with NULL, as argv does */

static bool is_installed(const char *voice)
{
    for (char **one = voices; *one != NULL; one++)
        if (strcmp(*one, voice) == 0)
            return true;
    return false;
}

/* 0: it comes into force. */
static int on_update(void *context, epoch_client *client, struct epoch_update *update)
{
    const struct epoch_config *config = epoch_update_config(update);
    const char *voice = epoch_string(config, "/voice", "", NULL);
    char reason[128];
    (void)context;
    (void)client;
    if (epoch_config_is_removed(config)) {
        printf("no longer configured; the last values stay\n");
        return 0;
    }
    if (!is_installed(voice)) {
        snprintf(reason, sizeof reason, "no such voice: %s", voice);
        printf("refused: %s\n", reason);
        return epoch_update_refuse(update, reason);
    }
    if (epoch_update_before(update) != NULL && epoch_update_touches(update, "/sample_rate"))
        epoch_update_needs_restart(update, "/sample_rate"); /* taken, and the acknowledgement says that it waits */
    printf("takes version %llu, voice %s\n", (unsigned long long)epoch_config_version(config), voice);
    return 0;
}

int main(int argc, char **argv)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    if (argc < 5) {
        fprintf(stderr, "usage: 04-refuse URL ROOT.PUB CACHE-FOLDER VOICE…\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    voices = argv + 4;
    options.service = "tts-worker";
    options.url = argv[1];
    options.root_file = argv[2];
    options.cache = argv[3];
    options.on_update = on_update;
    if (epoch_open(&client, &options, &error) != 0 || epoch_start(client, &error) != 0) {
        fprintf(stderr, "%s [%s]\n", error.message, error.code);
        return 1;
    }
    while (getchar() != EOF) /* a real service does its work here */
        continue;
    epoch_close(client);
    return 0;
}
