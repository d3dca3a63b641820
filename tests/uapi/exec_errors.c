// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * EXECBUFFER2: what it refuses, and with which errno.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* An execbuf that would succeed: the rules are broken one at a time. */
struct valid {
	int fd;
	uint32_t target, batch;
	struct drm_i915_gem_exec_object2 obj[2];
	struct drm_i915_gem_execbuffer2 eb;
};

static void valid_init(struct valid *v)
{
	static const uint32_t end[] = { MI_BATCH_BUFFER_END, 0 };

	memset(v, 0, sizeof(*v));
	v->fd = gem_open();
	v->target = gem_create(v->fd, PAGE);
	v->batch = gem_create(v->fd, PAGE);
	gem_write(v->fd, v->batch, 0, end, sizeof(end));
	v->obj[0].handle = v->target;
	v->obj[1].handle = v->batch;
	v->eb.buffers_ptr = (uintptr_t)v->obj;
	v->eb.buffer_count = 2;
	v->eb.flags = I915_EXEC_RENDER;
}

/* Submit; anything but success must leave the file as it was. */
static int submit(struct valid *v)
{
	struct drm_i915_gem_execbuffer2 eb = v->eb;

	return try_execbuf(v->fd, &eb);
}

static void baseline(void)
{
	struct valid v;

	valid_init(&v);
	CHECK_RET(submit(&v), 0);
	CHECK_RET(gem_ioctl(v.fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &v.eb), 0);
}

static void execbuffer_1(void)
{
	struct drm_i915_gem_execbuffer arg = { 0 };

	CHECK_RET(gem_ioctl(gem_open_card(), DRM_IOCTL_I915_GEM_EXECBUFFER, &arg), -EINVAL);
}

static void buffer_count(void)
{
	static const uint32_t counts[] = { 0, 0xffffffff, 0x7fffffff };
	struct valid v;

	valid_init(&v);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		v.eb.buffer_count = counts[i];
		CHECK_RET(submit(&v), -EINVAL);
	}
}

static void unreadable_objects(void)
{
	struct drm_i915_gem_exec_object2 *across;
	struct valid v;
	char *ptr;

	valid_init(&v);
	v.eb.buffers_ptr = 0;
	CHECK_RET(submit(&v), -EFAULT);
	v.eb.buffers_ptr = (uintptr_t)map_hole(PAGE);
	CHECK_RET(submit(&v), -EFAULT);
	v.eb.buffers_ptr = 0xffff800000000000;
	CHECK_RET(submit(&v), -EFAULT);

	/* The second of the two begins where the mapping ends. */
	ptr = map_anon(2 * PAGE);
	CHECK_SYS(munmap(ptr + PAGE, PAGE));
	across = (void *)(ptr + PAGE - sizeof(*across));
	*across = v.obj[0];
	v.eb.buffers_ptr = (uintptr_t)across;
	CHECK_RET(submit(&v), -EFAULT);
}

static void illegal_flags(void)
{
	struct valid v;

	valid_init(&v);
	for (int bit = __builtin_ctzll(I915_EXEC_USE_EXTENSIONS) + 1; bit < 64; bit++) {
		v.eb.flags = I915_EXEC_RENDER | 1ull << bit;
		CHECK_RET(submit(&v), -EINVAL);
	}
}

static void illegal_object_flags(void)
{
	struct valid v;

	valid_init(&v);
	for (int bit = __builtin_ctz(EXEC_OBJECT_CAPTURE) + 1; bit < 64; bit++) {
		v.obj[0].flags = 1ull << bit;
		CHECK_RET(submit(&v), -EINVAL);
	}
	v.obj[0].flags = 0;
	v.obj[0].alignment = 3 * PAGE;
	CHECK_RET(submit(&v), -EINVAL);
	v.obj[0].alignment = 0;
	v.obj[0].flags = EXEC_OBJECT_PAD_TO_SIZE;
	v.obj[0].pad_to_size = PAGE + 1;
	CHECK_RET(submit(&v), -EINVAL);
}

static void cliprects(void)
{
	struct drm_clip_rect rect = { 0, 0, 1, 1 };
	struct valid v;

	valid_init(&v);
	v.eb.num_cliprects = 1;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.cliprects_ptr = (uintptr_t)&rect;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.num_cliprects = 0;
	CHECK_RET(submit(&v), -EINVAL);
}

