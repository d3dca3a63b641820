// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The error state: of the first hang since it was last cleared, what ran and where it was, and the
 * memory of its batch and of the objects that the client had marked.
 *
 * It is taken by a worker, before the request's fence signals, while the engine runs others: a
 * copy of much memory takes long. Since fences, and with them the kernel's reclaim, wait for the
 * copy, it may not wait for memory: what does not fit is left out. That the memory is still there
 * is what the fence sees to, which has not signalled; it is read as the GPU reads it.
 *
 * Pages of zeroes are counted, not kept.
 */
#include <linux/ascii85.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include <drm/drm_print.h>

#include "../device/span.h"
#include "capture.h"
#include "client.h"
#include "context.h"
#include "gpu.h"
#include "request.h"

/* Of all memory no more than this part is spent on a copy. */
#define SHARE_OF_MEMORY	3

/* Nor more time than this, in ms: fences wait for it. */
#define COPY_TIME_MS	10000

#define COPY_GFP	(GFP_NOWAIT | __GFP_NOWARN)

/**
 * struct sg_block - memory in an error state.
 * @link: in the state's list
 * @name: what it was
 * @range: where it was
 * @complete: all of it is here
 * @pages: the pages that are not zero, in their order, linked by their lru field; a page's private
 *	field says how many zero pages come before it, its index how long it is as text
 * @tail: zero pages after the last of @pages
 */
struct sg_block {
	struct list_head link;
	const char *name;
	struct sg_range range;
	bool complete;
	struct list_head pages;
	unsigned long tail;
};

/**
 * struct cursor - a place in the text of all blocks.
 * @block: the block; NULL: the beginning
 * @item: what of it: a page and the zero pages before it, linked by its lru field; the list's head:
 *	those after the last; NULL: what comes before all of them
 * @pos: characters before it
 */
struct cursor {
	struct sg_block *block;
	struct list_head *item;
	u64 pos;
};

/**
 * struct sg_error - an error state.
 * @what: why it was taken
 * @time: when, since 1970, in ns
 * @uptime: when, since boot, in ns
 * @resets: how many resets there had been
 * @engine: the engine's name; empty: none hung
 * @context: the context's number
 * @client: the file's
 * @seqno: the request's
 * @acthd: the command that the batch had come to
 * @header: its first dword, if it could not be executed
 * @commands: how many the context had executed
 * @guilty: hangs of the context before this one
 * @budget: pages that may still be spent on the copy
 * @until: when the copy has to be done, in jiffies
 * @blocks: struct sg_block
 * @head: the text before the blocks, once somebody has asked for it
 * @head_len: its characters
 * @cursor: what was read last
 */
struct sg_error {
	char what[64];
	u64 time;
	u64 uptime;
	unsigned int resets;
	char engine[8];
	u32 context;
	u32 client;
	u64 seqno;
	u64 acthd;
	u32 header;
	u64 commands;
	unsigned int guilty;
	unsigned long budget;
	unsigned long until;
	struct list_head blocks;
	char *head;
	size_t head_len;
	struct cursor cursor;
};

/* A page of zeroes has one character a dword. */
#define ZERO_TEXT	(PAGE_SIZE / sizeof(u32))

static void free_block(struct sg_block *block)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &block->pages, lru)
		__free_page(page);
	kfree(block);
}

static void free_error(struct sg_error *error)
{
	struct sg_block *block, *next;

	if (!error)
		return;
	list_for_each_entry_safe(block, next, &error->blocks, link)
		free_block(block);
	kfree(error->head);
	kfree(error);
}

static unsigned int text_length(const u32 *data)
{
	unsigned int i, n = 0;

	for (i = 0; i < ZERO_TEXT; i++)
		n += data[i] ? 5 : 1;
	return n;
}

/* Copy one page of what the GPU sees. Returns false if there is no memory for it. */
static bool capture_page(struct sg_error *error, struct sg_block *block, struct sg_mem *mem,
			 u64 addr)
{
	struct page *page;

	if (!error->budget)
		return false;
	page = alloc_page(COPY_GFP);
	if (!page)
		return false;
	memset(page_address(page), 0, PAGE_SIZE);
	sg_read(mem, addr, page_address(page), PAGE_SIZE);
	if (!memchr_inv(page_address(page), 0, PAGE_SIZE)) {
		__free_page(page);
		block->tail++;
		return true;
	}
	error->budget--;
	page->index = text_length(page_address(page));
	set_page_private(page, block->tail);
	block->tail = 0;
	list_add_tail(&page->lru, &block->pages);
	return true;
}

