/* Makes fsync and fdatasync take DISK_MS milliseconds longer, as on a disk that really turns or a cloud volume.
 * Preloaded into a server, so that two servers can be compared on the same slow disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_for_disk(void)
{
    const char *milliseconds = getenv("DISK_MS");
    if (milliseconds != NULL)
        usleep((useconds_t)(atof(milliseconds) * 1000));
}

int fsync(int descriptor)
{
    static int (*real)(int);
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    wait_for_disk();
    return real(descriptor);
}

int fdatasync(int descriptor)
{
    static int (*real)(int);
    if (real == NULL)
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    wait_for_disk();
    return real(descriptor);
}
