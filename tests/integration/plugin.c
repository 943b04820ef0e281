/*
 * plugin: an application that loads libepoch, uses it, unloads it, and does so again; one that asks for a host's name first, for which
 * the library has a thread of its own. Usage: plugin LIBEPOCH URL ROOT
 */
#include <epoch/epoch.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 3, PATIENCE_MS = 60000 };

static void *find(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    if (symbol == NULL)
        exit(3);
    return symbol;
}

static int use(void *library, char **words, bool until_current)
{
    __typeof__(&epoch_open) open_client = (__typeof__(&epoch_open))find(library, "epoch_open");
    __typeof__(&epoch_dispatch) dispatch = (__typeof__(&epoch_dispatch))find(library, "epoch_dispatch");
    __typeof__(&epoch_wait) wait_for = (__typeof__(&epoch_wait))find(library, "epoch_wait");
    __typeof__(&epoch_close) close_client = (__typeof__(&epoch_close))find(library, "epoch_close");
    struct epoch_options options = EPOCH_OPTIONS_INIT;
    struct epoch_error error;
    epoch_client *client;
    options.service = "stt-worker";
    options.url = words[0];
    options.root_file = words[1];
    options.lkg_file = "";
    int rc = open_client(&client, &options, &error);
    if (rc == 0) {
        rc = until_current ? wait_for(client, EPOCH_UNTIL_CURRENT, PATIENCE_MS, &error) : dispatch(client, &error);
        close_client(client);
    }
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", error.code, error.message);
    return rc;
}

int main(int argc, char **argv)
{
    for (int i = 0; argc == 4 && i < ROUNDS; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        /* The last round waits; the others leave a name that is still being looked up. */
        if (use(library, argv + 2, i == ROUNDS - 1) != 0 || dlclose(library) != 0)
            return 1;
    }
    puts("ok");
    return argc == 4 ? 0 : 2;
}
