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
#include "rop.h"
#include "span.h"

/* Linear memory is looked up by the page, when not all that follows is wanted. */
#define PAGE_BYTES	4096u
/* Rows of the highest tile. */
#define TILE_ROWS	32
#define CACHE_LINE	64u
/* Bytes from which on memset64() is worth a call. */
#define FILL_WORDS	256u
/* Bytes of a row by which linear memory is fetched before it is used. */
#define AHEAD		512
/* Bytes that a block counts for at least: short ones take time, too. */
#define MIN_COST	256u
/* Times that a span is moved: source, destination before, and after. */
#define SPANS_COST	3u

/* What a translation has found. */
struct found {
	u64 addr;
	u8 *ptr;
	u32 len;
};

/* A surface, and what was found of it last: of tiles, those of even and of odd columns. */
struct view {
	const struct sg_surface *surface;
	enum sg_access access;
	struct found last[2];
};

/* The rest of a row, as far as it is contiguous. */
struct cursor {
	u8 *ptr;
	u32 left;
};

/*
 * What is at hand between sg_mem_enter() and sg_mem_leave(). @before is the destination for reading: what may
 * not be written can be read.
 */
struct piece {
	struct sg_blt *blt;
	struct sg_mem *mem;
	struct sg_surface mono;
	struct view dst, src, before;
	struct cursor rows[TILE_ROWS];
};

/* A part of a blit; columns are in bytes. */
struct block {
	s64 dst_x, src_x;
	s32 dst_y, src_y;
	u32 bytes, rows;
};

/*
 * Whether blocks are tiles of the destination, not of the source. A tile's columns are harder to go
 * through than the rows of all else: SG_TILE_Y goes before SG_TILE_X, and that before SG_LINEAR.
 */
static bool is_block_of_dst(const struct sg_blt *blt)
{
	return blt->way != SG_WAY_TILES || blt->op.dst.tiling >= blt->op.src.tiling;
}

static void find(struct piece *piece, struct view *view, struct found *found, u64 addr, u32 len)
{
	size_t n = len;

	found->addr = addr & SG_ADDRESS_MASK;
	found->ptr = sg_mem_translate(piece->mem, addr, &n, view->access);
	found->len = (u32)n;
}

static u64 linear_address(const struct sg_surface *surface, s64 x, s32 y)
{
	return (surface->base + (u64)((s64)y * surface->pitch + x)) & SG_ADDRESS_MASK;
}

/* The tile that a byte is in; whole, unless its length is less than SG_TILE_SIZE. */
static struct found *find_tile(struct piece *piece, struct view *view, s32 x, s32 y)
{
	const struct sg_surface *s = view->surface;
	struct found *found = &view->last[x >> sg_tile_width_shift(s->tiling) & 1];
	u64 addr = (s->base + sg_tile_start(s->tiling, s->pitch, x, y)) & SG_ADDRESS_MASK;

	if (!found->len || found->addr != addr)
		find(piece, view, found, addr, SG_TILE_SIZE);
	return found;
}

/* The bytes from (x, y) on: up to *@len, as far as they are contiguous. NULL: not mapped. */
static u8 *find_bytes(struct piece *piece, struct view *view, s64 x, s32 y, u32 *len)
{
	const struct sg_surface *s = view->surface;
	struct found *found, exact;
	u64 at;

	if (s->tiling == SG_LINEAR) {
		u64 addr = linear_address(s, x, y);

		found = &view->last[0];
		at = addr - found->addr;
		if (at >= found->len) {
			find(piece, view, found, addr, PAGE_BYTES - addr % PAGE_BYTES);
			at = 0;
		}
	} else {
		*len = min(*len, sg_tile_run(s->tiling, (s32)x));
		at = sg_tile_inner(s->tiling, (u32)x & (sg_tile_width(s->tiling) - 1),
				   (u32)y & (sg_tile_height(s->tiling) - 1));
		found = find_tile(piece, view, (s32)x, y);
		if (at >= found->len) {
			find(piece, view, &exact, found->addr + at, *len);
			found = &exact;
			at = 0;
		}
	}
	*len = (u32)min((u64)*len, found->len - at);
	return found->ptr ? found->ptr + at : NULL;
}

/* Bytes of a row that can be moved as part of a tile: see load() and store(). 0: none. */
static u32 tile_row(struct piece *piece, struct view *view, s64 x, s32 y, u32 n, u8 **tile)
{
	enum sg_tiling tiling = view->surface->tiling;
	struct found *found;

	if (tiling == SG_LINEAR)
		return 0;
	found = find_tile(piece, view, (s32)x, y);
	*tile = found->ptr;
	if (found->len < SG_TILE_SIZE)
		return 0;
	return min(n, sg_tile_width(tiling) - ((u32)x & (sg_tile_width(tiling) - 1)));
}