static void dr1_dr4(void)
{
	struct valid v;

	valid_init(&v);
	v.eb.DR1 = 1;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.DR1 = 0;
	v.eb.DR4 = 1;
	CHECK_RET(submit(&v), -EINVAL);
}

static void batch_alignment(void)
{
	struct valid v;

	valid_init(&v);
	for (unsigned int i = 1; i < 8; i++) {
		v.eb.batch_start_offset = i;
		v.eb.batch_len = 0;
		CHECK_RET(submit(&v), -EINVAL);
		v.eb.batch_start_offset = 0;
		v.eb.batch_len = 8 + i;
		CHECK_RET(submit(&v), -EINVAL);
	}
	v.eb.batch_start_offset = 0;
	v.eb.batch_len = 8;
	CHECK_RET(submit(&v), 0);
}

static void batch_range(void)
{
	static const uint32_t bad[][2] = {
		{ 0, PAGE + 8 }, { PAGE, 0 }, { PAGE, 8 }, { PAGE - 8, 16 }, { 8, 0xfffffff8 },
		{ 0xfffffff8, 0 }, { 0xfffffff8, 8 }, { 0xfffff000, 0x1000 },
	};
	struct valid v;

	valid_init(&v);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		v.eb.batch_start_offset = bad[i][0];
		v.eb.batch_len = bad[i][1];
		CHECK_RET(submit(&v), -EINVAL);
	}
}

static void unknown_ring(void)
{
	struct valid v;

	valid_init(&v);
	for (unsigned int ring = I915_EXEC_VEBOX + 1; ring <= I915_EXEC_RING_MASK; ring++) {
		v.eb.flags = ring;
		CHECK_RET(submit(&v), -EINVAL);
	}
	for (unsigned int ring = I915_EXEC_DEFAULT; ring <= I915_EXEC_VEBOX; ring++) {
		v.eb.flags = ring;
		CHECK_RET(submit(&v), 0);
	}
}

static void bsd_selection(void)
{
	static const uint64_t rings[] = {
		I915_EXEC_DEFAULT, I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_VEBOX,
	};
	struct valid v;

	valid_init(&v);
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		v.eb.flags = rings[i] | I915_EXEC_BSD_RING1;
		CHECK_RET(submit(&v), -EINVAL);
		v.eb.flags = rings[i] | I915_EXEC_BSD_RING2;
		CHECK_RET(submit(&v), -EINVAL);
	}
}

static void secure(void)
{
	struct valid v;
	int ret;

	valid_init(&v);
	v.eb.flags |= I915_EXEC_SECURE;
	ret = submit(&v);
	CHECK(ret == -EPERM || ret == -EINVAL);
}

static void handle_twice(void)
{
	struct valid v;

	valid_init(&v);
	v.obj[0].handle = v.batch;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.flags |= I915_EXEC_HANDLE_LUT;
	CHECK_RET(submit(&v), -EINVAL);
}

static void bad_handle(void)
{
	struct valid v;

	valid_init(&v);
	v.obj[0].handle = 0x7ead;
	CHECK_RET(submit(&v), -ENOENT);
	v.obj[0].handle = 0;
	CHECK_RET(submit(&v), -ENOENT);
	v.obj[0].handle = v.target;
	v.obj[1].handle = 0x7ead;
	CHECK_RET(submit(&v), -ENOENT);
}

static void bad_context(void)
{
	struct valid v;

	valid_init(&v);
	v.eb.rsvd1 = 0x7ead;
	CHECK_RET(submit(&v), -ENOENT);
}

static void write_to_batch(void)
{
	struct valid v;

	valid_init(&v);
	v.obj[1].flags = EXEC_OBJECT_WRITE;
	CHECK_RET(submit(&v), -EINVAL);
}

