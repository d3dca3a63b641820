// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What happens to the arena while calls use it: mappings of all kinds come, change and go. */
#include "fuzz.h"
#include "tap.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <i915_drm.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static int faults = -1;		/* userfaultfd */
static int memory_file = -1;
/* Where to go on after a fault; read by the signal handler only. */
static _Thread_local void *volatile escape;

uint64_t random_memory(struct thread *t, bool aligned)
{
	static const uint64_t bad[] = {
		0, 1, 4096, 0x7fffffffffffull, 0x800000000000ull, 0xffff888000000000ull, ~0ull - 8,
		~0ull << 12,
	};
	uint64_t at;

	if (one_in(t, 64))
		return bad[rnd(t, 8)];
	at = (uintptr_t)process.arena + 4096ull * rnd(t, ARENA_PAGES);
	return aligned ? at : at + rnd(t, 4096);
}

uint64_t random_size(struct thread *t, uint64_t at)
{
	uint64_t arena = (uintptr_t)process.arena, left = arena + ARENA_SIZE - at;
	uint64_t size = 4096ull * (1 + rnd(t, one_in(t, 4) ? 600 : 16));

	if (one_in(t, 16))
		size = rnd(t, 9000);
	if (one_in(t, 256))
		return rnd64(t) >> rnd(t, 40);
	if (at >= arena && at < arena + ARENA_SIZE && size > left)
		return left;
	return size;
}

/* Pages within the arena. */
static uint8_t *random_range(struct thread *t, size_t *size)
{
	uint8_t *at = process.arena + 4096ul * rnd(t, ARENA_PAGES);
	size_t left = process.arena + ARENA_SIZE - at;

	*size = 4096ul * (1 + rnd(t, one_in(t, 4) ? 1024 : 24));
	if (*size > left)
		*size = left;
	return at;
}

static int map(uint8_t *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	return mmap(at, size, prot, flags | MAP_FIXED, fd, offset) == MAP_FAILED ? -1 : 0;
}

static int map_anon(struct thread *t)
{
	size_t size;
	uint8_t *at = random_range(t, &size);

	return map(at, size, rnd(t, 8) ? PROT_READ | PROT_WRITE : PROT_READ,
		   MAP_ANONYMOUS | MAP_NORESERVE | (rnd(t, 4) ? MAP_PRIVATE : MAP_SHARED), -1, 0);
}

static int map_huge(struct thread *t)
{
	uint8_t *at = (uint8_t *)(((uintptr_t)process.arena + (2ul << 20) * (1 + rnd(t, 3))) & ~((2ul << 20) - 1));

	return map(at, 2ul << 20, PROT_READ | PROT_WRITE,
		   MAP_ANONYMOUS | MAP_PRIVATE | (rnd(t, 2) ? MAP_HUGETLB : 0), -1, 0);
}

static int map_file(struct thread *t)
{
	size_t size;
	uint8_t *at = random_range(t, &size);

	return map(at, size, rnd(t, 4) ? PROT_READ | PROT_WRITE : PROT_READ,
		   rnd(t, 2) ? MAP_SHARED : MAP_PRIVATE, memory_file, 4096l * rnd(t, 64));
}

/* Mostly a whole object, by an offset just asked for; or any part of what others have asked for. */
static int map_object(struct thread *t)
{
	struct drm_i915_gem_mmap_offset arg = { .handle = random_handle(t), .flags = rnd(t, 4) };
	int fd = random_file(t), prot = rnd(t, 4) ? PROT_READ | PROT_WRITE : PROT_READ;
	size_t size;
	uint8_t *at = random_range(t, &size);

	if (one_in(t, 4))
		return map(at, size, prot, MAP_SHARED, fd, atomic_load(&shared->offsets[rnd(t, OFFSETS)]) +
			   (one_in(t, 8) ? 4096 * rnd(t, 16) : 0));
	if (ioctl(fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg))
		return -1;
	return map(at, rnd(t, 2) ? 4096 : size, prot, MAP_SHARED, fd, arg.offset);
}

static int map_buffer(struct thread *t)
{
	size_t size;
	uint8_t *at = random_range(t, &size);

	return map(at, size, PROT_READ | PROT_WRITE, MAP_SHARED, process.buffers[rnd(t, BUFFERS)], 0);
}

static int unmap(struct thread *t)
{
	size_t size;
	uint8_t *at = random_range(t, &size);

	return munmap(at, size);
}

static int protect(struct thread *t)
{
	size_t size;
	uint8_t *at = random_range(t, &size);

	return mprotect(at, size, rnd(t, 4));
}

