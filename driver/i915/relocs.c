// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Relocations: where the client's commands name objects by address, the addresses are put in once
 * they are known.
 *
 * A relocation says where its target was the last time. If it still is there, which is the rule,
 * nothing has to be done. They are read straight from user memory, with page faults disabled, since
 * all reservations are held. If that fails they are copied in with no lock held, and the submission
 * begins again.
 *
 * A relocation must never say an address that the commands do not contain: should the target be
 * there the next time, they would be left as they are. So the client's says that nothing is known
 * before the commands are changed, and the new address only while the reservation is still held.
 * That goes for one array an object, which is no other object's: who has several is on his own.
 */
#include <linux/dma-resv.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../object.h"
#include "execbuf.h"

static bool relocs_wanted(const struct i915_exec *exec)
{
	return !(exec->args->flags & I915_EXEC_NO_RELOC);
}

/**
 * struct i915_reloc_target - an entry of the table by which relocations find their targets.
 *
 * The table is as large as a power of two. An object is in the entry that the low bits of its name
 * say, or in the next one that was free: handles are small numbers that follow each other.
 *
 * @offset: where the object is, canonical; filled in by each attempt
 * @name: what relocations call it: its handle, or its index (HANDLE_LUT). In an entry that is free
 *	a name that does not belong there, so that who only looks at names never finds it.
 * @index: in the submission; negative: the entry is free
 */
struct i915_reloc_target {
	u64 offset;
	u32 name;
	int index;
};

static struct i915_reloc_target *find_entry(const struct i915_exec *exec, u32 name)
{
	u32 i = name & exec->target_mask;

	while (exec->targets[i].index >= 0 && exec->targets[i].name != name)
		i = (i + 1) & exec->target_mask;
	return &exec->targets[i];
}

static void update_targets(struct i915_exec *exec)
{
	u32 i;

	for (i = 0; i <= exec->target_mask; i++) {
		struct i915_reloc_target *target = &exec->targets[i];

		if (target->index >= 0)
			target->offset = i915_canonical(exec->submit.objects[target->index].offset);
	}
}

/*
 * What is kept of an object whose commands are changed, see struct sg_object's client_data: whether
 * there is an array of relocations that could not be told of it, or a list of objects; and how
 * often that was done.
 */
#define ARRAY_STALE	BIT(0)
#define LIST_STALE	BIT(1)
#define ONE_CHANGE	4

static bool stale(const struct sg_object *obj, int what)
{
	return atomic_read(&obj->client_data) & what;
}

/* What a relocation says of which nothing is known: no object is there. */
#define PRESUMED_UNKNOWN	(~0ull)

#define RELOC_SIZE	sizeof(struct drm_i915_gem_relocation_entry)

/* The CPU is going to write to an object: nobody may be using it. Its reservation is held. */
static int wait_idle(struct sg_object *obj)
{
	return sg_object_wait(obj, true, true, MAX_SCHEDULE_TIMEOUT);
}

/*
 * Check a relocation of object @i. Returns 1 if the commands have to be changed, 0 if they are
 * right.
 */
static int check_reloc(struct i915_exec *exec, unsigned int i,
		       const struct drm_i915_gem_relocation_entry *r)
{
	const struct sg_object *obj = exec->submit.objects[i].obj;
	const struct i915_reloc_target *target = find_entry(exec, r->target_handle);

	if (target->index < 0)
		return -ENOENT;
	if (hweight32(r->write_domain) > 1)
		return -EINVAL;
	if ((r->write_domain | r->read_domains) & (I915_GEM_DOMAIN_CPU | I915_GEM_DOMAIN_GTT))
		return -EINVAL;
	if (r->write_domain & ~I915_GEM_GPU_DOMAINS || r->read_domains & ~I915_GEM_GPU_DOMAINS)
		return -EINVAL;
	if (r->write_domain)
		exec->submit.objects[target->index].write = true;
	if (r->presumed_offset == target->offset)
		return 0;
	if (r->offset > obj->base.size - sizeof(u64) || r->offset & 3 || obj->read_only)
		return -EINVAL;
	return 1;
}

