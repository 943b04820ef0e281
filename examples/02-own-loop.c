/*
 * 02-own-loop: a program that has a loop of its own. The library gives it a descriptor to wait on and a call to make.
 *
 *     02-own-loop URL ROOT.PUB CACHE-FOLDER
 *
 * The other thing this loop waits for is standard input: each line asks for a setting by its JSON Pointer.
 */
#include <epoch/epoch.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int on_update(void *context, epoch_client *client, struct epoch_update *update)
{
    (void)context;
    (void)client;
    for (size_t i = 0; i < epoch_update_change_count(update); i++) {
        const char *pointer = epoch_update_change(update, i)->pointer; /* "" is the whole: the first configuration */
        printf("changes: %s\n", pointer[0] == '\0' ? "everything" : pointer);
    }
    fflush(stdout);
    return 0;
}

/* False at the end of the input. */
static int answer(epoch_client *client)
{
    char pointer[256], json[1024];
    ssize_t got = read(STDIN_FILENO, pointer, sizeof pointer - 1);
    if (got <= 0)
        return 0;
    pointer[got] = '\0';
    pointer[strcspn(pointer, "\n")] = '\0';
    struct epoch_config *config = epoch_get_config(client, NULL, NULL);
    const struct epoch_value *value = epoch_get_value(config, pointer, NULL);
    epoch_value_json(value, json, sizeof json);
    printf("%s: %s\n", pointer, value == NULL ? "is not there" : json);
    fflush(stdout);
    epoch_config_unref(config);
    return 1;
}

int main(int argc, char **argv)
{
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    if (argc != 4) {
        fprintf(stderr, "usage: 02-own-loop URL ROOT.PUB CACHE-FOLDER\n");
        return 2;
    }
    options.service = "stt-worker";
    options.url = argv[1];
    options.root_file = argv[2];
    options.cache = argv[3];
    options.on_update = on_update;
    if (epoch_open(&client, &options, &error) != 0) {
        fprintf(stderr, "%s [%s]\n", error.message, error.code);
        return 1;
    }
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = epoch_fd(client), .events = POLLIN}};
    do {
        epoch_dispatch(client, NULL); /* never waits, and the broker being away is no error */
        poll(ready, 2, epoch_timeout_ms(client));
    } while (ready[0].revents == 0 || answer(client));
    epoch_close(client);
    return 0;
}