/* Whether there is still time, and somebody who might want to know. */
static bool may_go_on(const struct sg_error *error, const struct sg_request *rq)
{
	return time_before(jiffies, error->until) && !READ_ONCE(rq->gpu->wedged) &&
	       !sg_context_doomed(rq->ring->ctx, rq->ring->engine);
}

static void capture_range(struct sg_error *error, struct sg_request *rq, const char *name,
			  const struct sg_range *range)
{
	struct sg_mem *mem = &rq->gpu->captures.mem;
	struct sg_block *block = kzalloc(sizeof(*block), COPY_GFP);
	u64 offset;

	if (!block)
		return;
	block->name = name;
	block->range = *range;
	INIT_LIST_HEAD(&block->pages);
	list_add_tail(&block->link, &error->blocks);
	for (offset = 0; offset < range->size; offset += PAGE_SIZE) {
		if (!may_go_on(error, rq) || !capture_page(error, block, mem, range->addr + offset))
			return;
		cond_resched();
	}
	block->complete = true;
}

static struct sg_error *create_error(struct sg_gpu *gpu, gfp_t gfp)
{
	struct sg_error *error = kzalloc(sizeof(*error), gfp);

	if (!error)
		return NULL;
	error->time = ktime_get_real_ns();
	error->uptime = ktime_get_boottime_ns();
	error->resets = atomic_read(&gpu->reset_count);
	error->budget = totalram_pages() / SHARE_OF_MEMORY;
	error->until = jiffies + msecs_to_jiffies(COPY_TIME_MS);
	INIT_LIST_HEAD(&error->blocks);
	return error;
}

/* Becomes the device's error state if there is none yet. */
static void install_error(struct sg_gpu *gpu, struct sg_error *error)
{
	char where[sizeof(error->what) + sizeof(error->engine) + 4];

	/* as soon as it is there, somebody may clear it */
	scnprintf(where, sizeof(where), "%s%s%s", error->what, error->engine[0] ? " on " : "",
		  error->engine);
	if (cmpxchg(&gpu->captures.error, NULL, error))
		free_error(error);
	else
		drm_info(&gpu->node.drm, "GPU hang: %s: see the card's error in sysfs\n", where);
}

static void capture(struct sg_gpu *gpu, struct sg_request *rq)
{
	struct sg_mem *mem = &gpu->captures.mem;
	const struct sg_ring *ring = rq->ring;
	struct sg_error *error;
	unsigned int i;

	/* another may have been quicker */
	if (READ_ONCE(gpu->captures.error))
		return;
	error = create_error(gpu, COPY_GFP);
	if (!error)
		return;
	strscpy(error->what, rq->hung ? "invalid command" : "no progress", sizeof(error->what));
	strscpy(error->engine, ring->engine->name, sizeof(error->engine));
	error->context = ring->ctx->id;
	error->client = ring->ctx->client->id;
	error->seqno = rq->fence.seqno;
	error->acthd = sg_cs_acthd(&ring->cs);
	error->header = ring->cs.error_header;
	error->commands = ring->cs.commands;
	error->guilty = atomic_read(&ring->ctx->guilty);

	sg_mem_set_space(mem, ring->ctx->space);
	for (i = 0; i < rq->ncaptures; i++)
		capture_range(error, rq, "user", &rq->captures[i]);
	capture_range(error, rq, "batch", &rq->batch_object);
	sg_mem_set_space(mem, NULL);
	install_error(gpu, error);
}

static struct sg_request *next_request(struct sg_gpu *gpu)
{
	struct sg_request *rq;

	spin_lock_irq(&gpu->sched_lock);
	rq = list_first_entry_or_null(&gpu->captures.requests, struct sg_request, capture_link);
	if (rq)
		list_del_init(&rq->capture_link);
	spin_unlock_irq(&gpu->sched_lock);
	return rq;
}

static void capture_work(struct work_struct *work)
{
	struct sg_captures *c = container_of(work, struct sg_captures, work);
	struct sg_gpu *gpu = container_of(c, struct sg_gpu, captures);
	bool cookie = dma_fence_begin_signalling();
	struct sg_request *rq;

	while ((rq = next_request(gpu))) {
		struct sg_ring *ring = rq->ring;

		capture(gpu, rq);
		spin_lock_irq(&gpu->sched_lock);
		ring->engine->capturing--;
		sg_engine_make_ready(ring->engine, ring);
		spin_unlock_irq(&gpu->sched_lock);
	}
	dma_fence_end_signalling(cookie);
}

/**
 * sg_capture_init() - prepare a device for error states.
 * @gpu: the device
 *
 * Return: 0 or -ENOMEM.
 */
