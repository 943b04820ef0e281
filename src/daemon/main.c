/*
 * main: one call; everything else is a library that tests link too.
 */
#include "daemon/app.h"

int main(int argc, char **argv)
{
    return app_main(argc, argv);
}
