// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Clients: see client.h. */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "client.h"
#include "gpu.h"

/* A hang so soon after the last one counts, and so does a context that was banned for its own. */
#define FAST_HANG		(60 * HZ)
#define SCORE_FAST_HANG		1
#define SCORE_CONTEXT_BAN	3
/* Who has so much gets no new contexts. */
#define SCORE_BANNED		9

/**
 * sg_client_create() - a file is opened.
 * @gpu: the device
 * @file: the file
 *
 * Return: the client with one reference, or NULL.
 */
struct sg_client *sg_client_create(struct sg_gpu *gpu, const struct drm_file *file)
{
	struct sg_client *client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);

	if (!client)
		return NULL;
	kref_init(&client->kref);
	client->id = atomic_inc_return(&gpu->next_client);
	client->file = file;
	return client;
}

static void free_client(struct kref *kref)
{
	kfree(container_of(kref, struct sg_client, kref));
}

/**
 * sg_client_put() - drop a reference.
 * @client: the client
 *
 * Context: any.
 */
void sg_client_put(struct sg_client *client)
{
	kref_put(&client->kref, free_client);
}

/**
 * sg_client_guilty() - a batch of a client has been thrown out.
 * @client: the client
 * @banned: its context has been banned for it
 *
 * Context: any. Two hangs at the same time may count as one.
 */
void sg_client_guilty(struct sg_client *client, bool banned)
{
	unsigned long last = xchg(&client->last_hang, jiffies | 1);
	int score = banned ? SCORE_CONTEXT_BAN : 0;

	if (last && time_before(jiffies, last + FAST_HANG))
		score += SCORE_FAST_HANG;
	if (score)
		atomic_add(score, &client->ban_score);
}

/** sg_client_banned() - whether a client has hung the GPU too often to be given a new context. */
bool sg_client_banned(const struct sg_client *client)
{
	return atomic_read(&client->ban_score) >= SCORE_BANNED;
}

/**
 * sg_client_show_engines() - print how long a client's work has run, as drm-usage-stats wants it.
 * @p: where to
 * @client: the client
 * @gpu: the device
 *
 * Context: any but interrupts.
 */
void sg_client_show_engines(struct drm_printer *p, const struct sg_client *client,
			    const struct sg_gpu *gpu)
{
	static const char * const names[] = {
		[SG_RENDER] = "render",
		[SG_COPY] = "copy",
		[SG_VIDEO] = "video",
		[SG_VIDEO_ENHANCE] = "video-enhance",
	};
	unsigned int class, i;

	for (class = 0; class < ARRAY_SIZE(names); class++) {
		unsigned int capacity = 0;
		u64 busy = 0;

		for (i = 0; i < SG_NUM_ENGINES; i++) {
			if (gpu->engines[i].class != class)
				continue;
			capacity++;
			busy += sg_engine_busy(&gpu->engines[i], client);
		}
		if (!capacity)
			continue;
		drm_printf(p, "drm-engine-%s:\t%llu ns\n", names[class], busy);
		drm_printf(p, "drm-engine-capacity-%s:\t%u\n", names[class], capacity);
	}
}
