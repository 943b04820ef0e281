/*
 * failpoint: see failpoint.h. Reads the environment each time: a test build has the time, and nothing has to be set up.
 */
#include "util/failpoint.h"

#ifdef EPOCHD_FAILPOINTS

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "EPOCHD_FAIL"
enum { NAMES_MAX = 128 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const char *name;
    unsigned long passed;
} names[NAMES_MAX];

/* How often this place was passed, with this time. */
static unsigned long pass(const char *name)
{
    size_t i = 0;
    pthread_mutex_lock(&mutex);
    while (i < NAMES_MAX - 1 && names[i].name != NULL && strcmp(names[i].name, name) != 0)
        i++;
    names[i].name = name;
    unsigned long passed = ++names[i].passed;
    pthread_mutex_unlock(&mutex);
    return passed;
}

/* What stands behind `name:` in the variable, NULL if it is not there. */
static const char *find(const char *name)
{
    const char *at = getenv(VARIABLE);
    size_t len = strlen(name);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, len) == 0 && at[len] == ':')
            return at + len + 1;
        at = strchr(at, ',');
        at = at == NULL ? NULL : at + 1;
    }
    return NULL;
}

static bool is_order(const char *text, const char *order, unsigned long *when)
{
    size_t len = strlen(order);
    if (strncmp(text, order, len) != 0)
        return false;
    *when = text[len] == '@' ? strtoul(text + len + 1, NULL, 10) : 1;
    return true;
}

int failpoint_cause(const char *name)
{
    static const struct timespec second = {.tv_sec = 1};
    const char *order = find(name);
    unsigned long when, passed = pass(name);
    if (order == NULL)
        return 0;
    if (is_order(order, "kill", &when) && when == passed)
        kill(getpid(), SIGKILL);
    if (is_order(order, "sleep", &when) && when == passed)
        nanosleep(&second, NULL);
    return is_order(order, "err", &when) && when == passed ? EIO : 0;
}

int failpoint_error(const char *name, struct error *err)
{
    int cause = failpoint_cause(name);
    return cause == 0 ? 0 : error_set(err, ERR_SYSTEM, cause, "failpoint %s", name);
}

uint64_t failpoint_number(const char *name, uint64_t normal)
{
    const char *order = find(name);
    return order != NULL && order[0] == '=' ? strtoull(order + 1, NULL, 10) : normal;
}

#endif
