// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * USERPTR: what is refused at creation, in which order, and what only at first use.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/resource.h>

#define READ_ONLY	I915_USERPTR_READ_ONLY
#define UNSYNC		I915_USERPTR_UNSYNCHRONIZED
#define PROBE		I915_USERPTR_PROBE
#define UNKNOWN		0x4u

#define TOO_BIG		(1ull << 62)
/* Canonical, and the kernel's. */
#define KERNEL		((void *)0xffff800000000000)
#define NON_CANONICAL	((void *)0x0001000000000000)

static int try_it(int fd, const void *ptr, uint64_t size, uint32_t flags)
{
	uint32_t handle;
	int ret = try_userptr(fd, ptr, size, flags, &handle);

	CHECK(ret || handle);
	return ret;
}

static void accepted(void)
{
	int fd = gem_open();
	char *ptr = map_anon(16 * PAGE);

	CHECK_RET(try_it(fd, ptr, PAGE, 0), 0);
	CHECK_RET(try_it(fd, ptr, 16 * PAGE, 0), 0);
	CHECK_RET(try_it(fd, ptr + 3 * PAGE, 5 * PAGE, READ_ONLY), 0);
	CHECK_RET(try_it(fd, ptr, 16 * PAGE, PROBE), 0);
	CHECK_RET(try_it(fd, ptr, 16 * PAGE, PROBE | READ_ONLY), 0);
}

static void unknown_flag(void)
{
	int fd = gem_open();
	char *ptr = map_anon(PAGE);

	for (int bit = 2; bit < 31; bit++)
		CHECK_RET(try_it(fd, ptr, PAGE, 1u << bit), -EINVAL);
}

static void too_big(void)
{
	int fd = gem_open();

	CHECK_RET(try_it(fd, map_anon(PAGE), TOO_BIG, 0), -E2BIG);
	CHECK_RET(try_it(fd, map_anon(PAGE), 1ull << 63, 0), -E2BIG);
	CHECK_RET(try_it(fd, map_anon(PAGE), -PAGE, 0), -E2BIG);
}

static void no_size(void)
{
	CHECK_RET(try_it(gem_open(), map_anon(PAGE), 0, 0), -EINVAL);
}

static void not_aligned(void)
{
	int fd = gem_open();
	char *ptr = map_anon(2 * PAGE);

	for (size_t low = 1; low < PAGE; low <<= 1) {
		CHECK_RET(try_it(fd, ptr + low, PAGE, 0), -EINVAL);
		CHECK_RET(try_it(fd, ptr, PAGE + low, 0), -EINVAL);
	}
	CHECK_RET(try_it(fd, ptr, PAGE - 1, 0), -EINVAL);
}

static void not_ours(void)
{
	int fd = gem_open();

	CHECK_RET(try_it(fd, KERNEL, PAGE, 0), -EFAULT);
	CHECK_RET(try_it(fd, (void *)-PAGE, PAGE, 0), -EFAULT);
	CHECK_RET(try_it(fd, NON_CANONICAL, PAGE, 0), -EFAULT);
	/* Begins in our half. */
	CHECK_RET(try_it(fd, (void *)0x00007ffffffff000, 2 * PAGE, 0), -EFAULT);
	CHECK_RET(try_it(fd, (void *)0x10000000, 1ull << 42, 0), 0);
	CHECK_RET(try_it(fd, (void *)0x00007f0000000000, 1ull << 42, 0), -EFAULT);
}

static void unsync_privilege(void)
{
	int fd = gem_open();
	char *ptr = map_anon(PAGE);

	drop_capability(CAP_SYS_ADMIN);
	CHECK_RET(try_it(fd, ptr, PAGE, UNSYNC), -EPERM);
	CHECK_RET(try_it(fd, ptr, PAGE, UNSYNC | READ_ONLY), -EPERM);
	CHECK_RET(try_it(fd, ptr, PAGE, 0), 0);
}

