// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Drawing by the GPU: makes commands for the blitter of generation 9 out of the operations, and
 * gives them to the kernel through libdrm_intel.
 *
 * The commands are in Intel's public PRM for Skylake, volume 2a (command reference). From
 * generation 8 on an address in them takes two dwords; apart from that they are as old as 2D
 * acceleration is.
 */
#include <i915_drm.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"

/* First dword: client 2 (the 2D engine), what to do, how many dwords follow after the second. */
#define BLT(opcode, dwords)	(2u << 29 | (opcode) << 22 | ((dwords) - 2))
#define XY_SETUP_CLIP_BLT	BLT(0x03, 3)
#define XY_COLOR_BLT		BLT(0x50, 7)
#define XY_SRC_COPY_BLT		BLT(0x53, 10)
#define WRITE_ALPHA		(1 << 21)
#define WRITE_RGB		(1 << 20)

/* Second dword, together with the raster operation and the pitch of the destination. */
#define CLIPPED			(1 << 30)
#define DEPTH_32		(3 << 24)

#define MI_BATCH_BUFFER_END	(0x0a << 23)

#define BATCH_DWORDS		(BATCH_BYTES / 4)
#define MAX_OP_DWORDS		(3 + 10)
#define MAX_RELOCS		(BATCH_DWORDS / 4)

/* Commands that are being collected. */
struct batch {
	drm_intel_bufmgr *bufmgr;
	struct blit_stats *stats;
	uint32_t dw[BATCH_DWORDS];
	unsigned int n;

	/* Where an address belongs: the kernel puts it in, if what is there is not right yet. */
	struct {
		unsigned int at;
		drm_intel_bo *target;
		bool write;
	} reloc[MAX_RELOCS];
	unsigned int relocs;

	struct rect clip;	/* what the blitter's clipping registers hold */
};

static void emit(struct batch *b, uint32_t dw)
{
	b->dw[b->n++] = dw;
}

static void emit_address(struct batch *b, drm_intel_bo *bo, bool write)
{
	b->reloc[b->relocs].at = b->n;
	b->reloc[b->relocs].target = bo;
	b->reloc[b->relocs++].write = write;
	emit(b, (uint32_t)bo->offset64);
	emit(b, (uint32_t)(bo->offset64 >> 32));
}

static void emit_point(struct batch *b, int x, int y)
{
	emit(b, (uint32_t)y << 16 | (uint32_t)x);
}

/* Gives the commands to the kernel, which queues them; does not wait. */
static void flush(struct batch *b)
{
	drm_intel_bo *bo;
	unsigned int i;
	int err;

	if (!b->n)
		return;

	emit(b, MI_BATCH_BUFFER_END);
	if (b->n & 1)
		emit(b, 0);

	bo = drm_intel_bo_alloc(b->bufmgr, "commands", BATCH_BYTES, 4096);
	if (!bo)
		die("no memory for the commands");
	err = drm_intel_bo_subdata(bo, 0, b->n * 4, b->dw);
	for (i = 0; i < b->relocs && !err; i++)
		err = drm_intel_bo_emit_reloc(bo, b->reloc[i].at * 4, b->reloc[i].target, 0,
					      I915_GEM_DOMAIN_RENDER,
					      b->reloc[i].write ? I915_GEM_DOMAIN_RENDER : 0);
	if (!err)
		err = drm_intel_bo_mrb_exec(bo, b->n * 4, NULL, 0, 0, I915_EXEC_BLT);
	if (err)
		die("the kernel refuses the commands: %s", strerror(abs(err)));
	drm_intel_bo_unreference(bo);

	b->stats->batches++;
	b->stats->batch_bytes += b->n * 4;
	b->n = 0;
	b->relocs = 0;
	b->clip = (struct rect){ 0 };
}

static void emit_clip(struct batch *b, struct rect clip)
{
	if (!clip.w || !memcmp(&clip, &b->clip, sizeof(clip)))
		return;

	emit(b, XY_SETUP_CLIP_BLT);
	emit_point(b, clip.x, clip.y);
	emit_point(b, clip.x + clip.w, clip.y + clip.h);
	b->clip = clip;
	b->stats->clips++;
}

/**
 * blit_run() - draws, and waits until it is done.
 * @bufmgr: of libdrm_intel; its batch size must be BATCH_BYTES
 * @ops: what to draw
 * @picture: where the picture is
 * @picture_pitch: bytes from row to row
 * @canvas: what to draw on
 * @canvas_pitch: bytes from row to row
 * @stats: is added to
 *
 * Ends the program with a message if the kernel does not want to.
 */
void blit_run(drm_intel_bufmgr *bufmgr, const struct ops *ops,
	      drm_intel_bo *picture, size_t picture_pitch,
	      drm_intel_bo *canvas, size_t canvas_pitch, struct blit_stats *stats)
{
	struct batch *b = calloc(1, sizeof(*b));
	unsigned int i;
	int err;

	if (!b)
		die("out of memory");
	b->bufmgr = bufmgr;
	b->stats = stats;

	for (i = 0; i < ops->n; i++) {
		const struct op *op = &ops->op[i];
		uint32_t write = WRITE_RGB | (op->keep_alpha ? 0 : WRITE_ALPHA);

		if (b->n + MAX_OP_DWORDS + 2 > BATCH_DWORDS)
			flush(b);

		emit_clip(b, op->clip);
		emit(b, (op->kind == OP_FILL ? XY_COLOR_BLT : XY_SRC_COPY_BLT) | write);
		emit(b, (op->clip.w ? CLIPPED : 0) | DEPTH_32 | (uint32_t)op->rop << 16 |
		     (uint32_t)canvas_pitch);
		emit_point(b, op->to.x, op->to.y);
		emit_point(b, op->to.x + op->to.w, op->to.y + op->to.h);
		emit_address(b, canvas, true);
		if (op->kind == OP_FILL) {
			emit(b, op->color);
			stats->fills++;
		} else {
			emit_point(b, op->from_x, op->from_y);
			emit(b, (uint32_t)(op->kind == OP_MOVE ? canvas_pitch : picture_pitch));
			emit_address(b, op->kind == OP_MOVE ? canvas : picture, false);
			stats->copies++;
		}
	}
	flush(b);
	free(b);

	err = drm_intel_gem_bo_wait(canvas, -1);
	if (err)
		die("waiting for the GPU: %s", strerror(abs(err)));
}
