// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * EXECBUFFER2: relocations, and where the kernel looks for its arguments while it does them.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Where the batch of store_init() has the address that it stores to. */
#define STORE_ADDRESS	4

#define WRONG	0x0000deadbeef0000ull

/* One store to @target at @delta, by relocation; its execbuf structures, to be varied. */
struct store {
	int fd;
	uint32_t target, batch;
	struct drm_i915_gem_relocation_entry reloc;
	struct drm_i915_gem_exec_object2 obj[2];
	struct drm_i915_gem_execbuffer2 eb;
};

static void store_init(struct store *s, uint32_t delta, uint32_t value)
{
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, (uint32_t)WRONG, WRONG >> 32, value, MI_BATCH_BUFFER_END, 0,
	};

	memset(s, 0, sizeof(*s));
	s->fd = gem_open();
	s->target = gem_create(s->fd, 2 * PAGE);
	s->batch = gem_create(s->fd, PAGE);
	gem_write(s->fd, s->batch, 0, dw, sizeof(dw));

	s->reloc.target_handle = s->target;
	s->reloc.offset = STORE_ADDRESS;
	s->reloc.delta = delta;
	s->reloc.presumed_offset = WRONG;
	s->reloc.read_domains = I915_GEM_DOMAIN_RENDER;
	s->reloc.write_domain = I915_GEM_DOMAIN_RENDER;
	s->obj[0].handle = s->target;
	s->obj[1].handle = s->batch;
	s->obj[1].relocs_ptr = (uintptr_t)&s->reloc;
	s->obj[1].relocation_count = 1;
	s->eb.buffers_ptr = (uintptr_t)s->obj;
	s->eb.buffer_count = 2;
	s->eb.flags = I915_EXEC_RENDER;
}

static uint64_t stored_address(struct store *s)
{
	uint64_t address;

	gem_read(s->fd, s->batch, STORE_ADDRESS, &address, sizeof(address));
	return address;
}

/*
 * Where the kernel had to copy the relocations in, it may mark them as unknown instead of writing
 * the offset back; but it must not leave what the batch no longer says.
 */
static void check_written_back(const struct drm_i915_gem_relocation_entry *reloc, uint64_t offset)
{
	if (reloc->presumed_offset != -1ull)
		CHECK_HEX(reloc->presumed_offset, offset);
}

static uint64_t canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16);
}

static void wrong_presumed(void)
{
	struct store s;

	store_init(&s, 0x40, 0x1111);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0x40), 0x1111);
	/* Where it is: told in both places, and in the batch. */
	CHECK_HEX(s.reloc.presumed_offset, s.obj[0].offset);
	CHECK_HEX(stored_address(&s), s.obj[0].offset + 0x40);
	CHECK_HEX(s.obj[0].offset, canonical(s.obj[0].offset));
	CHECK_HEX(s.obj[0].offset & 0xfff, 0);
	CHECK(s.obj[0].offset != s.obj[1].offset);
}

static void delta_into_target(void)
{
	struct store s;

	store_init(&s, PAGE + 0xabc, 0x2222);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, PAGE + 0xabc), 0x2222);
	CHECK_HEX(gem_read32(s.fd, s.target, 0xabc), 0);
}

static void right_presumed(void)
{
	const uint64_t aside = 8;
	struct store s;
	uint64_t address;

	store_init(&s, 0, 0x3333);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	gem_sync(s.fd, s.batch);
	/*
	 * The batch says something else than the relocation would: where the presumed offset is
	 * right the kernel must leave the batch alone.
	 */
	address = s.obj[0].offset + aside;
	gem_write(s.fd, s.batch, STORE_ADDRESS, &address, sizeof(address));
	CHECK_HEX(s.reloc.presumed_offset, s.obj[0].offset);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, aside), 0x3333);
	CHECK_HEX(stored_address(&s), address);
}