static void unsync_memlock(void)
{
	const struct rlimit limit = { 4 * PAGE, 4 * PAGE };
	int fd = gem_open();
	char *ptr = map_anon(16 * PAGE);
	uint32_t handle;

	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	drop_capability(CAP_IPC_LOCK);
	CHECK_RET(try_it(fd, ptr, 5 * PAGE, UNSYNC), -ENOMEM);
	CHECK_RET(try_userptr(fd, ptr, 4 * PAGE, UNSYNC, &handle), 0);
	CHECK_RET(try_it(fd, ptr, PAGE, UNSYNC), -ENOMEM);
	gem_close(fd, handle);
	CHECK_RET(try_it(fd, ptr, 4 * PAGE, UNSYNC), 0);
}

/* Each line breaks a rule and some later ones: the first broken rule answers. */
static void order(void)
{
	int fd = gem_open();
	char *ptr = map_anon(4 * PAGE), *hole = map_hole(PAGE);

	CHECK_RET(try_it(fd, KERNEL + 1, TOO_BIG + 1, UNKNOWN | UNSYNC), -EINVAL);
	CHECK_RET(try_it(fd, ptr, TOO_BIG, UNKNOWN), -EINVAL);
	CHECK_RET(try_it(fd, KERNEL + 1, TOO_BIG + 1, 0), -E2BIG);
	CHECK_RET(try_it(fd, ptr + 1, TOO_BIG, PROBE), -E2BIG);
	CHECK_RET(try_it(fd, KERNEL, 0, 0), -EINVAL);
	CHECK_RET(try_it(fd, KERNEL + 1, PAGE, 0), -EINVAL);
	CHECK_RET(try_it(fd, hole + 1, PAGE, PROBE), -EINVAL);

	drop_capability(CAP_SYS_ADMIN);
	CHECK_RET(try_it(fd, KERNEL, PAGE, UNSYNC), -EFAULT);
	CHECK_RET(try_it(fd, ptr + 1, PAGE, UNSYNC), -EINVAL);
	CHECK_RET(try_it(fd, hole, PAGE, UNSYNC | PROBE), -EPERM);
}

static void probe_hole(void)
{
	int fd = gem_open();

	CHECK_RET(try_it(fd, map_hole(PAGE), PAGE, PROBE), -EFAULT);
	CHECK_RET(try_it(fd, NULL, PAGE, PROBE), -EFAULT);
	/* At either end, and in the middle. */
	for (int at = 0; at < 4; at++) {
		char *ptr = map_anon(4 * PAGE);

		CHECK_RET(try_it(fd, ptr, 4 * PAGE, PROBE), 0);
		CHECK_SYS(munmap(ptr + at * PAGE, PAGE));
		CHECK_RET(try_it(fd, ptr, 4 * PAGE, PROBE), -EFAULT);
		CHECK_SYS(munmap(ptr, 4 * PAGE));
	}
}

static void probe_several_vmas(void)
{
	int fd = gem_open();
	char *ptr = map_anon(6 * PAGE);

	/* Different kinds side by side, no hole between. */
	CHECK_SYS(mprotect(ptr + PAGE, PAGE, PROT_READ));
	CHECK(mmap(ptr + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == ptr + 3 * PAGE);
	CHECK_RET(try_it(fd, ptr, 6 * PAGE, PROBE | READ_ONLY), 0);
	CHECK_RET(try_it(fd, ptr + 2 * PAGE, 4 * PAGE, PROBE), 0);
}

static void probe_special(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, 4 * PAGE);
	char *special = gem_mmap(fd, handle, 4 * PAGE, I915_MMAP_OFFSET_WB);
	char *ptr = map_anon(4 * PAGE);

	CHECK_RET(try_it(fd, special, 4 * PAGE, PROBE), -EFAULT);
	CHECK_RET(try_it(fd, special, 4 * PAGE, PROBE | READ_ONLY), -EFAULT);
	/* One such page among others. */
	CHECK(mremap(special, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, ptr + PAGE) != MAP_FAILED);
	CHECK_RET(try_it(fd, ptr, 4 * PAGE, PROBE), -EFAULT);
}

