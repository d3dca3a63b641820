// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What the device says of itself: version, PCI identity, GETPARAM, QUERY, REG_READ.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

/* RING_TIMESTAMP of the render engine; with bit 0 set, a read of all its 64 bits. */
#define RCS_TIMESTAMP	0x2358
#define READ_64_BITS	1

static void version(void)
{
	int fd = gem_open();
	drmVersionPtr v = drmGetVersion(fd);

	CHECK(v);
	CHECK(!strcmp(v->name, "i915"));
	CHECK_INT(v->version_major, 1);
	CHECK_INT(v->version_minor, 6);
	CHECK_INT(v->version_patchlevel, 0);
}

static void pci_identity(void)
{
	drmDevicePtr device;
	int fd = gem_open_card();

	CHECK_INT(drmGetDevice2(fd, DRM_DEVICE_GET_PCI_REVISION, &device), 0);
	CHECK_INT(device->bustype, DRM_BUS_PCI);
	CHECK_HEX(device->deviceinfo.pci->vendor_id, 0x8086);
	CHECK_HEX(device->deviceinfo.pci->device_id, 0x1912);
	CHECK_INT(device->deviceinfo.pci->revision_id, 6);
	CHECK(device->available_nodes & 1 << DRM_NODE_PRIMARY);
	CHECK(device->available_nodes & 1 << DRM_NODE_RENDER);
}

static void both_nodes_one_device(void)
{
	drmDevicePtr card, render;

	CHECK_INT(drmGetDevice2(gem_open_card(), 0, &card), 0);
	CHECK_INT(drmGetDevice2(gem_open(), 0, &render), 0);
	CHECK(drmDevicesEqual(card, render));
}

static const struct {
	const char *name;
	int param, value;
} params[] = {
#define P(name, value)	{ #name, I915_PARAM_##name, value }
	P(CHIPSET_ID, 0x1912),
	P(REVISION, 6),
	P(HAS_GEM, 1),
	P(HAS_PAGEFLIPPING, 1),
	P(HAS_EXECBUF2, 1),
	P(HAS_RELAXED_FENCING, 1),
	P(HAS_COHERENT_RINGS, 1),
	P(HAS_RELAXED_DELTA, 1),
	P(HAS_GEN7_SOL_RESET, 1),
	P(HAS_WAIT_TIMEOUT, 1),
	P(HAS_PRIME_VMAP_FLUSH, 1),
	P(HAS_PINNED_BATCHES, 1),
	P(HAS_EXEC_NO_RELOC, 1),
	P(HAS_EXEC_HANDLE_LUT, 1),
	P(HAS_COHERENT_PHYS_GTT, 1),
	P(HAS_EXEC_SOFTPIN, 1),
	P(HAS_EXEC_ASYNC, 1),
	P(HAS_EXEC_FENCE, 1),
	P(HAS_EXEC_CAPTURE, 1),
	P(HAS_EXEC_BATCH_FIRST, 1),
	P(HAS_EXEC_FENCE_ARRAY, 1),
	P(HAS_EXEC_SUBMIT_FENCE, 1),
	P(HAS_EXEC_TIMELINE_FENCES, 1),
	P(HAS_USERPTR_PROBE, 1),
	P(MMAP_VERSION, 1),
	P(MMAP_GTT_COHERENT, 1),
	P(MMAP_GTT_VERSION, 4),
	P(NUM_FENCES_AVAIL, 32),
	P(HAS_LLC, 1),
	P(HAS_BSD, 1),
	P(HAS_BLT, 1),
	P(HAS_VEBOX, 1),
	P(HAS_BSD2, 0),
	P(HAS_WT, 0),
	P(HAS_OVERLAY, 0),
	P(HAS_ALIASING_PPGTT, 3),
	P(HAS_SECURE_BATCHES, 0),
	P(SLICE_MASK, 1),
	P(SUBSLICE_MASK, 7),
	P(SUBSLICE_TOTAL, 3),
	P(EU_TOTAL, 24),
	P(CS_TIMESTAMP_FREQUENCY, 12000000),
#undef P
};