static void no_reloc(void)
{
	struct store s;
	uint64_t address;

	store_init(&s, 0, 0x4444);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	gem_sync(s.fd, s.batch);
	/* Everything is where the exec objects say: the relocations are not looked at. */
	address = s.obj[0].offset + 16;
	gem_write(s.fd, s.batch, STORE_ADDRESS, &address, sizeof(address));
	s.eb.flags |= I915_EXEC_NO_RELOC;
	s.reloc.presumed_offset = WRONG;
	s.obj[0].flags = EXEC_OBJECT_WRITE;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 16), 0x4444);
	CHECK_HEX(s.reloc.presumed_offset, WRONG);

	/* Something is elsewhere: they are. */
	s.obj[0].offset = WRONG;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(s.reloc.presumed_offset, s.obj[0].offset);
	CHECK_HEX(stored_address(&s), s.obj[0].offset);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x4444);
}

static void handle_lut(void)
{
	struct store s;

	store_init(&s, 0, 0x5555);
	s.eb.flags |= I915_EXEC_HANDLE_LUT;
	s.reloc.target_handle = 0;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x5555);
	CHECK_HEX(stored_address(&s), s.obj[0].offset);
}

static void batch_first(void)
{
	struct drm_i915_gem_exec_object2 swap;
	struct store s;

	store_init(&s, 0, 0x6666);
	swap = s.obj[0];
	s.obj[0] = s.obj[1];
	s.obj[1] = swap;
	s.eb.flags |= I915_EXEC_BATCH_FIRST;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x6666);
}

static void batch_last(void)
{
	static const uint32_t end[] = { MI_BATCH_BUFFER_END, 0 };
	struct store s;

	/* The store's batch comes first, but the last object is what runs. */
	store_init(&s, 0, 0x6666);
	gem_write(s.fd, s.target, 0, end, sizeof(end));
	s.obj[1].relocation_count = 0;
	struct drm_i915_gem_exec_object2 swap = s.obj[0];

	s.obj[0] = s.obj[1];
	s.obj[1] = swap;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), MI_BATCH_BUFFER_END);
}

static void start_offset(void)
{
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, 0, 0, 0x7777, MI_BATCH_BUFFER_END, 0,
	};
	struct store s;

	store_init(&s, 0, 0xbad);
	gem_write(s.fd, s.batch, 512, dw, sizeof(dw));
	s.eb.batch_start_offset = 512;
	s.eb.batch_len = sizeof(dw);
	s.reloc.offset = 512 + STORE_ADDRESS;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x7777);
}

static void many_relocations(void)
{
	enum { TARGETS = 24, STORES = 600 };
	static struct drm_i915_gem_relocation_entry relocs[STORES];
	static struct drm_i915_gem_exec_object2 obj[TARGETS + 1];
	static uint32_t dw[STORES * 4 + 2];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = TARGETS + 1,
	};
	int fd = gem_open();

	for (int i = 0; i < TARGETS; i++)
		obj[i].handle = gem_create(fd, PAGE);
	for (int i = 0; i < STORES; i++) {
		dw[i * 4] = MI_STORE_DWORD_IMM;
		dw[i * 4 + 3] = i + 1;
		relocs[i].offset = i * 16 + 4;
		relocs[i].target_handle = obj[i % TARGETS].handle;
		relocs[i].delta = i / TARGETS * 4;
		relocs[i].read_domains = I915_GEM_DOMAIN_RENDER;
		relocs[i].write_domain = I915_GEM_DOMAIN_RENDER;
		relocs[i].presumed_offset = -1;
	}
	dw[STORES * 4] = MI_BATCH_BUFFER_END;
	obj[TARGETS].handle = gem_create(fd, sizeof(dw));
	obj[TARGETS].relocs_ptr = (uintptr_t)relocs;
	obj[TARGETS].relocation_count = STORES;
	gem_write(fd, obj[TARGETS].handle, 0, dw, sizeof(dw));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	for (int i = 0; i < STORES; i++) {
		CHECK_INT(gem_read32(fd, obj[i % TARGETS].handle, i / TARGETS * 4), i + 1);
		CHECK_HEX(relocs[i].presumed_offset, obj[i % TARGETS].offset);
	}
}