static void unmapped_at_first_use(void)
{
	int fd = gem_open();
	uint32_t handle;

	handle = gem_userptr(fd, NULL, PAGE, 0);
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_CPU, 0), -EFAULT);
	handle = gem_userptr(fd, map_hole(PAGE), PAGE, 0);
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, I915_GEM_DOMAIN_GTT), -EFAULT);
}

static void hole_at_first_use(void)
{
	int fd = gem_open();
	char *ptr = map_anon(4 * PAGE);
	uint32_t handle = gem_userptr(fd, ptr, 4 * PAGE, 0);

	/* The store itself would not come near the hole. */
	CHECK_SYS(munmap(ptr + 2 * PAGE, PAGE));
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	CHECK_INT(ptr[0], 0);
	/* Filled, the same object works. */
	CHECK(mmap(ptr + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == ptr + 2 * PAGE);
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), 0);
	CHECK_INT(ptr[0], 1);
}

static void special_at_first_use(void)
{
	int fd = gem_open();
	char *special = gem_mmap(fd, gem_create(fd, PAGE), PAGE, I915_MMAP_OFFSET_WB);
	char *gtt = gem_mmap(fd, gem_create(fd, PAGE), PAGE, I915_MMAP_OFFSET_GTT);

	CHECK_RET(try_gpu_store(fd, gem_userptr(fd, special, PAGE, 0), 0, 1), -EFAULT);
	CHECK_RET(try_gpu_store(fd, gem_userptr(fd, gtt, PAGE, 0), 0, 1), -EFAULT);
}

static void set_domain_probes(void)
{
	int fd = gem_open();
	char *good = map_anon(PAGE), *gone = map_anon(PAGE);
	uint32_t handle;

	CHECK_RET(try_set_domain(fd, gem_userptr(fd, good, PAGE, 0), I915_GEM_DOMAIN_CPU,
				 I915_GEM_DOMAIN_CPU), 0);
	handle = gem_userptr(fd, gone, PAGE, 0);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, 0), 0);
	CHECK_SYS(munmap(gone, PAGE));
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, 0), -EFAULT);
	/* No domain, no probe. */
	CHECK_RET(try_set_domain(fd, handle, 0, 0), 0);
}

static void unsync_runs(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(PAGE);
	uint32_t handle = gem_userptr(fd, ptr, PAGE, UNSYNC);

	gpu_store(fd, handle, 8, 0x0c0c);
	CHECK_HEX(ptr[2], 0x0c0c);
}

/* What is not mapped is accepted, as everywhere, and pinned at the first use that finds it. */
static void unsync_later(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(PAGE), handle;

	CHECK_SYS(munmap(ptr, PAGE));
	handle = gem_userptr(fd, ptr, PAGE, UNSYNC);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, 0), -EFAULT);
	CHECK(mmap(ptr, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == ptr);
	gpu_store(fd, handle, 8, 0x0d0d);
	CHECK_HEX(ptr[2], 0x0d0d);
	/* and from then on they are those pages */
	CHECK_SYS(munmap(ptr, PAGE));
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, 0), 0);
}

static void unsync_write_only(void)
{
	int fd = gem_open(), memfd = memfd_create("pages", 0);
	uint32_t handle, data = 0;
	uint32_t *ptr;

	CHECK(memfd >= 0);
	CHECK_SYS(ftruncate(memfd, PAGE));
	ptr = mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, memfd, 0);
	CHECK(ptr != MAP_FAILED);
	handle = gem_userptr(fd, ptr, PAGE, UNSYNC | READ_ONLY);
	ptr[3] = 0x0e0e;
	gem_read(fd, handle, 12, &data, 4);
	CHECK_HEX(data, 0x0e0e);
	gpu_store(fd, handle, 12, 1);
	CHECK_HEX(ptr[3], 0x0e0e);
}

