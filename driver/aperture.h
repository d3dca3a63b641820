/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The aperture: the part of the GPU's global address space that processes look through. */
#ifndef SOFTGEM_APERTURE_H
#define SOFTGEM_APERTURE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include <drm/drm_mm.h>

struct sg_aperture_view;
struct sg_gpu;
struct sg_object;

/* Bytes of the global address space, where contexts' ones are not smaller. */
#define SG_GGTT_SIZE		(4ull << 30)
/* Registers that make a tiled view look linear. */
#define SG_NUM_FENCES		32

/**
 * struct sg_aperture - the global address space.
 * @size: its bytes
 * @mappable: bytes at its start that processes can look through
 * @lock: guards all that follows, and the objects' lists of views. Taken inside reservations;
 *	those of other objects are only tried under it.
 * @mm: the addresses
 * @lru: all views, the longest unused first
 * @nviews: how many they are
 * @fences: the registers: which view each is for
 * @binds: views that were made
 * @evictions: views that had to go for others
 * @steals: views that lost their register to others
 */
struct sg_aperture {
	u64 size;
	u64 mappable;

	struct mutex lock;
	struct drm_mm mm;
	struct list_head lru;
	unsigned int nviews;
	struct sg_aperture_view *fences[SG_NUM_FENCES];
	u64 binds;
	u64 evictions;
	u64 steals;
};

void sg_aperture_init(struct sg_aperture *ap, u64 size, u64 mappable);
void sg_aperture_fini(struct sg_aperture *ap);
bool sg_aperture_holds(const struct sg_aperture *ap, const struct sg_object *obj);
int sg_aperture_bind(struct sg_object *obj, u64 offset, u64 *start, u64 *end,
		     struct sg_object **busy);
void sg_aperture_unbind(struct sg_object *obj);
void sg_aperture_revoke_all(struct sg_gpu *gpu);

#endif
