// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batches that are submitted again and again: see submission.h.
 */
#include "submission.h"
#include "bench.h"

#include <stdlib.h>

#define PINNED	(EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS)

void submission_init(struct submission *s, int fd, uint64_t engine, const uint32_t *handles,
		     unsigned int count, const uint32_t *dw, unsigned int n)
{
	static const uint32_t end[2] = { MI_BATCH_BUFFER_END, MI_NOOP };

	s->fd = fd;
	s->batch = gem_create(fd, (n + 2) * sizeof(*dw));
	if (n)
		gem_write(fd, s->batch, 0, dw, n * sizeof(*dw));
	gem_write(fd, s->batch, n * sizeof(*dw), end, sizeof(end));
	s->obj = calloc(count + 1, sizeof(*s->obj));
	CHECK(s->obj);
	for (unsigned int i = 0; i < count; i++) {
		s->obj[i].handle = handles[i];
		s->obj[i].offset = batch_address(handles[i]);
		s->obj[i].flags = PINNED | EXEC_OBJECT_WRITE;
	}
	s->obj[count].handle = s->batch;
	s->obj[count].offset = MiB;
	s->obj[count].flags = PINNED;
	s->eb = (struct drm_i915_gem_execbuffer2){
		.buffers_ptr = (uintptr_t)s->obj,
		.buffer_count = count + 1,
		.flags = engine | I915_EXEC_NO_RELOC,
	};
}

void submission_free(struct submission *s)
{
	gem_close(s->fd, s->batch);
	free(s->obj);
}

void submission_run(struct submission *s)
{
	CHECK_RET(gem_ioctl(s->fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &s->eb), 0);
	gem_sync(s->fd, s->batch);
}

static int64_t run_once(void *arg)
{
	int64_t began = now_ns();

	submission_run(arg);
	return now_ns() - began;
}

double submission_time(struct submission *s, unsigned int times)
{
	return best_of(times, run_once, s);
}