static void relocation_in_target(void)
{
	struct drm_i915_gem_relocation_entry reloc;
	struct store s;
	uint64_t value;

	/* Not only batches hold addresses. */
	store_init(&s, 0, 1);
	reloc = (struct drm_i915_gem_relocation_entry){
		.target_handle = s.batch, .offset = PAGE - 4, .delta = 12,
		.read_domains = I915_GEM_DOMAIN_COMMAND, .presumed_offset = -1,
	};
	s.obj[0].relocs_ptr = (uintptr_t)&reloc;
	s.obj[0].relocation_count = 1;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	/* Over a page end, too. */
	gem_read(s.fd, s.target, PAGE - 4, &value, sizeof(value));
	CHECK_HEX(value, s.obj[1].offset + 12);
}

static void relocation_in_userptr(void)
{
	struct drm_i915_gem_relocation_entry reloc;
	uint64_t *memory = map_anon(PAGE);
	struct store s;

	store_init(&s, 0, 1);
	reloc = (struct drm_i915_gem_relocation_entry){
		.target_handle = s.batch, .offset = 8,
		.read_domains = I915_GEM_DOMAIN_COMMAND, .presumed_offset = -1,
	};
	s.obj[0].handle = gem_userptr(s.fd, memory, PAGE, 0);
	s.obj[0].relocs_ptr = (uintptr_t)&reloc;
	s.obj[0].relocation_count = 1;
	s.reloc.target_handle = s.obj[0].handle;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	gem_sync(s.fd, s.batch);
	CHECK_HEX(memory[1], s.obj[1].offset);
	CHECK_HEX((uint32_t)memory[0], 1);
}

static void readonly_relocations(void)
{
	struct drm_i915_gem_relocation_entry *reloc = map_anon(PAGE);
	struct store s;

	/* An array that may not be written to: it keeps its presumption. */
	store_init(&s, 0, 0x8888);
	*reloc = s.reloc;
	CHECK_SYS(mprotect(reloc, PAGE, PROT_READ));
	s.obj[1].relocs_ptr = (uintptr_t)reloc;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x8888);
}

#define PER_PAGE	(PAGE / sizeof(struct drm_i915_gem_relocation_entry))

/* Three pages of relocations, of which the second may only be read: all have to be applied. */
static void readonly_among_writable(void)
{
	struct drm_i915_gem_relocation_entry *relocs = map_anon(3 * PAGE);
	uint64_t q[3 * PER_PAGE];
	struct store s;

	store_init(&s, 0, 0x8888);
	for (uint32_t k = 0; k < 3 * PER_PAGE; k++)
		relocs[k] = (struct drm_i915_gem_relocation_entry){
			.target_handle = s.batch, .offset = (k + 1) * sizeof(*q), .delta = 4 * k,
			.read_domains = I915_GEM_DOMAIN_COMMAND, .presumed_offset = -1,
		};
	CHECK_SYS(mprotect(relocs + PER_PAGE, PAGE, PROT_READ));
	s.obj[0].relocs_ptr = (uintptr_t)relocs;
	s.obj[0].relocation_count = 3 * PER_PAGE;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x8888);
	gem_read(s.fd, s.target, sizeof(*q), q, sizeof(q));
	for (uint32_t k = 0; k < 3 * PER_PAGE; k++) {
		CHECK_HEX(q[k], s.obj[1].offset + 4 * k);
		/* who can be told is told, and the others go on saying that they know nothing */
		CHECK_HEX(relocs[k].presumed_offset,
			  k / PER_PAGE == 1 ? ~0ull : s.obj[1].offset);
	}
}

static void relocations_in_object(uint64_t kind)
{
	struct drm_i915_gem_relocation_entry *reloc;
	struct store s;

	/* In a mapping of the very batch, that nobody has touched yet. */
	store_init(&s, 0, 0x9999);
	gem_write(s.fd, s.batch, 2048, &s.reloc, sizeof(s.reloc));
	reloc = (void *)((char *)gem_mmap(s.fd, s.batch, PAGE, kind) + 2048);
	s.obj[1].relocs_ptr = (uintptr_t)reloc;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x9999);
	check_written_back(reloc, s.obj[0].offset);
}

static void relocations_in_cpu_mmap(void)
{
	relocations_in_object(I915_MMAP_OFFSET_WB);
}

