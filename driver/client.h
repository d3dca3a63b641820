/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Clients: what is known of an open file, for as long as its contexts live. */
#ifndef SOFTGEM_CLIENT_H
#define SOFTGEM_CLIENT_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/types.h>

#include "engine.h"

struct drm_file;
struct drm_printer;
struct sg_gpu;

/**
 * struct sg_client - an open file, as its work sees it.
 * @kref: the file and its contexts hold references
 * @id: number of the file, never used again
 * @file: the file, to be compared with and nothing else: it may be gone
 * @ban_score: how much it has been hanging; see sg_client_guilty()
 * @last_hang: when it did so last, in jiffies; 0: never
 * @busy_ns: how long its work has run, by engine, until that engine's time was last booked
 */
struct sg_client {
	struct kref kref;
	u32 id;
	const struct drm_file *file;
	atomic_t ban_score;
	unsigned long last_hang;
	atomic64_t busy_ns[SG_NUM_ENGINES];
};

struct sg_client *sg_client_create(struct sg_gpu *gpu, const struct drm_file *file);
void sg_client_put(struct sg_client *client);
static inline struct sg_client *sg_client_get(struct sg_client *client)
{
	kref_get(&client->kref);
	return client;
}

void sg_client_guilty(struct sg_client *client, bool banned);
void sg_client_show_engines(struct drm_printer *p, const struct sg_client *client,
			    const struct sg_gpu *gpu);
bool sg_client_banned(const struct sg_client *client);

#endif
