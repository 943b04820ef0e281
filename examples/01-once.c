/*
 * 01-once: read the settings once and go on, as a batch job or a start script does.
 *
 *     01-once URL ROOT.PUB CACHE-FOLDER          cc 01-once.c $(pkg-config --cflags --libs epoch)
 *
 * What the disk knows is there at once. If there is nothing, it asks the broker, for five seconds at most.
 */
#include <epoch/epoch.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_status status = EPOCH_STATUS_INIT;
    struct epoch_error error;
    epoch_client *client;
    if (argc != 4) {
        fprintf(stderr, "usage: 01-once URL ROOT.PUB CACHE-FOLDER\n");
        return 2;
    }
    options.service = "stt-worker";
    options.url = argv[1];
    options.root_file = argv[2];
    options.cache = argv[3];
    options.is_silent = true; /* nobody waits for the acknowledgement of a job that is over in a moment */
    if (epoch_open(&client, &options, &error) != 0) {
        fprintf(stderr, "%s [%s]\n", error.message, error.code);
        return 1;
    }
    if (epoch_wait(client, EPOCH_UNTIL_CURRENT, 5000, &error) != 0)
        fprintf(stderr, "going on with what is known: %s [%s]\n", error.message, error.code);

    struct epoch_config *config = epoch_get_config(client, NULL, &error);
    if (config == NULL)
        fprintf(stderr, "going on with what is built in: %s [%s]\n", error.message, error.code);
    enum epoch_found found;
    double threshold = epoch_number(config, "/vad_threshold", 0.5, &found);
    printf("vad_threshold %g%s\n", threshold, found == EPOCH_FOUND ? "" : " (built in)");
    printf("whisper_model %s\n", epoch_string(config, "/whisper_model", "tiny.en", NULL));
    printf("beam_size %lld\n", (long long)epoch_integer(config, "/beam_size", 5, NULL));

    epoch_get_status(client, &status, NULL);
    printf("epoch %llu, %s\n", (unsigned long long)status.epoch, status.freshness_name);
    epoch_config_unref(config);
    epoch_close(client);
    return 0;
}