static void load(struct piece *piece, struct view *view, s64 x, s32 y, u8 *to, u32 n)
{
	enum sg_tiling tiling = view->surface->tiling;
	u32 len;

	for (; n; x += len, to += len, n -= len) {
		u8 *ptr;

		len = tile_row(piece, view, x, y, n, &ptr);
		if (len && ptr) {
			sg_tile_load(tiling, ptr, to, 0, (u32)x & (sg_tile_width(tiling) - 1),
				     (u32)y & (sg_tile_height(tiling) - 1), len, 1);
			continue;
		}
		if (!len) {
			len = n;
			ptr = find_bytes(piece, view, x, y, &len);
		}
		if (ptr)
			memcpy(to, ptr, len);
		else
			memset(to, 0, len);
	}
}

static void put(u8 *to, const u8 *from, u32 n)
{
	/* a pixel is one store: somebody may be waiting for it */
	if (n == sizeof(u32))
		__builtin_memcpy(to, from, sizeof(u32));
	else
		memcpy(to, from, n);
}

static void store(struct piece *piece, struct view *view, s64 x, s32 y, const u8 *from, u32 n)
{
	enum sg_tiling tiling = view->surface->tiling;
	u32 len;

	for (; n; x += len, from += len, n -= len) {
		u8 *ptr;

		len = tile_row(piece, view, x, y, n, &ptr);
		if (len && ptr) {
			sg_tile_store(tiling, ptr, from, 0, (u32)x & (sg_tile_width(tiling) - 1),
				      (u32)y & (sg_tile_height(tiling) - 1), len, 1);
			continue;
		}
		if (!len) {
			len = n;
			ptr = find_bytes(piece, view, x, y, &len);
		}
		if (ptr)
			put(ptr, from, len);
	}
}

static void put_some(u8 *to, const u8 *from, const u8 *write, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (write[i])
			to[i] = from[i];
}

/* Store where @write is not zero: what is left out must not be written, not even with itself. */
static void store_some(struct piece *piece, struct view *view, s64 x, s32 y, const u8 *from,
		       const u8 *write, u32 n)
{
	u32 len, i;

	for (; n; x += len, from += len, write += len, n -= len) {
		u8 *ptr;

		len = n;
		ptr = find_bytes(piece, view, x, y, &len);
		if (!ptr)
			continue;
		for (i = 0; len - i >= sizeof(u32); i += sizeof(u32)) {
			u32 which;

			__builtin_memcpy(&which, write + i, sizeof(which));
			if (which == ~0u)
				put(ptr + i, from + i, sizeof(u32));
			else if (which)
				put_some(ptr + i, from + i, write + i, sizeof(u32));
		}
		put_some(ptr + i, from + i, write + i, len - i);
	}
}

/* Both linear. May draw less than all of the block. */
static void copy_linear(struct piece *piece, struct block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	size_t n = block->bytes;
	void *from = sg_mem_translate(piece->mem, linear_address(&op->src, block->src_x,
				      block->src_y), &n, SG_READ);
	void *to = sg_mem_translate(piece->mem, linear_address(&op->dst, block->dst_x,
				    block->dst_y), &n, SG_WRITE);

	if (to && from)
		memmove(to, from, n);
	else if (to)
		memset(to, 0, n);
	block->bytes = (u32)n;
}

static void copy_buffered(struct piece *piece, const struct block *block)
{
	u8 *buffer = (u8 *)piece->blt->src;
	u32 x, n, i;

	for (i = 0; i < block->rows; i++)
		for (x = 0; x < block->bytes; x += n) {
			n = min_t(u32, block->bytes - x, SG_BLT_SPAN);
			load(piece, &piece->src, block->src_x + x, block->src_y + (s32)i,
			     buffer, n);
			store(piece, &piece->dst, block->dst_x + x, block->dst_y + (s32)i,
			      buffer, n);
		}
}