static void no_space(void)
{
	struct drm_i915_gem_exec_object2 obj[4];
	struct valid v;

	valid_init(&v);
	/* Without 48-bit addresses, at most one object can lie at a multiple of 4 GiB. */
	memset(obj, 0, sizeof(obj));
	for (int i = 0; i < 3; i++) {
		obj[i].handle = gem_create(v.fd, PAGE);
		obj[i].alignment = 1ull << 32;
	}
	obj[3].handle = v.batch;
	v.eb.buffers_ptr = (uintptr_t)obj;
	v.eb.buffer_count = 4;
	CHECK_RET(submit(&v), -ENOSPC);
	/* With them there is room. */
	for (int i = 0; i < 4; i++)
		obj[i].flags = EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
	CHECK_RET(submit(&v), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_HEX(obj[i].offset & 0xffffffff, 0);
		for (int j = 0; j < i; j++)
			CHECK(obj[i].offset != obj[j].offset);
	}
}

static void bad_fence(void)
{
	struct valid v;
	int pipes[2];

	valid_init(&v);
	CHECK_SYS(pipe(pipes));
	v.eb.flags = I915_EXEC_RENDER | I915_EXEC_FENCE_IN;
	v.eb.rsvd2 = 0xffffffff;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.rsvd2 = pipes[0];
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.rsvd2 = v.fd;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.flags = I915_EXEC_RENDER | I915_EXEC_FENCE_SUBMIT;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.flags = I915_EXEC_RENDER | I915_EXEC_FENCE_SUBMIT | I915_EXEC_FENCE_IN;
	CHECK_RET(submit(&v), -EINVAL);
}

static unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	CHECK(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void failure_leaves_nothing(void)
{
	struct drm_i915_gem_execbuffer2 eb;
	unsigned int before;
	struct valid v;

	valid_init(&v);
	v.eb.flags |= I915_EXEC_FENCE_OUT;
	v.obj[0].handle = 0x7ead;
	before = open_files();
	for (int i = 0; i < 100; i++) {
		eb = v.eb;
		CHECK_RET(try_execbuf(v.fd, &eb), -ENOENT);
	}
	CHECK_INT(open_files(), before);
	CHECK(!gem_is_busy(v.fd, v.batch));
	/* And the file works as before. */
	v.obj[0].handle = v.target;
	eb = v.eb;
	CHECK_RET(try_execbuf(v.fd, &eb), 0);
	CHECK(fence_signalled(eb.rsvd2 >> 32, 5000));
}

static void unusable_userptr(void)
{
	struct valid v;
	char *gone;

	valid_init(&v);
	gone = map_anon(PAGE);
	v.obj[0].handle = gem_userptr(v.fd, gone, PAGE, 0);
	CHECK_SYS(munmap(gone, PAGE));
	CHECK_RET(submit(&v), -EFAULT);
	v.obj[0].handle = gem_userptr(v.fd, NULL, PAGE, 0);
	CHECK_RET(submit(&v), -EFAULT);
}

static int reloc_error(struct valid *v, struct drm_i915_gem_relocation_entry reloc)
{
	v->obj[1].relocs_ptr = (uintptr_t)&reloc;
	v->obj[1].relocation_count = 1;
	reloc.presumed_offset = -1;
	return submit(v);
}

static void bad_relocation(void)
{
	struct drm_i915_gem_relocation_entry good = {
		.offset = 64, .read_domains = I915_GEM_DOMAIN_RENDER,
	}, bad;
	struct valid v;

	valid_init(&v);
	good.target_handle = v.target;
	CHECK_RET(reloc_error(&v, good), 0);

	bad = good;
	bad.offset = PAGE;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	/* Addresses have 8 bytes. */
	bad.offset = PAGE - 4;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	bad.offset = -8ull;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	bad.offset = 1ull << 32 | 64;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	bad.offset = 66;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);

	bad = good;
	bad.read_domains = I915_GEM_DOMAIN_CPU;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	bad.read_domains = I915_GEM_DOMAIN_GTT;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	bad.read_domains = good.read_domains;
	bad.write_domain = I915_GEM_DOMAIN_CPU;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);
	bad.write_domain = I915_GEM_DOMAIN_RENDER | I915_GEM_DOMAIN_SAMPLER;
	CHECK_RET(reloc_error(&v, bad), -EINVAL);

	bad = good;
	bad.target_handle = 0x7ead;
	CHECK_RET(reloc_error(&v, bad), -ENOENT);
	/* An object of the file's, but not of this execbuf's. */
	bad.target_handle = gem_create(v.fd, PAGE);
	CHECK_RET(reloc_error(&v, bad), -ENOENT);
	v.eb.flags |= I915_EXEC_HANDLE_LUT;
	bad.target_handle = 2;
	CHECK_RET(reloc_error(&v, bad), -ENOENT);
}

