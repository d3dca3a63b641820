// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Drawing: a decoded blit is carried out in pieces, each of many blocks.
 *
 * Plain copies and fills, which is nearly all that clients do, go straight between the bytes that
 * translation gives. All else goes through buffers of a span each (source, pattern, destination),
 * is combined there and written back. Where a surface is tiled, blocks are tiles, so that each tile
 * is translated once and stays in the cache; else they are rows.
 */
#include "blt_draw.h"
#include "blt_spans.h"
#include "rop.h"
#include "span.h"

/* Rows of the highest tile. */
#define TILE_ROWS	32
#define CACHE_LINE	64u
/* Bytes from which on memset64() is worth a call. */
#define FILL_WORDS	256u
/* Bytes of a row by which linear memory is fetched before it is used. */
#define AHEAD		512
/* Bytes of a row that is short, and rows by which such a one is fetched before it is written. */
#define SHORT_ROW	512u
#define ROWS_AHEAD	4
/* Bytes that a block counts for at least: short ones take time, too. */
#define MIN_COST	256u
/* Times that a span is moved: source, destination before, and after. */
#define SPANS_COST	3u

/* The rest of a row, as far as it is contiguous. */
struct cursor {
	u8 *ptr;
	u32 left;
};

/* What is at hand between sg_mem_enter() and sg_mem_leave(). */
struct piece {
	struct sg_blt *blt;
	struct sg_mem *mem;
	struct sg_surface mono;
	struct sg_views views;
	struct cursor rows[TILE_ROWS];
};

/*
 * Whether blocks are tiles of the destination, not of the source. A tile's columns are harder to go
 * through than the rows of all else: SG_TILE_Y goes before SG_TILE_X, and that before SG_LINEAR.
 */
static bool is_block_of_dst(const struct sg_blt *blt)
{
	return blt->way != SG_WAY_TILES || blt->op.dst.tiling >= blt->op.src.tiling;
}

/* Short rows are over before the next could be fetched. What is asked for need not be there. */
static inline void prefetch_below(const u8 *row, s32 pitch, size_t n)
{
	size_t i;

	if (n <= SHORT_ROW)
		for (i = 0; i < n; i += CACHE_LINE)
			__builtin_prefetch(row + (ptrdiff_t)ROWS_AHEAD * pitch + i, 1);
}

/* Both linear. May draw less than all of the block. */
static void copy_linear(struct piece *piece, struct sg_block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	size_t n = block->bytes;
	void *from = sg_mem_translate(piece->mem, sg_linear_address(&op->src, block->src_x,
				      block->src_y), &n, SG_READ);
	void *to = sg_mem_translate(piece->mem, sg_linear_address(&op->dst, block->dst_x,
				    block->dst_y), &n, SG_WRITE);

	if (to && from) {
		prefetch_below(to, op->dst.pitch, n);
		memmove(to, from, n);
	} else if (to) {
		memset(to, 0, n);
	}
	block->bytes = (u32)n;
}

static void copy_buffered(struct piece *piece, const struct sg_block *block)
{
	u8 *buffer = (u8 *)piece->blt->src;
	u32 x, n, i;

	for (i = 0; i < block->rows; i++)
		for (x = 0; x < block->bytes; x += n) {
			n = min_t(u32, block->bytes - x, SG_BLT_SPAN);
			sg_view_load(&piece->views.src, block->src_x + x, block->src_y + (s32)i,
				     buffer, n);
			sg_view_store(&piece->views.dst, block->dst_x + x, block->dst_y + (s32)i,
				      buffer, n);
		}
}

/* Between surfaces that are tiled alike: a page to a page, where the tiles lie alike, too. */
static void copy_tile_to_tile(struct piece *piece, const struct sg_block *block)
{
	enum sg_tiling tiling = piece->blt->op.dst.tiling;
	struct sg_found *from, *to;

	from = sg_view_tile(&piece->views.src, (s32)block->src_x, block->src_y);
	to = sg_view_tile(&piece->views.dst, (s32)block->dst_x, block->dst_y);
	if (block->bytes * block->rows < SG_TILE_SIZE ||
	    (u32)block->src_x & (sg_tile_width(tiling) - 1) ||
	    (u32)block->src_y & (sg_tile_height(tiling) - 1) ||
	    from->len < SG_TILE_SIZE || to->len < SG_TILE_SIZE)
		copy_buffered(piece, block);
	else if (to->ptr && from->ptr)
		memcpy(to->ptr, from->ptr, SG_TILE_SIZE);
	else if (to->ptr)
		memset(to->ptr, 0, SG_TILE_SIZE);
}