/* Between surfaces that are tiled alike: a page to a page, where the tiles lie alike, too. */
static void copy_tile_to_tile(struct piece *piece, const struct block *block)
{
	enum sg_tiling tiling = piece->blt->op.dst.tiling;
	struct found *from, *to;

	from = find_tile(piece, &piece->src, (s32)block->src_x, block->src_y);
	to = find_tile(piece, &piece->dst, (s32)block->dst_x, block->dst_y);
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
static void point(struct piece *piece, struct view *view, struct cursor *cursor, s64 x, s32 y,
		  u64 left)
{
	const struct sg_surface *s = view->surface;
	size_t n = (size_t)min_t(u64, left, SG_PIECE);
	u64 addr = linear_address(s, x, y);

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

/*
 * The processor foresees neither the rows, which are far from each other, nor the next tile. What
 * is asked for here need not be there.
 */
static void prefetch_row(const u8 *linear, const u8 *tile, u32 w, bool to_tile)
{
	u32 i;

	for (i = 0; i < w; i += CACHE_LINE)
		if (to_tile) {
			__builtin_prefetch(linear + i);
			__builtin_prefetch(tile + i, 1);
		} else {
			__builtin_prefetch(linear + i, 1);
			__builtin_prefetch(tile + i);
		}
}

/*
 * A tile from or to linear memory, or a Y tile from or to X tiles, the rows of which are as good as
 * linear. Each of those rows has a cursor, which is kept while tiles follow each other from left to
 * right.
 */
static void copy_tile_rows(struct piece *piece, const struct block *block, bool to_tile)
{
	const struct sg_blt *blt = piece->blt;
	struct view *tiled = to_tile ? &piece->dst : &piece->src;
	struct view *linear = to_tile ? &piece->src : &piece->dst;
	enum sg_tiling tiling = tiled->surface->tiling;
	s32 tile_x = (s32)(to_tile ? block->dst_x : block->src_x);
	s32 tile_y = to_tile ? block->dst_y : block->src_y;
	s64 linear_x = to_tile ? block->src_x : block->dst_x;
	s32 linear_y = to_tile ? block->src_y : block->dst_y;
	u32 w = sg_tile_width(tiling), h = sg_tile_height(tiling), x, n, row;
	const struct found *found = find_tile(piece, tiled, tile_x, tile_y);
	const u8 *next = found->ptr;

	if (found->len < SG_TILE_SIZE) {
		copy_buffered(piece, block);
		memset(piece->rows, 0, sizeof(piece->rows));
		return;
	}
	if (blt->row_bytes - blt->x > block->bytes)
		next = find_tile(piece, tiled, tile_x + (s32)block->bytes, tile_y)->ptr;
	for (row = 0; row < block->rows; row++) {
		struct cursor *cursor = &piece->rows[row];

		for (x = 0; x < block->bytes; x += n) {
			if (!cursor->left)
				point(piece, linear, cursor, linear_x + x, linear_y + (s32)row,
				      blt->row_bytes - blt->x - x);
			n = min(cursor->left, block->bytes - x);
			if (n == w && cursor->ptr && next && cursor->left > n)
				prefetch_row(cursor->ptr + AHEAD, next + row * w, w, to_tile);
			copy_part(tiling, found->ptr, ((u32)tile_x & (w - 1)) + x,
				  ((u32)tile_y & (h - 1)) + row, cursor->ptr, n, to_tile);
			if (cursor->ptr)
				cursor->ptr += n;
			cursor->left -= n;
		}
	}
}

static void copy_tile(struct piece *piece, const struct block *block)
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
static void fill_linear(struct piece *piece, struct block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	size_t n = block->bytes;
	u8 *to = sg_mem_translate(piece->mem, linear_address(&op->dst, block->dst_x, block->dst_y),
				  &n, SG_WRITE);

	if (to)
		fill(to, fill_word(op, block->dst_x), n);
	block->bytes = (u32)n;
}

/* A tile that is not contiguous. */
static void fill_crumbs(struct piece *piece, const struct block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	u32 row, x, len;

	for (row = 0; row < block->rows; row++)
		for (x = 0; x < block->bytes; x += len) {
			u8 *to;

			len = block->bytes - x;
			to = find_bytes(piece, &piece->dst, block->dst_x + x,
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

static void fill_tile(struct piece *piece, const struct block *block)
{
	const struct sg_blt_op *op = &piece->blt->op;
	enum sg_tiling tiling = op->dst.tiling;
	const struct found *found = find_tile(piece, &piece->dst, (s32)block->dst_x, block->dst_y);
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

static u32 get_pixel(const void *buffer, u32 cpp, u32 i)
{
	const u8 *p = (const u8 *)buffer + (size_t)i * cpp;

	if (cpp == 4)
		return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
	return cpp == 2 ? p[0] | p[1] << 8 : p[0];
}

static void put_pixel(void *buffer, u32 cpp, u32 i, u32 pixel)
{
	u8 *p = (u8 *)buffer + (size_t)i * cpp;

	if (cpp == 4)
		__builtin_memcpy(p, &pixel, 4);
	else if (cpp == 2)
		__builtin_memcpy(p, &pixel, 2);
	else
		*p = (u8)pixel;
}

static void leave_out(struct sg_blt *blt, u32 i)
{
	put_pixel(blt->write, blt->op.cpp, i, 0);
}

/* Whether some of the pixels, or of their bits, may have to stay as they are. */
static bool writes_some(const struct sg_blt_op *op)
{
	return op->mask != ~0u || op->key != SG_KEY_NONE ||
	       (op->source >= SG_SRC_MONO && op->src_transparent) ||
	       (op->pattern == SG_PAT_MONO && op->pat_transparent);
}

static void expand_mono_source(struct piece *piece, const struct block *block, u32 pixels)
{
	struct sg_blt *blt = piece->blt;
	const struct sg_blt_op *op = &blt->op;
	u64 bit = (u64)block->src_y * op->mono_pitch + (u64)block->src_x / op->cpp;
	u32 shift = bit & 7, bytes = (shift + pixels + 7) / 8, i;
	u8 bits[SG_BLT_SPAN / 8 + 1];

	if (op->source == SG_SRC_MONO) {
		load(piece, &piece->src, (s64)(bit / 8), 0, bits, bytes);
	} else {
		const u8 *from = (const u8 *)blt->immediate;

		for (i = 0; i < bytes; i++)
			bits[i] = bit / 8 + i < sizeof(blt->immediate) ? from[bit / 8 + i] : 0;
	}
	for (i = 0; i < pixels; i++) {
		u32 at = shift + i, one = bits[at / 8] << at % 8 & 0x80;

		put_pixel(blt->src, op->cpp, i, one ? op->fg : op->bg);
		if (!one && op->src_transparent)
			leave_out(blt, i);
	}
}

/* Eight pixels of the pattern, over and over; SG_BLT_SPAN is a multiple of them. */
static void repeat_pattern(struct sg_blt *blt, const struct block *block, u32 pixels)
{
	const struct sg_blt_op *op = &blt->op;
	u32 x = ((u32)(block->dst_x / (s32)op->cpp) + op->pat_x) & 7;
	u32 y = ((u32)block->dst_y + op->pat_y) & 7, period = 8 * op->cpp, i;

	for (i = 0; i < 8; i++) {
		u32 color = op->pat_fg;

		if (op->pattern == SG_PAT_COLOR)
			color = get_pixel(op->pat, op->cpp, y * 8 + ((x + i) & 7));
		else if (op->pattern == SG_PAT_MONO && !(op->pat[y] << ((x + i) & 7) & 0x80))
			color = op->pat_bg;
		put_pixel(blt->pat, op->cpp, i, color);
	}
	for (i = period; i < pixels * op->cpp; i += period)
		memcpy((u8 *)blt->pat + i, blt->pat, period);
	if (op->pattern == SG_PAT_MONO && op->pat_transparent)
		for (i = 0; i < pixels; i++)
			if (!(op->pat[y] << ((x + i) & 7) & 0x80))
				leave_out(blt, i);
}

static bool in_key_range(const struct sg_blt_op *op, u32 pixel)
{
	static const u32 channels[][4] = {
		{ 0xff },
		{ 0x1f, 0x3e0, 0x7c00, 0x8000 },
		{ 0x1f, 0x7e0, 0xf800 },
		{ 0xff, 0xff00, 0xff0000, 0xff000000 },
	};
	const u32 *mask = channels[op->cpp != 2 ? op->cpp - 1 : op->key_565 ? 2 : 1];
	unsigned int i;

	for (i = 0; i < (op->key_alpha ? 4 : 3); i++)
		if ((pixel & mask[i]) < (op->key_low & mask[i]) ||
		    (pixel & mask[i]) > (op->key_high & mask[i]))
			return false;
	return true;
}

static void apply_key(struct sg_blt *blt, u32 pixels)
{
	const struct sg_blt_op *op = &blt->op;
	bool leave = op->key == SG_KEY_SOURCE;
	const u64 *buffer = op->source == SG_SRC_NONE ? blt->pat : blt->src;
	u32 i;

	if (!leave)
		buffer = blt->dst;
	for (i = 0; i < pixels; i++)
		if (in_key_range(op, get_pixel(buffer, op->cpp, i)) == leave)
			leave_out(blt, i);
}

/* At most SG_BLT_SPAN bytes of a row, by the long way. */
static void draw_span(struct piece *piece, const struct block *block)
{
	struct sg_blt *blt = piece->blt;
	const struct sg_blt_op *op = &blt->op;
	u32 n = block->bytes, pixels = n / op->cpp, i;
	bool some = writes_some(op);

	if (some)
		for (i = 0; i < pixels; i++)
			put_pixel(blt->write, op->cpp, i, op->mask);
	if (op->source == SG_SRC_SURFACE)
		load(piece, &piece->src, block->src_x, block->src_y, (u8 *)blt->src, n);
	else if (op->source != SG_SRC_NONE)
		expand_mono_source(piece, block, pixels);
	if (op->pattern != SG_PAT_NONE)
		repeat_pattern(blt, block, pixels);
	if (op->key == SG_KEY_DEST || sg_rop_uses_dest(op->rop))
		load(piece, &piece->before, block->dst_x, block->dst_y, (u8 *)blt->dst, n);
	if (op->key != SG_KEY_NONE)
		apply_key(blt, pixels);
	sg_rop(op->rop, blt->dst, blt->src, blt->pat, (n + sizeof(u64) - 1) / sizeof(u64));
	if (some)
		store_some(piece, &piece->dst, block->dst_x, block->dst_y, (u8 *)blt->dst,
			   (u8 *)blt->write, n);
	else
		store(piece, &piece->dst, block->dst_x, block->dst_y, (u8 *)blt->dst, n);
}

static void draw_spans(struct piece *piece, const struct block *block)
{
	struct block span = *block;
	u32 x, row;

	span.rows = 1;
	for (row = 0; row < block->rows; row++)
		for (x = 0; x < block->bytes; x += span.bytes) {
			span.bytes = min_t(u32, block->bytes - x, SG_BLT_SPAN);
			span.dst_x = block->dst_x + x;
			span.src_x = block->src_x + x;
			span.dst_y = block->dst_y + (s32)row;
			span.src_y = block->src_y + (s32)row;
			draw_span(piece, &span);
		}
}

/* What comes next: at most @limit bytes of a row, or a tile. */
static struct block next_block(const struct sg_blt *blt, u32 limit)
{
	const struct sg_blt_op *op = &blt->op;
	struct block block = { .rows = 1 };
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
static u32 draw_block(struct piece *piece, struct block *block)
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
		draw_spans(piece, block);
		return max(SPANS_COST * block->bytes * block->rows, MIN_COST);
	}
	return max(block->bytes * block->rows, MIN_COST);
}

static void advance(struct piece *piece, const struct block *block)
{
	struct sg_blt *blt = piece->blt;

	blt->x += block->bytes;
	if (blt->x == blt->row_bytes) {
		blt->x = 0;
		blt->y += block->rows;
		memset(piece->rows, 0, sizeof(piece->rows));
	}
}

enum sg_blt_status sg_blt_step(struct sg_blt *blt, struct sg_mem *mem)
{
	struct piece piece = { .blt = blt, .mem = mem };
	struct sg_blt_op *op = &blt->op;
	u32 budget = SG_PIECE, most = MIN_COST;

	if (op->pattern == SG_PAT_MEMORY) {
		sg_read(mem, op->pat_addr, op->pat, 8 * 8 * op->cpp);
		op->pattern = SG_PAT_COLOR;
	}
	piece.mono.base = op->mono_addr;
	piece.dst.surface = &op->dst;
	piece.dst.access = SG_WRITE;
	piece.before.surface = &op->dst;
	piece.before.access = SG_READ;
	piece.src.surface = op->source == SG_SRC_MONO ? &piece.mono : &op->src;
	piece.src.access = SG_READ;
	if (blt->way == SG_WAY_SPANS)
		most = SPANS_COST * (blt->by_tile ? SG_TILE_SIZE : SG_BLT_SPAN);
	else if (blt->by_tile)
		most = SG_TILE_SIZE;
	sg_mem_enter(mem);
	while (budget >= most && blt->y < blt->rows) {
		u32 limit = blt->way == SG_WAY_SPANS && !blt->by_tile ? SG_BLT_SPAN : budget;
		struct block block = next_block(blt, limit);

		budget -= draw_block(&piece, &block);
		advance(&piece, &block);
	}
	sg_mem_leave(mem);
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

void sg_blt_begin(struct sg_blt *blt)
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
	/* operands that the operation asks for but the command does not have */
	memset(blt->src, 0, sizeof(blt->src));
	memset(blt->pat, 0, sizeof(blt->pat));

	overlap = find_order(blt);
	tiled = dst_tiled || (op->source == SG_SRC_SURFACE && src->tiling != SG_LINEAR);
	blt->way = SG_WAY_SPANS;
	blt->by_tile = dst_tiled && !overlap;
	if (writes_some(op))
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