static void relocations_in_gtt_mmap(void)
{
	relocations_in_object(I915_MMAP_OFFSET_GTT);
}

#define HERE	(16 * MiB)
#define THERE	(17 * MiB)

/* The target moves away and back; before each submission something is done to the array. */
static void move_there_and_back(struct drm_i915_gem_relocation_entry *reloc,
				void (*prepare)(void *page, int round))
{
	const uint64_t here = HERE;
	struct store s;

	store_init(&s, 0, 0xd0d0);
	gem_write(s.fd, s.batch, STORE_ADDRESS, &here, sizeof(here));
	s.reloc.presumed_offset = HERE;
	*reloc = s.reloc;
	s.obj[1].relocs_ptr = (uintptr_t)reloc;
	s.obj[0].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE;
	for (int round = 0; round < 6; round++) {
		s.obj[0].offset = round % 2 ? THERE : HERE;
		prepare(reloc, round);
		CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
		CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xd0d0);
		CHECK_HEX(stored_address(&s), s.obj[0].offset);
		gpu_store(s.fd, s.target, 0, 0);
	}
}

/* It is not present, so that each time is the slow way. */
static void take_away(void *page, int round)
{
	(void)round;
	CHECK_SYS(madvise(page, PAGE, MADV_DONTNEED));
}

static void there_and_back(void)
{
	move_there_and_back(map_memfd(PAGE), take_away);
}

/* It cannot be told; later it could be, but has not been. */
static void write_protect(void *page, int round)
{
	CHECK_SYS(mprotect(page, PAGE, round < 4 ? PROT_READ : PROT_READ | PROT_WRITE));
}

static void there_and_back_untold(void)
{
	move_there_and_back(map_anon(PAGE), write_protect);
}

static void relocations_not_present(void)
{
	char *memory = map_memfd(4 * PAGE);
	struct drm_i915_gem_relocation_entry *reloc;
	struct drm_i915_gem_exec_object2 *obj;
	struct store s;

	store_init(&s, 0, 0xaaaa);
	/* Both arrays over a page end. */
	reloc = (void *)(memory + PAGE - 8);
	obj = (void *)(memory + 3 * PAGE - 8);
	for (int round = 0; round < 20; round++) {
		s.reloc.presumed_offset = WRONG;
		*reloc = s.reloc;
		s.obj[1].relocs_ptr = (uintptr_t)reloc;
		memcpy(obj, s.obj, sizeof(s.obj));
		s.eb.buffers_ptr = (uintptr_t)obj;
		CHECK_SYS(madvise(memory, 4 * PAGE, MADV_DONTNEED));
		CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
		CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xaaaa);
		check_written_back(reloc, obj[0].offset);
		gpu_store(s.fd, s.target, 0, 0);
	}
}

/* A page whose content is brought by a thread, after a while and some GPU work. */
struct late_page {
	int uffd, fd;
	uint32_t handle;
	void *page, *content;
	unsigned int faults;
	pthread_t thread;
};

static void *late_page_thread(void *arg)
{
	struct late_page *late = arg;

	for (;;) {
		CHECK(uffd_wait(late->uffd) == late->page);
		late->faults++;
		/* Deadlocks if whoever faulted holds on to the object, the file or an engine. */
		sleep_ms(50);
		CHECK_RET(try_set_domain(late->fd, late->handle, I915_GEM_DOMAIN_CPU,
					 I915_GEM_DOMAIN_CPU), 0);
		gpu_store(late->fd, late->handle, 128, late->faults);
		uffd_copy(late->uffd, late->page, late->content);
	}
	return NULL;
}

static void late_page_init(struct late_page *late, int fd, uint32_t handle)
{
	memset(late, 0, sizeof(*late));
	late->fd = fd;
	late->handle = handle;
	late->uffd = open_userfaultfd(0);
	late->page = map_anon(PAGE);
	late->content = map_anon(PAGE);
	uffd_register(late->uffd, late->page, PAGE, UFFDIO_REGISTER_MODE_MISSING);
	CHECK_INT(pthread_create(&late->thread, NULL, late_page_thread, late), 0);
}

