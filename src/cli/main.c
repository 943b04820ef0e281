/*
 * main: one call; everything else is a library that tests link too.
 */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