static void getparam_values(void)
{
	int fd = gem_open(), wrong = 0;

	/* All of them, and then the verdict: the list is long. */
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		int value = -12345;
		int ret = try_getparam(fd, params[i].param, &value);

		if (ret || value != params[i].value) {
			tap_note("%s: got %d, ret %d, expected %d", params[i].name, value, ret,
				 params[i].value);
			wrong++;
		}
	}
	CHECK_INT(wrong, 0);
}

static void getparam_masks(void)
{
	const int known = I915_SCHEDULER_CAP_ENABLED | I915_SCHEDULER_CAP_PRIORITY |
			  I915_SCHEDULER_CAP_PREEMPTION | I915_SCHEDULER_CAP_SEMAPHORES |
			  I915_SCHEDULER_CAP_ENGINE_BUSY_STATS;
	int fd = gem_open(), value;

	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_SCHEDULER, &value), 0);
	CHECK_HEX(value & ~known, 0);
	/* Nothing else is meaningful without a scheduler. */
	CHECK(!value || value & I915_SCHEDULER_CAP_ENABLED);

	/* Engine classes: render, copy, video, video enhance. */
	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_CONTEXT_ISOLATION, &value), 0);
	CHECK_HEX(value & ~0xf, 0);

	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_GPU_RESET, &value), 0);
	CHECK(value == 0 || value == 2);
}

static void getparam_obsolete(void)
{
	static const int obsolete[] = {
		I915_PARAM_IRQ_ACTIVE, I915_PARAM_ALLOW_BATCHBUFFER, I915_PARAM_LAST_DISPATCH,
		I915_PARAM_HAS_EXEC_CONSTANTS,
	};
	int fd = gem_open(), value;

	for (size_t i = 0; i < ARRAY_SIZE(obsolete); i++)
		CHECK_RET(try_getparam(fd, obsolete[i], &value), -ENODEV);
}

static void getparam_unknown(void)
{
	int fd = gem_open(), value = 77;

	CHECK_RET(try_getparam(fd, 0, &value), -EINVAL);
	CHECK_RET(try_getparam(fd, 0x7ead, &value), -EINVAL);
	CHECK_RET(try_getparam(fd, -1, &value), -EINVAL);
	CHECK_INT(value, 77);
}

static void getparam_bad_pointer(void)
{
	CHECK_RET(try_getparam(gem_open(), I915_PARAM_CHIPSET_ID, NULL), -EFAULT);
	CHECK_RET(try_getparam(gem_open(), I915_PARAM_CHIPSET_ID, map_hole(PAGE)), -EFAULT);
}

static int try_query(int fd, struct drm_i915_query_item *items, uint32_t count)
{
	struct drm_i915_query arg = { .num_items = count, .items_ptr = (uintptr_t)items };

	/* once: it says in each item what failed there */
	return gem_ioctl_once(fd, DRM_IOCTL_I915_QUERY, &arg);
}

/*
 * Ask for the length, then for the answer, which the caller may free. Its first @header bytes have
 * to be zero; for the others it is no excuse that they were.
 */
static void *query(int fd, uint64_t id, size_t header, int *length)
{
	struct drm_i915_query_item item = { .query_id = id };
	void *data;

	CHECK_RET(try_query(fd, &item, 1), 0);
	CHECK(item.length > 0);
	*length = item.length;
	CHECK(item.length >= (int)header);
	data = malloc(item.length);
	CHECK(data);
	memset(data, 0xff, item.length);
	memset(data, 0, header);
	item.data_ptr = (uintptr_t)data;
	CHECK_RET(try_query(fd, &item, 1), 0);
	CHECK_INT(item.length, *length);
	return data;
}

