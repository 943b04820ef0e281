/*
 * streams: in a child without standard streams no file gets their numbers, and nothing can be written or read there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "util/macros.h"
#include "util/streams.h"

/* What a child finds whose streams of `closed` (bits) are closed: 0, or the number of the first thing that is wrong. */
static int look(unsigned closed)
{
    char byte = 'x';
    for (int fd = 0; fd <= 2; fd++)
        if ((closed >> fd & 1) != 0)
            close(fd);
    streams_hold();
    int first = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (first <= 2)
        return 1;
    for (int fd = 0; fd <= 2; fd++) {
        bool is_closed = (closed >> fd & 1) != 0;
        if (is_closed && (fd == 0 ? read(fd, &byte, 1) : write(fd, &byte, 1)) >= 0)
            return 2;
        if (is_closed && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0)
            return 3;
    }
    return 0;
}

static void streams__keep_their_numbers_when_they_are_closed(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(look(closed));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void streams__leave_open_ones_as_they_are(void **state)
{
    int ends[2];
    char byte = 'x';
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    AUTO_CLOSE int saved = dup(STDIN_FILENO);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    streams_hold();
    assert_int_equal(write(ends[1], &byte, 1), 1);
    assert_int_equal(read(STDIN_FILENO, &byte, 1), 1);
    dup2(saved, STDIN_FILENO);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams__keep_their_numbers_when_they_are_closed),
        cmocka_unit_test(streams__leave_open_ones_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