static void unreadable_relocations(void)
{
	struct drm_i915_gem_relocation_entry *relocs;
	struct valid v;
	char *ptr;
	int ret;

	valid_init(&v);
	v.obj[1].relocation_count = 1;
	v.obj[1].relocs_ptr = 0;
	CHECK_RET(submit(&v), -EFAULT);
	v.obj[1].relocs_ptr = (uintptr_t)map_hole(PAGE);
	CHECK_RET(submit(&v), -EFAULT);
	v.obj[1].relocs_ptr = 0xffff800000000000;
	CHECK_RET(submit(&v), -EFAULT);

	/* Readable at first, not to its end. */
	ptr = map_anon(2 * PAGE);
	CHECK_SYS(munmap(ptr + PAGE, PAGE));
	v.obj[1].relocation_count = 2;
	relocs = (void *)(ptr + PAGE - sizeof(*relocs));
	relocs[0] = (struct drm_i915_gem_relocation_entry){
		.target_handle = v.target, .offset = 64,
		.read_domains = I915_GEM_DOMAIN_RENDER, .presumed_offset = -1,
	};
	v.obj[1].relocs_ptr = (uintptr_t)relocs;
	CHECK_RET(submit(&v), -EFAULT);
	/* More than there can be, whether they end behind memory's end or what they are copied to does. */
	v.obj[1].relocation_count = 0xffffffff;
	ret = submit(&v);
	CHECK(ret == -EFAULT || ret == -ENOMEM);
}

static void unknown_extension(void)
{
	struct i915_user_extension ext = { .name = 0x7ead };
	struct valid v;

	valid_init(&v);
	v.eb.flags |= I915_EXEC_USE_EXTENSIONS;
	v.eb.cliprects_ptr = (uintptr_t)&ext;
	CHECK_RET(submit(&v), -EINVAL);
	v.eb.cliprects_ptr = (uintptr_t)map_hole(PAGE);
	CHECK_RET(submit(&v), -EFAULT);
	/* The two uses of the pointer exclude each other. */
	v.eb.cliprects_ptr = (uintptr_t)&ext;
	v.eb.flags |= I915_EXEC_FENCE_ARRAY;
	CHECK_RET(submit(&v), -EINVAL);
}

static const struct subtest tests[] = {
	{ "the execbuf that all others vary succeeds", baseline },
	{ "EXECBUFFER, the first, is EINVAL", execbuffer_1 },
	{ "buffer_count 0 or absurd is EINVAL", buffer_count },
	{ "an object array that cannot be read is EFAULT", unreadable_objects },
	{ "unknown execbuf flags are EINVAL, each of them", illegal_flags },
	{ "unknown object flags, odd alignment and odd padding are EINVAL", illegal_object_flags },
	{ "cliprects are EINVAL", cliprects },
	{ "DR1 or DR4 not zero is EINVAL", dr1_dr4 },
	{ "a batch offset or length that is no multiple of 8 is EINVAL", batch_alignment },
	{ "a batch outside its object is EINVAL", batch_range },
	{ "an unknown ring is EINVAL, the five known ones run", unknown_ring },
	{ "BSD selection for another ring is EINVAL", bsd_selection },
	{ "SECURE is refused, to root too", secure },
	{ "the same handle twice is EINVAL", handle_twice },
	{ "a bad handle is ENOENT, as target or batch", bad_handle },
	{ "a bad context is ENOENT", bad_context },
	{ "writing to the batch is EINVAL", write_to_batch },
	{ "a working set that cannot fit is ENOSPC", no_space },
	{ "an in-fence that is no sync_file is EINVAL, so are two of them", bad_fence },
	{ "a refused execbuf leaves no file behind and the rest working", failure_leaves_nothing },
	{ "an unusable userptr is EFAULT", unusable_userptr },
	{ "a bad relocation is EINVAL, its bad target ENOENT", bad_relocation },
	{ "a relocation array that cannot be read is EFAULT", unreadable_relocations },
	{ "an unknown extension is EINVAL, an unreadable one EFAULT", unknown_extension },
};

TAP_MAIN(tests)
