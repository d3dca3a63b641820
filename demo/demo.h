/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the demo's files share. */
#ifndef SOFTGEM_DEMO_H
#define SOFTGEM_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <intel_bufmgr.h>

/*
 * What the blitter can address: the pitch is a signed 16-bit number of bytes, a coordinate a signed
 * 16-bit number (Intel PRM, Skylake, volume 2a: XY_SRC_COPY_BLT, BR13, BR22, BR23).
 */
#define MAX_WIDTH	(32767 / 4)
#define MAX_HEIGHT	32767
#define MAX_BYTES	((size_t)256 << 20)	/* of a canvas; the guest has 2 GiB */

/**
 * struct image - a picture in memory of this process.
 * @pixels: 32 bits each, alpha in the highest 8, then red, green, blue; rows follow each other
 *	without a gap. malloc'd, begins on a page.
 * @width: pixels
 * @height: rows
 * @bytes: of memory: whole pages, since a page is what can be handed to the GPU
 */
struct image {
	uint32_t *pixels;
	int width;
	int height;
	size_t bytes;
};

static inline size_t image_pitch(const struct image *img)
{
	return (size_t)img->width * 4;
}

struct rect {
	int x, y, w, h;
};

/**
 * struct op - one drawing operation on the canvas.
 * @kind: fill with @color, copy from the picture, or copy from the canvas itself
 * @to: where to, on the canvas
 * @from_x: where from (of copies)
 * @from_y: where from (of copies)
 * @clip: nothing outside it is drawn; none if it has no width
 * @rop: how pattern (that is @color), source and destination are combined: the raster operation
 *	code that Windows and Intel's blitter have in common; bit 4P + 2S + D of it is the result
 * @keep_alpha: leave the alpha channel of the canvas as it is
 */
struct op {
	enum { OP_FILL, OP_COPY, OP_MOVE } kind;
	struct rect to;
	int from_x, from_y;
	struct rect clip;
	uint32_t color;
	uint8_t rop;
	bool keep_alpha;
};

#define ROP_NOT_SRC	0x33	/* ~S */
#define ROP_PAT_XOR	0x5a	/* P ^ D */
#define ROP_PAT_AND	0xa0	/* P & D */
#define ROP_SRC		0xcc	/* S */
#define ROP_PAT		0xf0	/* P */
#define ROP_PAT_OR	0xfa	/* P | D */

struct ops {
	struct op *op;
	unsigned int n;
};

/* softgem-demo.c */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);
void image_alloc(struct image *img, int width, int height);
void image_free(struct image *img);

/* png.c */
void png_load(struct image *img, const char *file);
void png_save(const struct image *img, const char *file);

/* picture.c */
void picture_generate(struct image *img);

/* compose.c */
bool canvas_size(const struct image *picture, int *width, int *height);
void compose(struct ops *ops, const struct image *picture, const struct image *canvas);

/* blit.c */

/**
 * struct blit_stats - what it took to draw.
 * @fills: commands of each kind
 * @copies: ditto
 * @clips: ditto
 * @batches: how many times commands were given to the kernel
 * @batch_bytes: how large these were in all
 */
struct blit_stats {
	unsigned int fills, copies, clips;
	unsigned int batches;
	size_t batch_bytes;
};

#define BATCH_BYTES	(8 << 10)

void blit_run(drm_intel_bufmgr *bufmgr, const struct ops *ops,
	      drm_intel_bo *picture, size_t picture_pitch,
	      drm_intel_bo *canvas, size_t canvas_pitch, struct blit_stats *stats);

/* reference.c */
void reference_run(const struct ops *ops, const struct image *picture, struct image *canvas);

#endif
