/*
 * 05-services: one program that follows several services, and sees them change together. What it reads of them at one time
 * is of one epoch: never the router of today with the voice of yesterday. A setting that the environment holds stays held.
 *
 *     ROUTER_CONFIDENCE=0.9 05-services URL ROOT.PUB CACHE-FOLDER
 */
#include <epoch/epoch.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static const char *const services[] = {"router", "tts-worker"};
enum { SERVICES_LEN = sizeof services / sizeof services[0] };

static const struct epoch_env overrides[] = {
    {.service = "router", .pointer = "/confidence_threshold", .variable = "ROUTER_CONFIDENCE", .type = EPOCH_NUMBER},
};
static const char *const source_names[] = {"built in", "repository", "environment"};

static void show(epoch_client *client, uint64_t epoch)
{
    struct epoch_config *config[SERVICES_LEN] = {NULL};
    if (epoch_get_configs(client, services, SERVICES_LEN, config, NULL) != 0 || config[0] == NULL)
        return;
    printf("epoch %llu: confidence_threshold %g (%s), voice %s\n", (unsigned long long)epoch,
           epoch_number(config[0], "/confidence_threshold", 0.5, NULL),
           source_names[epoch_value_source(config[0], "/confidence_threshold")], epoch_string(config[1], "/voice", "nobody", NULL));
    const struct epoch_value *routes = epoch_get_value(config[0], "/routes", NULL);
    for (size_t i = 0; i < epoch_value_count(routes); i++) {
        const struct epoch_value *route = epoch_value_at(routes, i, NULL);
        printf("  %s goes to %s\n", epoch_value_string(epoch_value_member(route, "intent")),
               epoch_value_string(epoch_value_member(route, "service")));
    }
    for (size_t i = 0; i < SERVICES_LEN; i++)
        epoch_config_unref(config[i]);
}

int main(int argc, char **argv)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_status status = EPOCH_STATUS_INIT;
    struct epoch_error error;
    epoch_client *client;
    if (argc != 4) {
        fprintf(stderr, "usage: 05-services URL ROOT.PUB CACHE-FOLDER\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    options.services = services;
    options.services_len = SERVICES_LEN;
    options.url = argv[1];
    options.root_file = argv[2];
    options.cache = argv[3];
    options.env = overrides;
    options.env_len = sizeof overrides / sizeof overrides[0];
    if (epoch_open(&client, &options, &error) != 0) {
        fprintf(stderr, "%s [%s]\n", error.message, error.code);
        return 1;
    }
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = epoch_fd(client), .events = POLLIN}};
    for (uint64_t shown = 0; ready[0].revents == 0; shown = status.epoch) {
        epoch_dispatch(client, NULL);
        epoch_get_status(client, &status, NULL);
        if (status.epoch != shown) /* an epoch is applied for all of them at once */
            show(client, status.epoch);
        poll(ready, 2, epoch_timeout_ms(client));
    }
    epoch_close(client);
    return 0;
}
