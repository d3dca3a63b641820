// SPDX-License-Identifier: GPL-2.0 OR MIT
/* GETPARAM: what the device is and what the driver can do. 1 is said only of what is true. */
#include <linux/uaccess.h>

#include "i915.h"

/* A Skylake GT2 desktop part. */
#define CHIPSET_ID		0x1912
#define REVISION		6
#define TIMESTAMP_HZ		12000000

static int param_value(struct sg_gpu *gpu, int param, int *value)
{
	switch (param) {
	case I915_PARAM_IRQ_ACTIVE:
	case I915_PARAM_ALLOW_BATCHBUFFER:
	case I915_PARAM_LAST_DISPATCH:
	case I915_PARAM_HAS_EXEC_CONSTANTS:
		return -ENODEV;

	case I915_PARAM_CHIPSET_ID:
		*value = CHIPSET_ID;
		return 0;
	case I915_PARAM_REVISION:
		*value = REVISION;
		return 0;
	case I915_PARAM_NUM_FENCES_AVAIL:
		*value = SG_NUM_FENCES;
		return 0;
	case I915_PARAM_CS_TIMESTAMP_FREQUENCY:
		*value = TIMESTAMP_HZ;
		return 0;
	case I915_PARAM_SLICE_MASK:
		*value = GENMASK(I915_SLICES - 1, 0);
		return 0;
	case I915_PARAM_SUBSLICE_MASK:
		*value = GENMASK(I915_SUBSLICES - 1, 0);
		return 0;
	case I915_PARAM_SUBSLICE_TOTAL:
		*value = I915_SLICES * I915_SUBSLICES;
		return 0;
	case I915_PARAM_EU_TOTAL:
		*value = I915_SLICES * I915_SUBSLICES * I915_EUS;
		return 0;

	case I915_PARAM_HAS_GEM:
	case I915_PARAM_HAS_PAGEFLIPPING:
	case I915_PARAM_HAS_EXECBUF2:
	case I915_PARAM_HAS_BSD:
	case I915_PARAM_HAS_BLT:
	case I915_PARAM_HAS_VEBOX:
	case I915_PARAM_HAS_RELAXED_FENCING:
	case I915_PARAM_HAS_COHERENT_RINGS:
	case I915_PARAM_HAS_RELAXED_DELTA:
	case I915_PARAM_HAS_GEN7_SOL_RESET:
	case I915_PARAM_HAS_LLC:
	case I915_PARAM_HAS_WAIT_TIMEOUT:
	case I915_PARAM_HAS_PRIME_VMAP_FLUSH:
	case I915_PARAM_HAS_PINNED_BATCHES:
	case I915_PARAM_HAS_EXEC_NO_RELOC:
	case I915_PARAM_HAS_EXEC_HANDLE_LUT:
	case I915_PARAM_HAS_COHERENT_PHYS_GTT:
	case I915_PARAM_HAS_EXEC_SOFTPIN:
	case I915_PARAM_HAS_EXEC_ASYNC:
	case I915_PARAM_HAS_EXEC_FENCE:
	case I915_PARAM_HAS_EXEC_CAPTURE:
	case I915_PARAM_HAS_EXEC_BATCH_FIRST:
	case I915_PARAM_HAS_EXEC_FENCE_ARRAY:
	case I915_PARAM_HAS_EXEC_SUBMIT_FENCE:
	case I915_PARAM_HAS_EXEC_TIMELINE_FENCES:
	case I915_PARAM_HAS_USERPTR_PROBE:
	case I915_PARAM_MMAP_VERSION:
	case I915_PARAM_MMAP_GTT_COHERENT:
		*value = 1;
		return 0;
	case I915_PARAM_MMAP_GTT_VERSION:
		*value = 4;
		return 0;
	case I915_PARAM_HAS_ALIASING_PPGTT:
		/* full, and whether it is larger than 32 bit */
		*value = gpu->address_bits > 32 ? 3 : 2;
		return 0;
	case I915_PARAM_HAS_GPU_RESET:
		/* of the whole GPU, or of one engine too; 0 also if nobody looks for hangs */
		*value = gpu->params.enable_hangcheck ? min(gpu->params.reset, 2u) : 0;
		return 0;
	case I915_PARAM_HAS_SCHEDULER:
		*value = I915_SCHEDULER_CAP_ENABLED | I915_SCHEDULER_CAP_PRIORITY |
			 I915_SCHEDULER_CAP_PREEMPTION | I915_SCHEDULER_CAP_SEMAPHORES |
			 I915_SCHEDULER_CAP_ENGINE_BUSY_STATS;
		return 0;
	case I915_PARAM_HAS_CONTEXT_ISOLATION:
		*value = BIT(I915_ENGINE_CLASS_RENDER) | BIT(I915_ENGINE_CLASS_COPY) |
			 BIT(I915_ENGINE_CLASS_VIDEO) | BIT(I915_ENGINE_CLASS_VIDEO_ENHANCE);
		return 0;

	case I915_PARAM_HAS_BSD2:
	case I915_PARAM_HAS_WT:
	case I915_PARAM_HAS_OVERLAY:
	case I915_PARAM_HAS_SECURE_BATCHES:
	case I915_PARAM_HAS_SEMAPHORES:
	case I915_PARAM_HAS_RESOURCE_STREAMER:
	case I915_PARAM_CMD_PARSER_VERSION:
	case I915_PARAM_HAS_POOLED_EU:
	case I915_PARAM_MIN_EU_IN_POOL:
	case I915_PARAM_HUC_STATUS:
	case I915_PARAM_PERF_REVISION:
		*value = 0;
		return 0;
	default:
		return -EINVAL;
	}
}

I915_IOCTL(getparam)
{
	struct drm_i915_getparam *args = data;
	int value, ret;

	ret = param_value(to_sg_gpu(dev), args->param, &value);
	if (ret)
		return ret;
	return put_user(value, args->value) ? -EFAULT : 0;
}