static void ordinary_otherwise(void)
{
	static uint32_t data[PAGE / 4];
	int fd = gem_open();
	uint32_t *ptr = map_anon(PAGE), handle = gem_userptr(fd, ptr, PAGE, 0), busy, retained;
	int64_t timeout = 0;

	fill(ptr, PAGE, 1);
	gem_read(fd, handle, 0, data, PAGE);
	CHECK_FILL(data, PAGE, 1);
	fill(data, PAGE, 2);
	gem_write(fd, handle, 0, data, PAGE);
	CHECK_FILL(ptr, PAGE, 2);
	CHECK_RET(try_read(fd, handle, PAGE - 2, data, 4), -EINVAL);
	CHECK_RET(try_write(fd, handle, 0, map_hole(PAGE), 4), -EFAULT);

	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0);
	CHECK_RET(try_wait(fd, handle, &timeout), 0);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(retained, 1);
}

static void as_batch(void)
{
	int fd = gem_open();
	uint32_t dst = gem_create(fd, PAGE);
	uint64_t address = batch_address(dst);
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, address, address >> 32, 0xba7c, MI_BATCH_BUFFER_END, 0,
	};
	uint32_t *ptr = map_anon(PAGE);
	struct drm_i915_gem_exec_object2 obj[2] = {
		{
			.handle = dst, .offset = address,
			.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS |
				 EXEC_OBJECT_WRITE,
		},
		{ .handle = gem_userptr(fd, ptr, PAGE, READ_ONLY) },
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = 2,
	};

	memcpy(ptr, dw, sizeof(dw));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	CHECK_HEX(gem_read32(fd, dst, 0), 0xba7c);
}

static void pwrite_read_only(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(PAGE), word = 5;
	uint32_t handle = gem_userptr(fd, ptr, PAGE, READ_ONLY);

	ptr[0] = 77;
	CHECK_RET(try_write(fd, handle, 0, &word, 4), -EINVAL);
	CHECK_INT(ptr[0], 77);
	CHECK_INT(gem_read32(fd, handle, 0), 77);
}

static const struct subtest tests[] = {
	{ "page-aligned memory is accepted, with any documented flags", accepted },
	{ "an unknown flag is EINVAL, each of them", unknown_flag },
	{ "a size that no address space holds is E2BIG", too_big },
	{ "size 0 is EINVAL", no_size },
	{ "an address or size that is not page aligned is EINVAL", not_aligned },
	{ "a range outside the process's half is EFAULT", not_ours },
	{ "UNSYNCHRONIZED without CAP_SYS_ADMIN is EPERM", unsync_privilege },
	{ "UNSYNCHRONIZED over RLIMIT_MEMLOCK is ENOMEM, until something is closed",
	  unsync_memlock },
	{ "the checks come in the documented order", order },
	{ "PROBE: a hole anywhere is EFAULT", probe_hole },
	{ "PROBE: several VMAs side by side are fine", probe_several_vmas },
	{ "PROBE: a device mapping, or one page of it, is EFAULT", probe_special },
	{ "a NULL pointer or unmapped range is accepted; its use is EFAULT",
	  unmapped_at_first_use },
	{ "a hole is EFAULT at use, even far from what is used; filled, it works",
	  hole_at_first_use },
	{ "a device mapping is EFAULT at use", special_at_first_use },
	{ "SET_DOMAIN tells whether the pages can be had", set_domain_probes },
	{ "UNSYNCHRONIZED: the GPU writes the process's memory", unsync_runs },
	{ "UNSYNCHRONIZED of what is not mapped yet: pinned at first use", unsync_later },
	{ "UNSYNCHRONIZED, read-only, of what the process may only write", unsync_write_only },
	{ "PREAD, PWRITE, BUSY, WAIT and MADVISE work as on any object", ordinary_otherwise },
	{ "a read-only userptr can be the batch", as_batch },
	{ "PWRITE to a READ_ONLY userptr is EINVAL and changes nothing", pwrite_read_only },
};

TAP_MAIN(tests)
