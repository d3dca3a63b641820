// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Relocations: where the client's commands name objects by address, the addresses are put in once
 * they are known.
 *
 * A relocation says where its target was the last time. If it still is there, which is the rule,
 * nothing has to be done. They are read straight from user memory, with page faults disabled, since
 * all reservations are held. If that fails they are copied in with no lock held, and the submission
 * begins again.
 */
#include <linux/dma-resv.h>
#include <linux/uaccess.h>

#include "../object.h"
#include "execbuf.h"

static u64 canonical(u64 addr)
{
	return sign_extend64(addr, SG_ADDRESS_BITS - 1);
}

static bool relocs_wanted(const struct i915_exec *exec)
{
	return !(exec->args->flags & I915_EXEC_NO_RELOC);
}

static int find_target(struct i915_exec *exec, u32 handle)
{
	void *entry;

	if (exec->args->flags & I915_EXEC_HANDLE_LUT)
		return handle < exec->submit.count ? (int)handle : -ENOENT;
	entry = xa_load(&exec->lut, handle);
	return entry ? (int)xa_to_value(entry) : -ENOENT;
}

#define RELOC_SIZE	sizeof(struct drm_i915_gem_relocation_entry)

/* The CPU is going to write to an object: nobody may be using it. Its reservation is held. */
static int wait_idle(struct sg_object *obj)
{
	return sg_object_wait(obj, true, true, MAX_SCHEDULE_TIMEOUT);
}

/* What does not depend on addresses. */
static int check_reloc(struct i915_exec *exec, const struct sg_object *obj,
		       const struct drm_i915_gem_relocation_entry *r)
{
	int target = find_target(exec, r->target_handle);

	if (target < 0)
		return target;
	if (hweight32(r->write_domain) > 1)
		return -EINVAL;
	if ((r->write_domain | r->read_domains) & (I915_GEM_DOMAIN_CPU | I915_GEM_DOMAIN_GTT))
		return -EINVAL;
	if (r->write_domain & ~I915_GEM_GPU_DOMAINS || r->read_domains & ~I915_GEM_GPU_DOMAINS)
		return -EINVAL;
	if (r->offset > obj->base.size - sizeof(u64) || r->offset & 3)
		return -EINVAL;
	return target;
}

/* Apply one relocation of object @i. Returns 1 if the client should be told the new address. */
static int apply(struct i915_exec *exec, unsigned int i,
		 const struct drm_i915_gem_relocation_entry *r)
{
	struct sg_submit_object *o = &exec->submit.objects[i];
	struct sg_submit_object *target;
	int t = check_reloc(exec, o->obj, r);
	u64 value;
	int ret;

	if (t < 0)
		return t;
	target = &exec->submit.objects[t];
	if (r->write_domain)
		target->write = true;
	if (canonical(target->offset) == r->presumed_offset)
		return 0;

	if (o->obj->read_only)
		return -EINVAL;
	ret = wait_idle(o->obj);
	if (ret)
		return ret;
	value = canonical(target->offset + (int)r->delta);
	ret = sg_object_copy_kernel(o->obj, r->offset, &value, sizeof(value), true);
	return ret ?: 1;
}

static int apply_user(struct i915_exec *exec, unsigned int i)
{
	const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
	struct drm_i915_gem_relocation_entry __user *user = u64_to_user_ptr(entry->relocs_ptr);
	unsigned int k;
	int ret = 0;

	for (k = 0; k < entry->relocation_count && ret >= 0; k++) {
		unsigned long left;
		struct drm_i915_gem_relocation_entry r;

		pagefault_disable();
		left = __copy_from_user_inatomic(&r, &user[k], sizeof(r));
		pagefault_enable();
		if (left)
			return -EAGAIN;
		ret = apply(exec, i, &r);
		if (ret == 1) {
			int t = find_target(exec, r.target_handle);
			u64 offset = canonical(exec->submit.objects[t].offset);

			pagefault_disable();
			left = __copy_to_user_inatomic(&user[k].presumed_offset, &offset,
						       sizeof(offset));
			pagefault_enable();
			if (left)
				return -EAGAIN;
		}
	}
	return min(ret, 0);
}