static int move(struct thread *t)
{
	size_t size, room;
	uint8_t *at = random_range(t, &size), *to = random_range(t, &room);

	if (room > size)
		room = size;
	return mremap(at, room, room, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -1 : 0;
}

static int advise(struct thread *t)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT,
		MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_DONTFORK, MADV_DOFORK, MADV_WILLNEED, MADV_POPULATE_WRITE, MADV_COLLAPSE,
	};
	size_t size;
	uint8_t *at = random_range(t, &size);

	return madvise(at, size, advice[rnd(t, 16)]);
}

static void on_fault(int signal)
{
	if (escape)
		siglongjmp(*(sigjmp_buf *)escape, 1);
	_exit(128 + signal);
}

/* The CPU reads or writes; there may be nothing. */
static int touch(struct thread *t)
{
	volatile uint8_t *at = process.arena + 4096ul * rnd(t, ARENA_PAGES) + rnd(t, 4096);
	unsigned int n = rnd(t, 64);
	bool write = rnd(t, 2);
	sigjmp_buf here;

	if (sigsetjmp(here, 1)) {
		escape = NULL;
		return -1;
	}
	escape = &here;
	for (; n && at < process.arena + ARENA_SIZE; n--, at += 4096)
		if (write)
			*at = n;
		else
			(void)*at;
	escape = NULL;
	return 0;
}

/* A child has all that we have, writes into it, and goes. */
static int fork_child(struct thread *t)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		touch(t);
		touch(t);
		make_execbuf(t);
		_exit(0);
	}
	if (pid < 0)
		return -1;
	if (one_in(t, 4))
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int watch(struct thread *t)
{
	size_t size;
	struct uffdio_register arg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	arg.range.start = (uintptr_t)random_range(t, &size);
	arg.range.len = size;
	if (rnd(t, 3))
		return ioctl(faults, UFFDIO_UNREGISTER, &arg.range);
	return ioctl(faults, UFFDIO_REGISTER, &arg);
}

/* Resolves what watch() has registered: with a page, or none any more, sooner or later. */
static void *resolve(void *arg)
{
	struct thread t = { .random = (uintptr_t)arg };
	struct pollfd poll_fd = { .fd = faults, .events = POLLIN };
	struct uffd_msg message;

	for (;;) {
		if (poll(&poll_fd, 1, 1000) <= 0 || read(faults, &message, sizeof(message)) <= 0)
			continue;
		if (message.event != UFFD_EVENT_PAGEFAULT)
			continue;
		if (one_in(&t, 4))
			usleep(rnd(&t, 20000));
		struct uffdio_zeropage page = {
			.range = { message.arg.pagefault.address & ~4095ull, 4096 },
		};

		/* some kinds have no zero page, and the mapping may be another by now: then none watches */
		if (ioctl(faults, UFFDIO_ZEROPAGE, &page) && errno != EEXIST) {
			struct uffdio_range all = { (uintptr_t)process.arena, ARENA_SIZE };

			ioctl(faults, UFFDIO_UNREGISTER, &all);
			ioctl(faults, UFFDIO_WAKE, &page.range);
		}
	}
	return NULL;
}

void memory_init(void)
{
	const struct sigaction action = { .sa_handler = on_fault };
	struct uffdio_api api = { .api = UFFD_API };
	pthread_t thread;
	uint8_t *place;

	place = mmap(NULL, ARENA_SIZE + ARENA_GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (place == MAP_FAILED)
		_exit(2);
	mprotect(place, ARENA_SIZE, PROT_READ | PROT_WRITE);
	process.arena = place;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	memory_file = memfd_create("fuzz", MFD_CLOEXEC);
	if (ftruncate(memory_file, 256 << 10))
		_exit(2);
	faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) ||
	    pthread_create(&thread, NULL, resolve, (void *)(uintptr_t)getpid()))
		_exit(2);
}

const struct call memory_calls[] = {
	{ "mmap anonymous", map_anon, 10 },
	{ "mmap huge", map_huge, 2 },
	{ "mmap file", map_file, 4 },
	{ "mmap object", map_object, 12 },
	{ "mmap dma-buf", map_buffer, 2 },
	{ "munmap", unmap, 4 },
	{ "mprotect", protect, 4 },
	{ "mremap", move, 4 },
	{ "madvise", advise, 10 },
	{ "touch", touch, 16 },
	{ "fork", fork_child, 1 },
	{ "userfaultfd", watch, 2 },
};

const size_t num_memory_calls = ARRAY_SIZE(memory_calls);