int sg_capture_init(struct sg_gpu *gpu)
{
	struct sg_captures *c = &gpu->captures;

	c->wq = alloc_ordered_workqueue("softgem-capture", WQ_MEM_RECLAIM);
	if (!c->wq)
		return -ENOMEM;
	mutex_init(&c->lock);
	INIT_LIST_HEAD(&c->requests);
	INIT_WORK(&c->work, capture_work);
	sg_mem_init(&c->mem, gpu);
	return 0;
}

/** sg_capture_fini() - the device goes; nothing is to be captured any more. */
void sg_capture_fini(struct sg_gpu *gpu)
{
	struct sg_captures *c = &gpu->captures;

	destroy_workqueue(c->wq);
	free_error(c->error);
	mutex_destroy(&c->lock);
}

/** sg_capture_wanted() - whether a hang of a context is to leave an error state. */
bool sg_capture_wanted(struct sg_gpu *gpu, const struct sg_context *ctx)
{
	return !READ_ONCE(gpu->captures.error) && !READ_ONCE(ctx->no_error_capture);
}

/**
 * sg_capture_start() - have a request captured that hangs.
 * @gpu: the device
 * @rq: the request, condemned; its ring is in no queue and becomes ready when it is done
 *
 * Context: sched_lock is held.
 */
void sg_capture_start(struct sg_gpu *gpu, struct sg_request *rq)
{
	lockdep_assert_held(&gpu->sched_lock);
	rq->ring->engine->capturing++;
	list_add_tail(&rq->capture_link, &gpu->captures.requests);
	queue_work(gpu->captures.wq, &gpu->captures.work);
}

/**
 * sg_capture_note() - leave an error state that has no request.
 * @gpu: the device
 * @what: why
 *
 * Context: may sleep.
 */
void sg_capture_note(struct sg_gpu *gpu, const char *what)
{
	struct sg_error *error;

	if (READ_ONCE(gpu->captures.error))
		return;
	error = create_error(gpu, GFP_KERNEL);
	if (!error)
		return;
	strscpy(error->what, what, sizeof(error->what));
	install_error(gpu, error);
}

#define HEAD_SIZE	2048

static void print_head(const struct sg_error *e, struct seq_buf *s)
{
	seq_buf_printf(s, "GPU hang: %s\n", e->what);
	seq_buf_printf(s, "Kernel: %s %s\n", init_utsname()->release, init_utsname()->machine);
	seq_buf_printf(s, "Time: %llu ns\n", e->time);
	seq_buf_printf(s, "Boottime: %llu ns\n", e->uptime);
	seq_buf_printf(s, "Reset count: %u\n", e->resets);
	seq_buf_printf(s, "Platform: SKYLAKE\nPCI ID: 0x1912\n");
	if (!e->engine[0])
		return;
	seq_buf_printf(s, "%s command stream:\n", e->engine);
	seq_buf_printf(s, "  ACTHD: 0x%08x %08x\n", upper_32_bits(e->acthd),
		       lower_32_bits(e->acthd));
	seq_buf_printf(s, "  IPEHR: 0x%08x\n", e->header);
	seq_buf_printf(s, "  Commands: %llu\n", e->commands);
	seq_buf_printf(s, "  Active context: client %u, context %u, guilty %u, seqno %llu\n",
		       e->client, e->context, e->guilty, e->seqno);
}

static int make_head(struct sg_error *error)
{
	struct seq_buf s;

	if (error->head)
		return 0;
	error->head = kmalloc(HEAD_SIZE, GFP_KERNEL);
	if (!error->head)
		return -ENOMEM;
	seq_buf_init(&s, error->head, HEAD_SIZE);
	print_head(error, &s);
	error->head_len = s.len;
	return 0;
}

/**
 * struct window - the part of a text that somebody wants.
 * @buf: where to
 * @skip: characters that come before it
 * @room: how many are still wanted
 * @n: characters in @buf
 */
struct window {
	char *buf;
	u64 skip;
	size_t room;
	size_t n;
};

static void put(struct window *w, const char *text, size_t len)
{
	size_t n;

	if (w->skip >= len) {
		w->skip -= len;
		return;
	}
	n = min_t(size_t, len - w->skip, w->room);
	memcpy(w->buf + w->n, text + w->skip, n);
	w->skip = 0;
	w->room -= n;
	w->n += n;
}

static void put_dwords(struct window *w, const u32 *data)
{
	unsigned int i;

	for (i = 0; i < ZERO_TEXT && w->room; i++) {
		char text[ASCII85_BUFSZ];

		put(w, ascii85_encode(data[i], text), data[i] ? 5 : 1);
	}
}