static void query_engines(void)
{
	struct drm_i915_query_engine_info *info;
	unsigned int seen = 0;
	int length;

	info = query(gem_open(), DRM_I915_QUERY_ENGINE_INFO, sizeof(*info), &length);
	CHECK_INT(info->num_engines, 4);
	CHECK_INT(length, sizeof(*info) + 4 * sizeof(info->engines[0]));
	for (int i = 0; i < 3; i++)
		CHECK_INT(info->rsvd[i], 0);
	for (int i = 0; i < 4; i++) {
		const struct drm_i915_engine_info only = {
			.engine.engine_class = info->engines[i].engine.engine_class,
			.flags = I915_ENGINE_INFO_HAS_LOGICAL_INSTANCE,
		};

		CHECK_MEM(&info->engines[i], &only, sizeof(only));
		CHECK(only.engine.engine_class <= I915_ENGINE_CLASS_VIDEO_ENHANCE);
		seen |= 1u << info->engines[i].engine.engine_class;
	}
	CHECK_HEX(seen, 0xf);
}

static void query_memory(void)
{
	struct drm_i915_memory_region_info only = {
		.region.memory_class = I915_MEMORY_CLASS_SYSTEM,
	};
	struct drm_i915_query_memory_regions *info;
	int length;

	info = query(gem_open(), DRM_I915_QUERY_MEMORY_REGIONS, sizeof(*info), &length);
	CHECK_INT(info->num_regions, 1);
	for (int i = 0; i < 3; i++)
		CHECK_INT(info->rsvd[i], 0);
	CHECK_INT(length, sizeof(*info) + sizeof(info->regions[0]));
	/* all of it can be had, and be seen by the CPU */
	only.probed_size = info->regions[0].probed_size;
	only.unallocated_size = only.probed_size;
	only.probed_cpu_visible_size = only.probed_size;
	only.unallocated_cpu_visible_size = only.probed_size;
	CHECK(only.probed_size >= 64 * MiB);
	CHECK_MEM(&info->regions[0], &only, sizeof(only));
}

static void query_topology(void)
{
	struct drm_i915_query_topology_info *info;
	unsigned int eus = 0;
	int length;

	info = query(gem_open(), DRM_I915_QUERY_TOPOLOGY_INFO, 0, &length);
	CHECK_INT(info->flags, 0);
	CHECK_INT(info->max_slices, 1);
	CHECK_INT(info->max_subslices, 3);
	/* the masks, each where it says, are all there is */
	CHECK_INT(info->data[0], 1);
	CHECK_INT(info->data[info->subslice_offset], 7);
	for (unsigned int i = 0; i < 3u * info->eu_stride; i++)
		eus += __builtin_popcount(info->data[info->eu_offset + i]);
	CHECK_INT(eus, 24);
	CHECK_INT(length, sizeof(*info) + info->eu_offset + 3 * info->eu_stride);
}

static void query_unknown_item(void)
{
	struct drm_i915_query_item items[] = {
		{ .query_id = 0x7ead },
		{ .query_id = DRM_I915_QUERY_ENGINE_INFO },
		{ .query_id = ~0ull, .length = 100 },
	};

	/* The call succeeds; each item says for itself. */
	CHECK_RET(try_query(gem_open(), items, 3), 0);
	CHECK_INT(items[0].length, -EINVAL);
	CHECK(items[1].length > 0);
	CHECK_INT(items[2].length, -EINVAL);
}

static void query_bad_arguments(void)
{
	struct drm_i915_query_item item = { .query_id = DRM_I915_QUERY_ENGINE_INFO };
	struct drm_i915_query arg = { .num_items = 1, .items_ptr = (uintptr_t)&item, .flags = 1 };
	int fd = gem_open();
	static const char nothing[PAGE];
	static char room[PAGE];

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_QUERY, &arg), -EINVAL);
	CHECK_RET(try_query(fd, map_hole(PAGE), 1), -EFAULT);
	CHECK_RET(try_query(fd, NULL, 0), 0);

	/* Room for less than the answer, then no room at all. */
	item.length = 8;
	item.data_ptr = (uintptr_t)room;
	CHECK_RET(try_query(fd, &item, 1), 0);
	CHECK_INT(item.length, -EINVAL);
	CHECK_MEM(room, nothing, sizeof(room));
	item.length = PAGE;
	item.data_ptr = (uintptr_t)map_hole(PAGE);
	CHECK_RET(try_query(fd, &item, 1), 0);
	CHECK_INT(item.length, -EFAULT);
}