/* Change the commands in object @i: the target's address, as it is now. */
static int apply(struct i915_exec *exec, unsigned int i,
		 const struct drm_i915_gem_relocation_entry *r)
{
	u64 address = i915_canonical(find_entry(exec, r->target_handle)->offset + (int)r->delta);
	struct sg_object *obj = exec->submit.objects[i].obj;
	int ret = wait_idle(obj);

	if (ret)
		return ret;
	exec->changed = true;
	ret = sg_object_copy_kernel(obj, r->offset, &address, sizeof(address), true);
	/* pairs with copy_relocs(): who sees this finds what relocations were told before it */
	atomic_fetch_add_release(ONE_CHANGE, &obj->client_data);
	return ret;
}

/* So many relocations are passed over at most before others get a chance to run. */
#define PASS_MAX	1024u

/*
 * Pass over relocations that are right as they are and say nothing else: their target is where they
 * presume it, and they do not write to it. Returns how many of @n there are, up to the first that
 * has to be looked at, or cannot be read: check_reloc() is the judge of both.
 */
static unsigned int pass_over(const struct i915_exec *exec,
			      const struct drm_i915_gem_relocation_entry __user *user,
			      unsigned int n)
{
	const struct i915_reloc_target *target, *targets = exec->targets;
	u32 name, mask = exec->target_mask;
	u64 presumed, domains;
	unsigned int k = 0;

	if (!user_read_access_begin(user, n * RELOC_SIZE))
		return 0;
	for (; k < n; k++, user++) {
		unsafe_get_user(name, &user->target_handle, out);
		unsafe_get_user(presumed, &user->presumed_offset, out);
		/* both domains at once: what they read, and above it, what they write */
		unsafe_get_user(domains, (const u64 __user *)&user->read_domains, out);
		target = &targets[name & mask];
		if (target->name != name || target->offset != presumed ||
		    domains & ~(u64)I915_GEM_GPU_DOMAINS)
			break;
	}
out:
	user_read_access_end();
	return k;
}

static bool tell(struct drm_i915_gem_relocation_entry __user *user, u64 offset)
{
	return !__copy_to_user_inatomic(&user->presumed_offset, &offset, sizeof(offset));
}

/* One relocation, in user memory. Faults are disabled. */
static int apply_user_one(struct i915_exec *exec, unsigned int i,
			  struct drm_i915_gem_relocation_entry __user *user)
{
	struct drm_i915_gem_relocation_entry r;
	int ret;

	if (__copy_from_user_inatomic(&r, user, sizeof(r)))
		return -EAGAIN;
	ret = check_reloc(exec, i, &r);
	if (ret != 1)
		return ret;
	if (!tell(user, PRESUMED_UNKNOWN))
		return -EAGAIN;
	ret = apply(exec, i, &r);
	if (ret)
		return ret;
	return tell(user, find_entry(exec, r.target_handle)->offset) ? 0 : -EAGAIN;
}

static int apply_user(struct i915_exec *exec, unsigned int i)
{
	const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
	struct drm_i915_gem_relocation_entry __user *user = u64_to_user_ptr(entry->relocs_ptr);
	unsigned int k = 0, n = entry->relocation_count;
	int ret = 0;

	while (k < n && !ret) {
		pagefault_disable();
		k += pass_over(exec, user + k, min(n - k, PASS_MAX));
		if (k < n)
			ret = apply_user_one(exec, i, user + k++);
		pagefault_enable();
		if (i915_let_others_run())
			return -EINTR;
	}
	return ret;
}

/* The same, if the page is not known as @unwritable: one fault is enough for all that are in it. */
static bool tell_unless(unsigned long *unwritable,
			struct drm_i915_gem_relocation_entry __user *user, u64 offset)
{
	unsigned long page = (unsigned long)&user->presumed_offset >> PAGE_SHIFT;

	if (page == *unwritable)
		return false;
	if (tell(user, offset))
		return true;
	*unwritable = page;
	return false;
}