/* An object bound to an address from where idle ones have to go. */
static void occupy(int fd, uint32_t handle, uint64_t address)
{
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER);
	b.obj[b.nobj++] = (struct drm_i915_gem_exec_object2){
		.handle = handle, .offset = address, .flags = EXEC_OBJECT_PINNED,
	};
	batch_submit(&b);
	gem_sync(fd, b.handle);
}

/* Who writes to a page is held up until something has been done. */
struct held_page {
	struct store *store;
	void *page;
	void (*meanwhile)(struct held_page *held);
	uint32_t blocker, bait;
	int uffd;
	pthread_t thread;
};

static void *held_page_thread(void *arg)
{
	struct held_page *held = arg;
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)held->page, PAGE } };

	CHECK(uffd_wait(held->uffd) == held->page);
	held->meanwhile(held);
	CHECK_SYS(ioctl(held->uffd, UFFDIO_WRITEPROTECT, &wp));
	return NULL;
}

static void hold_page(struct held_page *held)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)held->page, PAGE }, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	held->uffd = open_userfaultfd(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	uffd_register(held->uffd, held->page, PAGE, UFFDIO_REGISTER_MODE_WP);
	CHECK_SYS(ioctl(held->uffd, UFFDIO_WRITEPROTECT, &wp));
	CHECK_INT(pthread_create(&held->thread, NULL, held_page_thread, held), 0);
}

/* Should it have been applied, its target has to go back to where the array says it is. */
static void move_back(struct held_page *held)
{
	gem_close(held->store->fd, held->blocker);
	if (stored_address(held->store) != WRONG)
		occupy(held->store->fd, held->bait, stored_address(held->store));
}

static void back_while_not_told(void)
{
	struct store s;
	struct held_page held = { .store = &s, .page = map_anon(PAGE), .meanwhile = move_back };

	store_init(&s, 0, 0xb0b0);
	held.blocker = gem_create(s.fd, 2 * PAGE);
	held.bait = gem_create(s.fd, 2 * PAGE);
	occupy(s.fd, held.blocker, HERE);
	s.reloc.presumed_offset = HERE;
	s.obj[0].offset = HERE;
	memcpy(held.page, &s.reloc, sizeof(s.reloc));
	s.obj[1].relocs_ptr = (uintptr_t)held.page;
	hold_page(&held);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_INT(pthread_join(held.thread, NULL), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xb0b0);
	CHECK_HEX(gem_read32(s.fd, held.bait, 0), 0);
	CHECK_HEX(stored_address(&s), s.obj[0].offset);
}

/* The same batch with the first relocation alone, its target elsewhere; and the target back again. */
static void relocate_beside(struct held_page *held)
{
	struct store beside = *held->store;

	beside.obj[0].offset = THERE;
	beside.obj[1].relocation_count = 1;
	beside.eb.buffers_ptr = (uintptr_t)beside.obj;
	CHECK_RET(try_execbuf(beside.fd, &beside.eb), 0);
	gem_sync(beside.fd, beside.target);
	CHECK_HEX(stored_address(&beside), THERE);
	gpu_store(beside.fd, beside.target, 0, 0);
	occupy(beside.fd, beside.target, HERE);
}

static void beside_while_copied(void)
{
	char *memory = map_anon(2 * PAGE);
	struct drm_i915_gem_relocation_entry *relocs =
		(void *)(memory + PAGE - sizeof(struct drm_i915_gem_relocation_entry));
	struct store s;
	struct held_page held = {
		.store = &s, .page = memory + PAGE, .meanwhile = relocate_beside,
	};

	/* Of two relocations the first is right, and copied as such; the second is held up. */
	store_init(&s, 0, 0xe0e0);
	relocs[0] = s.reloc;
	relocs[1] = s.reloc;
	relocs[1].offset = PAGE / 2;
	s.obj[1].relocs_ptr = (uintptr_t)relocs;
	s.obj[1].relocation_count = 1;
	s.obj[0].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE;
	s.obj[0].offset = HERE;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	gem_sync(s.fd, s.batch);
	CHECK_HEX(relocs[0].presumed_offset, HERE);
	gpu_store(s.fd, s.target, 0, 0);
	s.obj[1].relocation_count = 2;
	hold_page(&held);
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_INT(pthread_join(held.thread, NULL), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xe0e0);
	CHECK_HEX(stored_address(&s), HERE);
}