/* Make a cursor point to (x, y), for what is left of the blit's row there. */
static void point(struct piece *piece, struct sg_view *view, struct cursor *cursor, s64 x, s32 y,
		  u64 left)
{
	const struct sg_surface *s = view->surface;
	size_t n = (size_t)min_t(u64, left, SG_PIECE);
	u64 addr = sg_linear_address(s, x, y);

	if (s->tiling != SG_LINEAR) {
		addr = s->base + sg_tile_offset(s->tiling, s->pitch, (s32)x, y);
		n = min_t(size_t, n, sg_tile_run(s->tiling, (s32)x));
	}
	cursor->ptr = sg_mem_translate(piece->mem, addr, &n, view->access);
	cursor->left = (u32)n;
}

/* A part of one row of a tile from or to linear memory; NULL: not mapped. */
static void copy_part(enum sg_tiling tiling, u8 *tile, u32 x, u32 y, u8 *linear, u32 n,
		      bool to_tile)
{
	static const u8 zeroes[512];

	if (to_tile && tile)
		sg_tile_store(tiling, tile, linear ? linear : zeroes, 0, x, y, n, 1);
	else if (!to_tile && linear && tile)
		sg_tile_load(tiling, tile, linear, 0, x, y, n, 1);
	else if (!to_tile && linear)
		memset(linear, 0, n);
}

/* As many bytes of a row as a tile has, in one go. Returns whether they were there. */
static inline bool copy_row(enum sg_tiling tiling, u8 *tile, struct cursor *cursor, bool to_tile)
{
	u32 w = sg_tile_width(tiling);

	if (!cursor->ptr || cursor->left < w)
		return false;
	if (to_tile)
		sg_tile_store_row(tiling, tile, cursor->ptr);
	else
		sg_tile_load_row(tiling, tile, cursor->ptr);
	cursor->ptr += w;
	cursor->left -= w;
	return true;
}

/*
 * The processor foresees neither the rows, which are far from each other, nor the next tile. What
 * is asked for here need not be there.
 */
static inline void prefetch(const u8 *linear, const u8 *tile, unsigned int lines, bool to_tile)
{
	unsigned int i;

#pragma GCC unroll 8
	for (i = 0; i < lines; i++)
		if (to_tile) {
			__builtin_prefetch(linear + i * CACHE_LINE);
			__builtin_prefetch(tile + i * CACHE_LINE, 1);
		} else {
			__builtin_prefetch(linear + i * CACHE_LINE, 1);
			__builtin_prefetch(tile + i * CACHE_LINE);
		}
}

static inline void prefetch_row(const u8 *linear, const u8 *tile, u32 w, bool to_tile)
{
	/* with a number that is known the loop is none */
	if (w == 8 * CACHE_LINE)
		prefetch(linear, tile, 8, to_tile);
	else
		prefetch(linear, tile, 2, to_tile);
}

/*
 * A tile from or to linear memory, or a Y tile from or to X tiles, the rows of which are as good as
 * linear. Each of those rows has a cursor, which is kept while tiles follow each other from left to
 * right.
 */
static void copy_tile_rows(struct piece *piece, const struct sg_block *block, bool to_tile)
{
	const struct sg_blt *blt = piece->blt;
	struct sg_view *tiled = to_tile ? &piece->views.dst : &piece->views.src;
	struct sg_view *linear = to_tile ? &piece->views.src : &piece->views.dst;
	enum sg_tiling tiling = tiled->surface->tiling;
	s32 tile_x = (s32)(to_tile ? block->dst_x : block->src_x);
	s32 tile_y = to_tile ? block->dst_y : block->src_y;
	s64 linear_x = to_tile ? block->src_x : block->dst_x;
	s32 linear_y = to_tile ? block->src_y : block->dst_y;
	u32 w = sg_tile_width(tiling), h = sg_tile_height(tiling), x, n, row;
	const struct sg_found *found = sg_view_tile(tiled, tile_x, tile_y);
	u32 pitch = tiling == SG_TILE_X ? w : SG_TILE_Y_COLUMN;
	u32 first = (u32)tile_y & (h - 1);
	u8 *tile = found->ptr;
	const u8 *next = tile;

	if (found->len < SG_TILE_SIZE) {
		copy_buffered(piece, block);
		memset(piece->rows, 0, sizeof(piece->rows));
		return;
	}
	if (blt->row_bytes - blt->x > block->bytes)
		next = sg_view_tile(tiled, tile_x + (s32)block->bytes, tile_y)->ptr;
	for (row = 0; row < block->rows; row++) {
		struct cursor *cursor = &piece->rows[row];

		if (block->bytes == w) {
			if (next && cursor->ptr && cursor->left > w)
				prefetch_row(cursor->ptr + AHEAD, next + row * w, w, to_tile);
			if (tile && copy_row(tiling, tile + (first + row) * pitch, cursor, to_tile))
				continue;
		}
		for (x = 0; x < block->bytes; x += n) {
			if (!cursor->left)
				point(piece, linear, cursor, linear_x + x, linear_y + (s32)row,
				      blt->row_bytes - blt->x - x);
			n = min(cursor->left, block->bytes - x);
			copy_part(tiling, tile, ((u32)tile_x & (w - 1)) + x,
				  first + row, cursor->ptr, n, to_tile);
			if (cursor->ptr)
				cursor->ptr += n;
			cursor->left -= n;
		}
	}
}