/* One relocation that was copied in, and where it came from. */
static int apply_copied_one(struct i915_exec *exec, unsigned int i,
			    struct drm_i915_gem_relocation_entry *r,
			    struct drm_i915_gem_relocation_entry __user *user,
			    unsigned long *unwritable)
{
	int ret = check_reloc(exec, i, r);

	if (ret == 1) {
		if (!tell_unless(unwritable, user, PRESUMED_UNKNOWN))
			atomic_or(ARRAY_STALE, &exec->submit.objects[i].obj->client_data);
		ret = apply(exec, i, r);
	}
	if (ret)
		return ret;
	/* what a further attempt goes by, and the client's next submission if it can be told */
	r->presumed_offset = find_entry(exec, r->target_handle)->offset;
	tell_unless(unwritable, user, r->presumed_offset);
	return 0;
}

static int apply_copied(struct i915_exec *exec, unsigned int i)
{
	const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
	struct drm_i915_gem_relocation_entry __user *user = u64_to_user_ptr(entry->relocs_ptr);
	const struct sg_object *obj = exec->submit.objects[i].obj;
	struct i915_copied *copied = &exec->copied[i];
	bool sure = obj->read_only || (!stale(obj, ARRAY_STALE) &&
				       atomic_read(&obj->client_data) == copied->changes);
	unsigned long unwritable = ULONG_MAX;
	unsigned int k;
	int ret = 0;

	for (k = 0; k < entry->relocation_count && !ret; k++) {
		if (k % PASS_MAX == 0 && i915_let_others_run())
			return -EINTR;
		if (!sure)
			copied->relocs[k].presumed_offset = PRESUMED_UNKNOWN;
		pagefault_disable();
		ret = apply_copied_one(exec, i, &copied->relocs[k], user + k, &unwritable);
		pagefault_enable();
	}
	if (!ret)
		copied->changes = atomic_read(&obj->client_data);
	return ret;
}

/**
 * i915_relocate() - sg_submit_ops.patch: put the addresses in.
 * @s: the submission
 *
 * Return: 0; -EAGAIN: the relocations have to be copied in first; -EINVAL, -ENOENT for relocations
 * that make no sense.
 */