static int apply_copied(struct i915_exec *exec, unsigned int i)
{
	const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
	unsigned int k;
	int ret = 0;

	for (k = 0; k < entry->relocation_count && ret >= 0; k++) {
		struct drm_i915_gem_relocation_entry *r = &exec->relocs[i][k];

		ret = apply(exec, i, r);
		if (ret == 1) {
			int t = find_target(exec, r->target_handle);

			/* what a further attempt goes by */
			r->presumed_offset = canonical(exec->submit.objects[t].offset);
		}
	}
	return min(ret, 0);
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
	bool moved = false;
	int ret;

	for (i = 0; i < s->count && !moved; i++)
		moved = canonical(s->objects[i].offset) != exec->entries[i].offset;
	/* NO_RELOC: the client has put the addresses in itself, as it found them the last time */
	if (!relocs_wanted(exec) && !moved)
		return 0;
	for (i = 0; i < s->count; i++) {
		if (!exec->entries[i].relocation_count)
			continue;
		ret = exec->relocs ? apply_copied(exec, i) : apply_user(exec, i);
		if (ret)
			return ret;
	}
	return 0;
}

/* What a client finds where it was not to be told where the target is. */
#define PRESUMED_UNKNOWN	(~0ull)

/*
 * Copy the relocations of an object in. Until they have been applied nobody can say what addresses
 * the commands contain; should the client try again it must not find that its own are right. One
 * whose array cannot be written to has to live without, and has everything applied every time.
 */
static int copy_relocs(const struct drm_i915_gem_exec_object2 *entry,
		       struct drm_i915_gem_relocation_entry *relocs, size_t size)
{
	struct drm_i915_gem_relocation_entry __user *user = u64_to_user_ptr(entry->relocs_ptr);
	unsigned int k;

	if (copy_from_user(relocs, user, size))
		return -EFAULT;
	for (k = 0; k < entry->relocation_count; k++)
		if (put_user(PRESUMED_UNKNOWN, &user[k].presumed_offset))
			relocs[k].presumed_offset = PRESUMED_UNKNOWN;
	return 0;
}

/**
 * i915_write_relocations() - tell the client where the targets of copied relocations are.
 * @exec: the execbuf, submitted
 */
void i915_write_relocations(struct i915_exec *exec)
{
	unsigned int i, k;

	if (!exec->relocs)
		return;
	for (i = 0; i < exec->submit.count; i++) {
		const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
		struct drm_i915_gem_relocation_entry __user *user;

		user = u64_to_user_ptr(entry->relocs_ptr);
		if (!exec->relocs[i])
			continue;
		for (k = 0; k < entry->relocation_count; k++) {
			int t = find_target(exec, exec->relocs[i][k].target_handle);

			if (put_user(canonical(exec->submit.objects[t].offset),
				     &user[k].presumed_offset))
				return;
		}
	}
}

/**
 * i915_copy_relocations() - sg_submit_ops.prepare: copy all relocations in.
 * @s: the submission
 *
 * Return: 0; -EFAULT, -ENOMEM.
 */
int i915_copy_relocations(struct sg_submit *s)
{
	struct i915_exec *exec = to_i915_exec(s);
	unsigned int i;
	int ret;

	if (exec->relocs)
		return 0;
	exec->relocs = kvcalloc(s->count, sizeof(*exec->relocs), GFP_KERNEL);
	if (!exec->relocs)
		return -ENOMEM;
	for (i = 0; i < s->count; i++) {
		const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];
		size_t size = array_size(entry->relocation_count, RELOC_SIZE);

		if (!entry->relocation_count)
			continue;
		exec->relocs[i] = kvmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!exec->relocs[i])
			return -ENOMEM;
		ret = copy_relocs(entry, exec->relocs[i], size);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * i915_check_relocations() - check what can be checked before anything is locked.
 * @exec: the execbuf
 *
 * Return: 0; -EINVAL for too many; -EFAULT for arrays outside the process's half of memory.
 */
int i915_check_relocations(struct i915_exec *exec)
{
	unsigned int i;

	for (i = 0; i < exec->submit.count; i++) {
		const struct drm_i915_gem_exec_object2 *entry = &exec->entries[i];

		if (!entry->relocation_count)
			continue;
		if (entry->relocation_count > INT_MAX / RELOC_SIZE)
			return -EINVAL;
		if (!access_ok(u64_to_user_ptr(entry->relocs_ptr),
			       entry->relocation_count * RELOC_SIZE))
			return -EFAULT;
	}
	return 0;
}

/** i915_free_relocations() - free what i915_copy_relocations() copied. */
void i915_free_relocations(struct i915_exec *exec)
{
	unsigned int i;

	if (!exec->relocs)
		return;
	for (i = 0; i < exec->submit.count; i++)
		kvfree(exec->relocs[i]);
	kvfree(exec->relocs);
}