/* NO_RELOC after commands were changed, and where the objects are was told in vain or not at all. */
static void no_reloc_untold(void)
{
	struct drm_i915_gem_relocation_entry relocs[2];
	struct drm_i915_gem_exec_object2 *obj = map_anon(PAGE);
	uint64_t address;
	uint32_t bait, zero = 0;
	struct store s;

	/* a submission that fails half-way has changed some of them */
	store_init(&s, 0, 0xf0f0);
	relocs[0] = s.reloc;
	relocs[0].offset = PAGE / 2;
	relocs[1] = s.reloc;
	relocs[1].write_domain = I915_GEM_DOMAIN_RENDER | I915_GEM_DOMAIN_SAMPLER;
	s.obj[0].offset = HERE;
	s.obj[1].relocs_ptr = (uintptr_t)relocs;
	s.obj[1].relocation_count = 2;
	occupy(s.fd, s.target, THERE);
	CHECK_RET(try_execbuf(s.fd, &s.eb), -EINVAL);
	gem_read(s.fd, s.batch, PAGE / 2, &address, sizeof(address));
	CHECK_HEX(address, THERE);
	CHECK_HEX(stored_address(&s), WRONG);
	CHECK_HEX(relocs[0].presumed_offset, THERE);
	/* that the target is where the list says does not mean that they all say so */
	relocs[1].write_domain = I915_GEM_DOMAIN_RENDER;
	s.obj[0].offset = THERE;
	s.obj[0].flags = EXEC_OBJECT_WRITE;
	s.eb.flags |= I915_EXEC_NO_RELOC;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xf0f0);
	CHECK_HEX(stored_address(&s), THERE);
	s.eb.flags &= ~I915_EXEC_NO_RELOC;

	/* one that succeeds, but whose list of objects cannot be written to */
	s.obj[1].relocs_ptr = (uintptr_t)&relocs[1];
	s.obj[1].relocation_count = 1;
	relocs[1].presumed_offset = WRONG;
	s.obj[0].offset = HERE;
	memcpy(obj, s.obj, sizeof(s.obj));
	CHECK_SYS(mprotect(obj, PAGE, PROT_READ));
	s.eb.buffers_ptr = (uintptr_t)obj;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	gem_sync(s.fd, s.batch);
	CHECK_HEX(stored_address(&s), THERE);
	gem_write(s.fd, s.target, 0, &zero, sizeof(zero));
	bait = gem_create(s.fd, 2 * PAGE);
	occupy(s.fd, bait, THERE);
	s.eb.flags |= I915_EXEC_NO_RELOC;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xf0f0);
	CHECK_HEX(gem_read32(s.fd, bait, 0), 0);
}

/* Commands that nobody may change: they stay right, whether their array is there or not. */
static void readonly_batch(void)
{
	struct drm_i915_gem_relocation_entry *reloc = map_memfd(PAGE);
	uint32_t *commands = map_anon(PAGE);
	struct store s;

	store_init(&s, 0, 0x9999);
	gem_read(s.fd, s.batch, 0, commands, 32);
	*(uint32_t *)((char *)commands + STORE_ADDRESS) = HERE;
	*(uint32_t *)((char *)commands + STORE_ADDRESS + 4) = 0;
	s.batch = gem_userptr(s.fd, commands, PAGE, I915_USERPTR_READ_ONLY);
	s.obj[1].handle = s.batch;
	s.obj[0].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE;
	s.obj[0].offset = HERE;
	s.reloc.presumed_offset = HERE;
	*reloc = s.reloc;
	s.obj[1].relocs_ptr = (uintptr_t)reloc;
	for (int round = 0; round < 4; round++) {
		if (round % 2)
			CHECK_SYS(madvise(reloc, PAGE, MADV_DONTNEED));
		CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
		CHECK_HEX(gem_read32(s.fd, s.target, 0), 0x9999);
		gpu_store(s.fd, s.target, 0, 0);
	}
}