int i915_relocate(struct sg_submit *s)
{
	struct i915_exec *exec = to_i915_exec(s);
	unsigned int i;
	int ret;

	if (!exec->targets)
		return 0;
	/* once anything has moved, an attempt before this one may have put other addresses in */
	for (i = 0; i < s->count && !exec->moved; i++)
		exec->moved = i915_canonical(s->objects[i].offset) != exec->entries[i].offset ||
			      stale(s->objects[i].obj, ARRAY_STALE | LIST_STALE);
	/* NO_RELOC: the client has put the addresses in itself, as it found them the last time */
	if (!relocs_wanted(exec) && !exec->moved)
		return 0;
	update_targets(exec);
	for (i = 0; i < s->count; i++) {
		if (!exec->entries[i].relocation_count)
			continue;
		if (exec->copied)
			ret = apply_copied(exec, i);
		else
			ret = stale(s->objects[i].obj, ARRAY_STALE) ? -EAGAIN : apply_user(exec, i);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Copy the relocations of object @i in, and have the pages ready where their owner is to be told
 * what becomes of them. One whose array cannot be written to has to live without.
 */
static int copy_relocs(struct i915_exec *exec, unsigned int i)
{
	const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
	struct drm_i915_gem_relocation_entry __user *user = u64_to_user_ptr(entry->relocs_ptr);
	const struct sg_object *obj = exec->submit.objects[i].obj;
	struct i915_copied *copied = &exec->copied[i];
	unsigned long page, unwritable = ULONG_MAX;
	unsigned int k, n = entry->relocation_count;

	/* before they are read: pairs with apply() */
	copied->changes = atomic_read_acquire(&obj->client_data);
	for (k = 0; k < n; k++) {
		if (k % PASS_MAX == 0) {
			if (i915_let_others_run())
				return -EINTR;
			if (copy_from_user(copied->relocs + k, user + k,
					   min(n - k, PASS_MAX) * RELOC_SIZE))
				return -EFAULT;
		}
		page = (unsigned long)&user[k].presumed_offset >> PAGE_SHIFT;
		/* never wrong, whatever they are; one fault is enough for all that are in a page */
		if (!obj->read_only && page != unwritable &&
		    put_user(PRESUMED_UNKNOWN, &user[k].presumed_offset))
			unwritable = page;
	}
	return 0;
}

/* Room for copied relocations. kvmalloc() takes it for an error to ask for 2 GiB or more. */
static void *alloc_relocs(size_t size)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

	return size > INT_MAX ? __vmalloc(size, gfp) : kvmalloc(size, gfp);
}

/**
 * i915_copy_relocations() - sg_submit_ops.prepare: copy all relocations in.
 * @s: the submission
 *
 * Return: 0; -EFAULT, -ENOMEM; -EINTR: the process is being killed.
 */
int i915_copy_relocations(struct sg_submit *s)
{
	struct i915_exec *exec = to_i915_exec(s);
	unsigned int i;
	int ret;

	if (exec->copied)
		return 0;
	exec->copied = kvcalloc(s->count, sizeof(*exec->copied), GFP_KERNEL_ACCOUNT);
	if (!exec->copied)
		return -ENOMEM;
	for (i = 0; i < s->count; i++) {
		const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
		size_t size = array_size(entry->relocation_count, RELOC_SIZE);

		if (!entry->relocation_count)
			continue;
		exec->copied[i].relocs = alloc_relocs(size);
		if (!exec->copied[i].relocs)
			return -ENOMEM;
		ret = copy_relocs(exec, i);
		if (ret)
			return ret;
	}
	return 0;
}

/* Relocations name their targets by handle, or by index if there is a LUT (look-up table). */
static int list_targets(struct i915_exec *exec)
{
	bool by_index = exec->args->flags & I915_EXEC_HANDLE_LUT;
	unsigned int i, n = exec->submit.count;
	size_t size = roundup_pow_of_two(2 * (size_t)n);
	struct i915_reloc_target *target;

	exec->targets = kvmalloc_array(size, sizeof(*target), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!exec->targets)
		return -ENOMEM;
	exec->target_mask = size - 1;
	for (i = 0; i < size; i++)
		exec->targets[i] = (struct i915_reloc_target) { .name = ~i, .index = -1 };
	for (i = 0; i < n; i++) {
		u32 name = by_index ? i : exec->entries[i].handle;

		/* of one that is listed twice, the first: the submission is going to be refused */
		target = find_entry(exec, name);
		if (target->index >= 0)
			continue;
		target->name = name;
		target->index = i;
	}
	return 0;
}

/**
 * i915_check_relocations() - check what can be checked before anything is locked, and make ready.
 * @exec: the execbuf
 *
 * Return: 0; -EFAULT for arrays outside the process's half of memory; -ENOMEM.
 */
int i915_check_relocations(struct i915_exec *exec)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < exec->submit.count; i++) {
		const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];

		if (!entry->relocation_count)
			continue;
		if (!access_ok(u64_to_user_ptr(entry->relocs_ptr),
			       array_size(entry->relocation_count, RELOC_SIZE)))
			return -EFAULT;
		any = true;
	}
	return any ? list_targets(exec) : 0;
}

/**
 * i915_list_stale() - the client's list does not say what addresses its commands contain.
 * @exec: the execbuf, which failed, or could not tell where its objects are
 *
 * If commands were changed, what the list says the next time is no reason to leave them alone
 * (NO_RELOC).
 */
void i915_list_stale(struct i915_exec *exec)
{
	unsigned int i;

	for (i = 0; i < exec->submit.count && exec->changed; i++)
		if (exec->entries[i].relocation_count)
			atomic_or(LIST_STALE, &exec->submit.objects[i].obj->client_data);
}

/** i915_free_relocations() - free what was made to check and to copy relocations. */
void i915_free_relocations(struct i915_exec *exec)
{
	unsigned int i;

	kvfree(exec->targets);
	if (!exec->copied)
		return;
	for (i = 0; i < exec->submit.count; i++)
		kvfree(exec->copied[i].relocs);
	kvfree(exec->copied);
}