static void put_zeroes(struct window *w, u64 pages)
{
	u64 left = pages * ZERO_TEXT, n;

	n = min(w->skip, left);
	w->skip -= n;
	n = min_t(u64, left - n, w->room);
	memset(w->buf + w->n, 'z', n);
	w->room -= n;
	w->n += n;
}

/* What stands before a block's memory. */
static size_t block_line(const struct sg_error *error, const struct sg_block *b, char *line,
			 size_t size)
{
	return scnprintf(line, size, "%s --- %s = 0x%08x %08x\n%s", error->engine, b->name,
			 upper_32_bits(b->range.addr), lower_32_bits(b->range.addr),
			 b->complete ? "~" : "");
}

/* Characters of the item at a place. */
static u64 item_length(const struct sg_error *error, const struct cursor *at)
{
	struct page *page;
	char line[64];

	if (!at->item)
		return block_line(error, at->block, line, sizeof(line));
	if (at->item == &at->block->pages)
		return (u64)at->block->tail * ZERO_TEXT + 1;
	page = list_entry(at->item, struct page, lru);
	return (u64)page_private(page) * ZERO_TEXT + page->index;
}

static void put_item(struct window *w, const struct sg_error *error, const struct cursor *at)
{
	struct page *page;
	char line[64];

	if (!at->item) {
		put(w, line, block_line(error, at->block, line, sizeof(line)));
	} else if (at->item == &at->block->pages) {
		put_zeroes(w, at->block->tail);
		put(w, "\n", 1);
	} else {
		page = list_entry(at->item, struct page, lru);
		put_zeroes(w, page_private(page));
		put_dwords(w, page_address(page));
	}
}

/* The item after that at a place; false if it was the last. */
static bool next_item(const struct sg_error *error, struct cursor *at)
{
	if (!at->item && at->block->complete) {
		at->item = at->block->pages.next;
		return true;
	}
	if (at->item && at->item != &at->block->pages) {
		at->item = at->item->next;
		return true;
	}
	if (list_is_last(&at->block->link, &error->blocks))
		return false;
	at->block = list_next_entry(at->block, link);
	at->item = NULL;
	return true;
}

/* Most read on from where they were: a state may have millions of items. */
static void put_blocks(struct window *w, struct sg_error *error)
{
	struct cursor *at = &error->cursor;
	bool more = true;

	if (list_empty(&error->blocks))
		return;
	if (!at->block || w->skip < at->pos) {
		at->block = list_first_entry(&error->blocks, struct sg_block, link);
		at->item = NULL;
		at->pos = 0;
	}
	w->skip -= at->pos;
	while (more && w->room) {
		struct cursor before = *at;
		u64 len = item_length(error, at);

		if (w->skip >= len)
			w->skip -= len;
		else
			put_item(w, error, at);
		more = next_item(error, at);
		at->pos += len;
		/* what ended the window may not have fitted in */
		if (!w->room || !more)
			*at = before;
	}
}

/**
 * sg_error_read() - the error state as text.
 * @gpu: the device
 * @buf: where to
 * @pos: first character that is wanted
 * @size: how many at most
 *
 * The format is that of i915, whose tools find the memory in it: dwords in ASCII 85, zero as z.
 *
 * Context: may sleep.
 * Return: how many there were; -ENOMEM, -ERESTARTSYS.
 */
ssize_t sg_error_read(struct sg_gpu *gpu, char *buf, loff_t pos, size_t size)
{
	static const char none[] = "No error state collected\n";
	struct window w = { .buf = buf, .skip = pos, .room = size };
	struct sg_captures *c = &gpu->captures;
	ssize_t ret = 0;

	if (mutex_lock_interruptible(&c->lock))
		return -ERESTARTSYS;
	if (!c->error) {
		put(&w, none, strlen(none));
	} else {
		ret = make_head(c->error);
		if (!ret) {
			put(&w, c->error->head, c->error->head_len);
			put_blocks(&w, c->error);
		}
	}
	mutex_unlock(&c->lock);
	return ret ?: w.n;
}

/**
 * sg_error_clear() - forget the error state: the next hang leaves another.
 * @gpu: the device
 *
 * Context: may sleep.
 */
void sg_error_clear(struct sg_gpu *gpu)
{
	struct sg_error *error;

	mutex_lock(&gpu->captures.lock);
	error = xchg(&gpu->captures.error, NULL);
	mutex_unlock(&gpu->captures.lock);
	free_error(error);
}