static void copy_tile(struct piece *piece, const struct sg_block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;

	if (op->src.tiling == op->dst.tiling)
		copy_tile_to_tile(piece, block);
	else
		copy_tile_rows(piece, block, is_block_of_dst(piece->blt));
}

/* The fill's colour repeated to a qword, from byte @phase of the pixel on. */
static u64 fill_word(const struct sg_blt_op *op, s64 phase)
{
	u32 color = op->rop == SG_ROP_BLACK ? 0 : op->rop == SG_ROP_WHITE ? ~0u : op->pat_fg;
	unsigned int shift = 8 * (unsigned int)(phase & (op->cpp - 1));
	u64 word;

	if (op->cpp == 1)
		color = (color & 0xff) * 0x01010101u;
	else if (op->cpp == 2)
		color = (color & 0xffff) * 0x00010001u;
	word = color | (u64)color << 32;
	return shift ? word >> shift | word << (64 - shift) : word;
}

static void fill(u8 *to, u64 word, size_t n)
{
	unsigned int ahead = (unsigned int)(0 - (uintptr_t)to) % sizeof(word);

	if (word == (word & 0xff) * 0x0101010101010101ull && n > sizeof(word)) {
		memset(to, (int)(word & 0xff), n);
		return;
	}
	if (n >= FILL_WORDS) {
		__builtin_memcpy(to, &word, sizeof(word));
		to += ahead;
		n -= ahead;
		if (ahead)
			word = word >> 8 * ahead | word << (64 - 8 * ahead);
		memset64((u64 *)to, word, n / sizeof(word));
		to += n & ~(sizeof(word) - 1);
		n %= sizeof(word);
	}
	for (; n >= sizeof(word); n -= sizeof(word), to += sizeof(word))
		__builtin_memcpy(to, &word, sizeof(word));
	if (n & 4) {
		__builtin_memcpy(to, &word, 4);
		to += 4;
		word >>= 32;
	}
	for (n &= 3; n; n--, word >>= 8)
		*to++ = (u8)word;
}

/* Linear. May draw less than all of the block. */
static void fill_linear(struct piece *piece, struct sg_block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	size_t n = block->bytes;
	u64 addr = sg_linear_address(&op->dst, block->dst_x, block->dst_y);
	u8 *to = sg_mem_translate(piece->mem, addr, &n, SG_WRITE);

	if (to)
		fill(to, fill_word(op, block->dst_x), n);
	block->bytes = (u32)n;
}

/* A tile that is not contiguous. */
static void fill_crumbs(struct piece *piece, const struct sg_block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	u32 row, x, len;

	for (row = 0; row < block->rows; row++)
		for (x = 0; x < block->bytes; x += len) {
			u8 *to;

			len = block->bytes - x;
			to = sg_view_bytes(&piece->views.dst, block->dst_x + x,
					   block->dst_y + (s32)row, &len);
			if (to)
				fill(to, fill_word(op, block->dst_x + x), len);
		}
}

/* Column by column; in a whole one the rows follow each other without a gap. */
static void fill_columns(enum sg_tiling tiling, u8 *tile, u64 word, u32 x, u32 y, u32 w, u32 h)
{
	u32 pitch = tiling == SG_TILE_X ? 512 : SG_TILE_Y_COLUMN, run, i;

	for (; w; x += run, w -= run) {
		u8 *to = tile + sg_tile_inner(tiling, x, y);

		run = min(sg_tile_run(tiling, (s32)x), w);
		if (run == pitch)
			fill(to, word, (size_t)pitch * h);
		else
			for (i = 0; i < h; i++)
				fill(to + (size_t)i * pitch, word, run);
	}
}