static void relocations_in_userfault(void)
{
	struct drm_i915_gem_relocation_entry *reloc;
	struct late_page late;
	struct store s;

	store_init(&s, 0, 0xbbbb);
	late_page_init(&late, s.fd, s.target);
	memcpy(late.content, &s.reloc, sizeof(s.reloc));
	reloc = late.page;
	s.obj[1].relocs_ptr = (uintptr_t)reloc;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xbbbb);
	check_written_back(reloc, s.obj[0].offset);
	CHECK_INT(late.faults, 1);
}

static void objects_in_userfault(void)
{
	struct late_page late;
	struct store s;

	store_init(&s, 0, 0xcccc);
	late_page_init(&late, s.fd, s.target);
	memcpy(late.content, s.obj, sizeof(s.obj));
	s.eb.buffers_ptr = (uintptr_t)late.page;
	CHECK_RET(try_execbuf(s.fd, &s.eb), 0);
	CHECK_HEX(gem_read32(s.fd, s.target, 0), 0xcccc);
	CHECK_INT(late.faults, 1);
}

static void rw_in_userfault(void)
{
	struct late_page late;
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	late_page_init(&late, fd, handle);
	fill(late.content, PAGE, 1);
	gem_write(fd, handle, 0, late.page, PAGE);
	CHECK_INT(late.faults, 1);
	gem_read(fd, handle, 0, late.content, PAGE);
	CHECK_FILL(late.content, PAGE, 1);
}

static void into_busy_batch(void)
{
	uint32_t dw[] = {
		MI_STORE_DWORD_IMM, 0, 0, 1, MI_BATCH_BUFFER_END, 0,
	};
	struct drm_i915_gem_exec_object2 obj[2];
	struct drm_i915_gem_relocation_entry reloc;
	struct drm_i915_gem_execbuffer2 eb;
	uint32_t targets[8], batch;
	int fd = gem_open();

	/* One batch, relocated to a new target each time without waiting for the last run. */
	batch = gem_create(fd, PAGE);
	gem_write(fd, batch, 0, dw, sizeof(dw));
	for (int i = 0; i < 8; i++) {
		targets[i] = gem_create(fd, PAGE);
		memset(obj, 0, sizeof(obj));
		memset(&eb, 0, sizeof(eb));
		reloc = (struct drm_i915_gem_relocation_entry){
			.target_handle = targets[i], .offset = STORE_ADDRESS, .delta = i * 4,
			.read_domains = I915_GEM_DOMAIN_RENDER,
			.write_domain = I915_GEM_DOMAIN_RENDER, .presumed_offset = -1,
		};
		obj[0].handle = targets[i];
		obj[1].handle = batch;
		obj[1].relocs_ptr = (uintptr_t)&reloc;
		obj[1].relocation_count = 1;
		eb.buffers_ptr = (uintptr_t)obj;
		eb.buffer_count = 2;
		CHECK_RET(try_execbuf(fd, &eb), 0);
	}
	for (int i = 0; i < 8; i++)
		CHECK_INT(gem_read32(fd, targets[i], i * 4), 1);
}

/* How many are right, before and behind the one that is not. */
#define AROUND	40
/* Handles that differ by this are alike in their low bits. */
#define APART	64

/*
 * Many relocations that are right, and one in their midst that is looked at: a wrong offset, of one
 * of two targets whose handles are alike in their low bits; one with nothing behind its handle; one
 * that says what makes no sense.
 */