static uint64_t read_timestamp(int fd)
{
	struct drm_i915_reg_read arg = { .offset = RCS_TIMESTAMP | READ_64_BITS };

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_REG_READ, &arg), 0);
	return arg.val;
}

static void timestamp_rate(void)
{
	int fd = gem_open();
	int64_t outer = now_ns(), inner, elapsed_inner, elapsed_outer;
	uint64_t before = read_timestamp(fd), after;

	inner = now_ns();
	sleep_ms(200);
	elapsed_inner = now_ns() - inner;
	after = read_timestamp(fd);
	elapsed_outer = now_ns() - outer;

	/* 12 MHz: 12 ticks in 1000 ns; a tick of rounding each way and 0.1 % for clock slewing. */
	after = (after - before) * 1000 / 12;
	CHECK((int64_t)after >= elapsed_inner - elapsed_inner / 1000 - 200);
	CHECK((int64_t)after <= elapsed_outer + elapsed_outer / 1000 + 200);
}

static void timestamp_monotonic(void)
{
	int fd = gem_open();
	uint64_t last = read_timestamp(fd);

	for (int i = 0; i < 1000; i++) {
		uint64_t now = read_timestamp(fd);

		CHECK(now >= last);
		last = now;
	}
}

static void reg_read_other(void)
{
	static const uint64_t others[] = { 0, RCS_TIMESTAMP + 8, 0x2030, ~0ull, 0x100000000ull };
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct drm_i915_reg_read arg = { .offset = others[i] };

		CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_REG_READ, &arg), -EINVAL);
	}
}

static void aperture(void)
{
	struct drm_i915_gem_get_aperture arg = { 0 };

	CHECK_RET(gem_ioctl(gem_open(), DRM_IOCTL_I915_GEM_GET_APERTURE, &arg), 0);
	CHECK_HEX(arg.aper_size, 4096 * MiB);
	CHECK(arg.aper_available_size > 0);
	CHECK(arg.aper_available_size <= arg.aper_size);
}

static const struct subtest tests[] = {
	{ "VERSION says i915 1.6.0", version },
	{ "the nodes belong to PCI device 8086:1912 revision 6", pci_identity },
	{ "card and render node are one device to libdrm", both_nodes_one_device },
	{ "GETPARAM answers each parameter as documented", getparam_values },
	{ "GETPARAM scheduler, isolation and reset answers hold known bits only", getparam_masks },
	{ "GETPARAM of what is gone for good is ENODEV", getparam_obsolete },
	{ "GETPARAM of an unknown parameter is EINVAL and writes nothing", getparam_unknown },
	{ "GETPARAM into an unmapped address is EFAULT", getparam_bad_pointer },
	{ "QUERY engine info lists rcs0 bcs0 vcs0 vecs0", query_engines },
	{ "QUERY memory regions lists system memory alone", query_memory },
	{ "QUERY topology says 1 slice, 3 subslices, 24 EUs", query_topology },
	{ "QUERY of an unknown item gives -EINVAL in its length, the others are served",
	  query_unknown_item },
	{ "QUERY with flags is EINVAL, unreadable items EFAULT, a short buffer -EINVAL in length",
	  query_bad_arguments },
	{ "REG_READ of the render timestamp counts 12 MHz", timestamp_rate },
	{ "REG_READ of the render timestamp never goes back", timestamp_monotonic },
	{ "REG_READ of any other register is EINVAL", reg_read_other },
	{ "GET_APERTURE gives 4 GiB in all, and no more than that available", aperture },
};

TAP_MAIN(tests)