static void fill_tile(struct piece *piece, const struct sg_block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	enum sg_tiling tiling = op->dst.tiling;
	const struct sg_found *found = sg_view_tile(&piece->views.dst, (s32)block->dst_x,
						    block->dst_y);
	u32 x = (u32)block->dst_x & (sg_tile_width(tiling) - 1);
	u32 y = (u32)block->dst_y & (sg_tile_height(tiling) - 1);
	u64 word = fill_word(op, 0);

	if (found->len < SG_TILE_SIZE)
		fill_crumbs(piece, block);
	else if (found->ptr && block->bytes * block->rows == SG_TILE_SIZE)
		fill(found->ptr, word, SG_TILE_SIZE);
	else if (found->ptr)
		fill_columns(tiling, found->ptr, word, x, y, block->bytes, block->rows);
}

/* What comes next: at most @limit bytes of a row, or a tile. */
static struct sg_block next_block(const struct sg_blt *blt, u32 limit)
{
	const struct sg_blt_op *op = &blt->op;
	struct sg_block block = { .rows = 1 };
	u32 y = blt->upwards ? blt->rows - 1 - blt->y : blt->y;
	u64 x = blt->x;

	block.bytes = (u32)min_t(u64, blt->row_bytes - x, limit);
	if (blt->leftwards)
		x = blt->row_bytes - x - block.bytes;
	block.dst_x = (s64)op->rect.x1 * (s32)op->cpp + (s64)x;
	block.dst_y = op->rect.y1 + (s32)y;
	block.src_x = (s64)op->src_x * (s32)op->cpp + (s64)x;
	block.src_y = op->src_y + (s32)y;
	if (blt->by_tile) {
		bool by_dst = is_block_of_dst(blt);
		enum sg_tiling tiling = by_dst ? op->dst.tiling : op->src.tiling;
		u32 w = sg_tile_width(tiling), h = sg_tile_height(tiling);

		block.bytes = min(block.bytes,
				  w - ((u32)(by_dst ? block.dst_x : block.src_x) & (w - 1)));
		block.rows = min(blt->rows - y,
				 h - ((u32)(by_dst ? block.dst_y : block.src_y) & (h - 1)));
	}
	return block;
}

/* Draw a block, or as much of its only row as is contiguous. Returns what it counts for. */
static u32 draw_block(struct piece *piece, struct sg_block *block)
{
	const struct sg_blt *blt = piece->blt;

	switch (blt->way) {
	case SG_WAY_COPY:
		copy_linear(piece, block);
		break;
	case SG_WAY_TILES:
		copy_tile(piece, block);
		break;
	case SG_WAY_FILL:
		if (blt->by_tile)
			fill_tile(piece, block);
		else
			fill_linear(piece, block);
		break;
	case SG_WAY_SPANS:
		sg_blt_draw_spans(piece->blt, &piece->views, block);
		return max(SPANS_COST * block->bytes * block->rows, MIN_COST);
	}
	return max(block->bytes * block->rows, MIN_COST);
}

static void advance(struct piece *piece, const struct sg_block *block)
{
	struct sg_blt *blt = piece->blt;

	blt->x += block->bytes;
	if (blt->x == blt->row_bytes) {
		blt->x = 0;
		blt->y += block->rows;
		if (blt->way == SG_WAY_TILES)
			memset(piece->rows, 0, sizeof(piece->rows));
	}
}

enum sg_blt_status sg_blt_step(struct sg_blt *blt, struct sg_mem *mem)
{
	struct piece piece;
	struct sg_blt_op *op = &blt->op;
	u32 budget = SG_PIECE, most = MIN_COST;

	if (op->pattern == SG_PAT_MEMORY) {
		sg_read(mem, op->pat_addr, op->pat, 8 * 8 * op->cpp);
		op->pattern = SG_PAT_COLOR;
	}
	/* what a small blit does not need would be most of what it takes */
	piece.blt = blt;
	piece.mem = mem;
	piece.mono = (struct sg_surface) { .base = op->mono_addr };
	if (blt->way == SG_WAY_TILES)
		memset(piece.rows, 0, sizeof(piece.rows));
	sg_view_init(&piece.views.dst, mem, &op->dst, SG_WRITE);
	sg_view_init(&piece.views.before, mem, &op->dst, SG_READ);
	sg_view_init(&piece.views.src, mem, op->source == SG_SRC_MONO ? &piece.mono : &op->src,
		     SG_READ);
	if (blt->way == SG_WAY_SPANS)
		most = SPANS_COST * (blt->by_tile ? SG_TILE_SIZE : SG_BLT_SPAN);
	else if (blt->by_tile)
		most = SG_TILE_SIZE;
	sg_mem_enter(mem);
	while (budget >= most && blt->y < blt->rows) {
		u32 limit = blt->way == SG_WAY_SPANS && !blt->by_tile ? SG_BLT_SPAN : budget;
		struct sg_block block = next_block(blt, limit);

		budget -= draw_block(&piece, &block);
		advance(&piece, &block);
	}
	sg_mem_leave(mem);
	blt->effort += SG_PIECE - budget;
	return blt->y < blt->rows ? SG_BLT_MORE : SG_BLT_DONE;
}

