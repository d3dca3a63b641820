// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * map_cache DEVICE MIB - keep so much of a block device in the page cache, mapped, until killed.
 *
 * IGT adds MemAvailable, Buffers and Cached up to know how much memory there is, and so counts the
 * cache twice. A test that asks for more than there is, and needs less, runs only where the cache
 * is large; what is mapped there survives IGT's dropping of caches, and goes when memory is wanted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t size = argc == 3 ? strtoul(argv[2], NULL, 10) << 20 : 0;
	int fd = size ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0 || mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) == MAP_FAILED) {
		perror("map_cache DEVICE MIB");
		return 1;
	}
	puts("mapped");
	fflush(stdout);
	pause();
	return 0;
}