static void one_in_many(void)
{
	struct drm_i915_gem_relocation_entry relocs[2 * AROUND + 1];
	struct drm_i915_gem_exec_object2 obj[3] = { 0 };
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = 3, .flags = I915_EXEC_RENDER,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	struct drm_i915_gem_relocation_entry *odd = &relocs[AROUND];
	int fd = gem_open();
	uint64_t address;

	obj[0].handle = gem_create(fd, PAGE);
	do {
		obj[1].handle = gem_create(fd, PAGE);
	} while (obj[1].handle < obj[0].handle + APART);
	CHECK_INT(obj[1].handle, obj[0].handle + APART);
	obj[2].handle = gem_create(fd, PAGE);
	gem_write(fd, obj[2].handle, 0, &end, sizeof(end));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	for (int i = 0; i <= 2 * AROUND; i++)
		relocs[i] = (struct drm_i915_gem_relocation_entry) {
			.target_handle = obj[i & 1].handle, .offset = 8 + 8 * i,
			.presumed_offset = obj[i & 1].offset,
			.read_domains = I915_GEM_DOMAIN_RENDER,
		};
	obj[2].relocs_ptr = (uintptr_t)relocs;
	obj[2].relocation_count = 2 * AROUND + 1;

	for (int i = 0; i < 2; i++) {
		odd->target_handle = obj[i].handle;
		odd->presumed_offset = WRONG;
		CHECK_RET(try_execbuf(fd, &eb), 0);
		CHECK_HEX(odd->presumed_offset, obj[i].offset);
		gem_read(fd, obj[2].handle, odd->offset, &address, sizeof(address));
		CHECK_HEX(address, obj[i].offset);
		gem_read(fd, obj[2].handle, odd->offset + 8, &address, sizeof(address));
		CHECK_HEX(address, 0);
	}
	odd->target_handle = obj[1].handle + APART;
	CHECK_RET(try_execbuf(fd, &eb), -ENOENT);
	odd->target_handle = ~0u;
	CHECK_RET(try_execbuf(fd, &eb), -ENOENT);
	odd->target_handle = 0;
	CHECK_RET(try_execbuf(fd, &eb), -ENOENT);
	odd->target_handle = obj[1].handle;
	odd->read_domains = I915_GEM_DOMAIN_CPU;
	CHECK_RET(try_execbuf(fd, &eb), -EINVAL);
	odd->read_domains = 0;
	odd->write_domain = I915_GEM_DOMAIN_GTT;
	CHECK_RET(try_execbuf(fd, &eb), -EINVAL);
	odd->write_domain = 0;
	CHECK_RET(try_execbuf(fd, &eb), 0);
}

static const struct subtest tests[] = {
	{ "a wrong presumed offset: relocated, and the offset written back", wrong_presumed },
	{ "delta leads into the target", delta_into_target },
	{ "a right presumed offset: the batch is left alone", right_presumed },
	{ "NO_RELOC: relocations are looked at only where an object has moved", no_reloc },
	{ "HANDLE_LUT: targets by index", handle_lut },
	{ "BATCH_FIRST: the first object runs", batch_first },
	{ "without BATCH_FIRST the last object runs", batch_last },
	{ "batch_start_offset: the batch begins there", start_offset },
	{ "600 relocations to 24 targets", many_relocations },
	{ "one relocation that is wrong, or makes no sense, among many that are right",
	  one_in_many },
	{ "relocations in an object that is no batch, over a page end", relocation_in_target },
	{ "relocations in a userptr", relocation_in_userptr },
	{ "a relocation array that cannot be written to is good enough", readonly_relocations },
	{ "so is one of which a part cannot be written to", readonly_among_writable },
	{ "a relocation array in a CPU mmap of the batch", relocations_in_cpu_mmap },
	{ "a relocation array in a GTT mmap of the batch", relocations_in_gtt_mmap },
	{ "a target that moves there and back, its relocation array not present", there_and_back },
	{ "a target that moves there and back, its relocation array not to be written to",
	  there_and_back_untold },
	{ "a target that moves back before its relocation array could be told",
	  back_while_not_told },
	{ "commands that others relocate while their relocations are copied",
	  beside_while_copied },
	{ "NO_RELOC where the objects' list was not told what the commands contain",
	  no_reloc_untold },
	{ "relocations of commands that cannot be changed, and that are right", readonly_batch },
	{ "relocation and object arrays that are not present", relocations_not_present },
	{ "a relocation array in a userfaultfd page: no lock is held meanwhile",
	  relocations_in_userfault },
	{ "an object array in a userfaultfd page: no lock is held meanwhile",
	  objects_in_userfault },
	{ "PWRITE from a userfaultfd page: no lock is held meanwhile", rw_in_userfault },
	{ "a batch in use may be relocated anew", into_busy_batch },
};

TAP_MAIN(tests)