/* Whether the source overlaps the destination; then sets the order of drawing. */
static bool find_order(struct sg_blt *blt)
{
	const struct sg_blt_op *op = &blt->op;
	const struct sg_surface *src = &op->src, *dst = &op->dst;
	s64 dx, dy, from_to, pitch = dst->pitch, bytes = (s64)blt->row_bytes, extent;

	if (op->source != SG_SRC_SURFACE || src->tiling != dst->tiling || src->pitch != dst->pitch)
		return false;
	dx = ((s64)op->rect.x1 - op->src_x) * (s32)op->cpp;
	dy = (s64)op->rect.y1 - op->src_y;
	if (dst->tiling != SG_LINEAR) {
		if (src->base != dst->base || dy <= -(s64)blt->rows || dy >= (s64)blt->rows ||
		    dx <= -bytes || dx >= bytes)
			return false;
		blt->upwards = dy > 0;
		blt->leftwards = !dy && dx > 0;
		return true;
	}
	/* addresses wrap around at 48 bits; the sign is in the highest of them */
	from_to = (s64)((dst->base - src->base + (u64)(dy * pitch + dx)) << 16) >> 16;
	extent = (s64)(blt->rows - 1) * (pitch < 0 ? -pitch : pitch) + bytes;
	if (from_to <= -extent || from_to >= extent)
		return false;
	blt->upwards = pitch < 0 ? from_to < 0 : from_to > 0;
	blt->leftwards = from_to > 0 && from_to < bytes;
	return true;
}

static void choose_way(struct sg_blt *blt)
{
	const struct sg_blt_op *op = &blt->op;
	const struct sg_surface *src = &op->src, *dst = &op->dst;
	bool dst_tiled = dst->tiling != SG_LINEAR, tiled, overlap;

	blt->x = 0;
	blt->y = 0;
	blt->upwards = false;
	blt->leftwards = false;
	blt->rows = (u32)(op->rect.y2 - op->rect.y1);
	blt->row_bytes = (u64)(u32)(op->rect.x2 - op->rect.x1) * op->cpp;

	overlap = find_order(blt);
	tiled = dst_tiled || (op->source == SG_SRC_SURFACE && src->tiling != SG_LINEAR);
	blt->way = SG_WAY_SPANS;
	blt->by_tile = dst_tiled && !overlap;
	if (sg_blt_writes_some(op))
		return;
	if (op->rop == SG_ROP_BLACK || op->rop == SG_ROP_WHITE ||
	    (op->rop == SG_ROP_PATTERN && op->pattern == SG_PAT_SOLID)) {
		blt->way = SG_WAY_FILL;
		blt->upwards = false;
		blt->leftwards = false;
		blt->by_tile = dst_tiled;
		tiled = dst_tiled;
	} else if (op->rop == SG_ROP_COPY && op->source == SG_SRC_SURFACE) {
		if (!tiled && !blt->leftwards) {
			blt->way = SG_WAY_COPY;
		} else if (tiled && !overlap) {
			blt->way = SG_WAY_TILES;
			blt->by_tile = true;
		}
	}
	/* rows that follow each other without a gap are one */
	if ((blt->way == SG_WAY_FILL || blt->way == SG_WAY_COPY) && !tiled && !blt->upwards &&
	    dst->pitch > 0 && (u64)dst->pitch == blt->row_bytes &&
	    (blt->way == SG_WAY_FILL || src->pitch == dst->pitch)) {
		blt->row_bytes *= blt->rows;
		blt->rows = 1;
	}
}

void sg_blt_begin(struct sg_blt *blt)
{
	choose_way(blt);
	if (blt->way != SG_WAY_SPANS)
		return;
	/* operands that the operation asks for but the command does not have */
	memset(blt->src, 0, sizeof(blt->src));
	memset(blt->pat, 0, sizeof(blt->pat));
}
