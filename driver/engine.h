/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Engines: the threads that execute, and the queues in front of them. */
#ifndef SOFTGEM_ENGINE_H
#define SOFTGEM_ENGINE_H

#include <linux/rbtree.h>
#include <linux/seqlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "../device/cs.h"
#include "../device/mem.h"

struct sg_client;
struct sg_gpu;
struct sg_request;
struct sg_ring;
struct sg_space;

#define SG_NUM_ENGINES	4

/**
 * struct sg_tlb_entry - a span of memory that an engine has seen.
 * @start: its GPU address
 * @size: bytes, 0: unused
 * @base: where it is
 * @writable: whether the GPU may write to it
 */
struct sg_tlb_entry {
	u64 start;
	u64 size;
	void *base;
	bool writable;
};

/**
 * struct sg_mem - an address space as an engine sees it. Belongs to the engine's thread (or to that
 * which captures).
 * @gpu: the device
 * @space: where it runs now
 * @seq: the device's revoke_seq when @tlb was last emptied
 * @last: the entry that was hit last; points into @tlb
 * @victim: counts replacements
 * @tlb: what is remembered
 */
struct sg_mem {
	struct sg_gpu *gpu;
	struct sg_space *space;
	unsigned long seq;
	struct sg_tlb_entry *last;
	unsigned int victim;
	struct sg_tlb_entry tlb[8];
};

void sg_mem_init(struct sg_mem *mem, struct sg_gpu *gpu);
void sg_mem_set_space(struct sg_mem *mem, struct sg_space *space);

/**
 * struct sg_engine_props - what an administrator can set for an engine, in ms unless they say ns.
 * @heartbeat_interval: how often it is looked whether the engine could take up something else; 0:
 *	never
 * @preempt_timeout: how long a batch that has forbidden preemption may keep others waiting; 0: for
 *	ever
 * @timeslice: how long a context runs while an equal one waits; 0: until it is done
 * @stop_timeout: how long what runs is given to end by itself before a reset for which it is not to
 *	blame
 * @max_busywait_ns: kept for those who ask: nothing here waits busily
 */
struct sg_engine_props {
	unsigned int heartbeat_interval;
	unsigned int preempt_timeout;
	unsigned int timeslice;
	unsigned int stop_timeout;
	unsigned int max_busywait_ns;
};

/**
 * struct sg_engine - one engine.
 * @gpu: the device
 * @class: what it can execute
 * @instance: its number in its class
 * @index: its number in the device
 * @name: as users know it: "rcs0"
 * @thread: executes; NULL before sg_engines_start()
 * @wq: where the thread waits
 * @mem: what it sees
 * @ready: rings whose first request may run, by priority; guarded by the device's sched_lock
 * @next_order: numbers entries of @ready; guarded likewise
 * @vtime: how much of the engine those have had that are served now, in ns; guarded likewise
 * @nready: how many rings are in @ready; guarded likewise
 * @active: the ring that runs, not in @ready then; guarded likewise
 * @capturing: rings that are in no queue while their first request is captured; guarded likewise
 * @stop: asks the device to return at its next chance
 * @pace: what a unit of effort costs, in PACE_ONE-ths of a ns; of the thread
 * @shared_at: when the thread last made room on its processor, in ns; its own
 * @vain: turns in a row in which a batch has only waited; of the thread
 * @patient: all batches wait, and so does the engine; written by the thread
 * @reset_count: how often a request had to be thrown out; guarded like @ready
 * @busy_seq: guards the following against the thread, which writes it
 * @busy_ns: how long it has executed until @busy_since
 * @busy_client: for whom it has executed since then, or NULL
 * @busy_since: when its time was last booked, in ns
 * @waited_ns: how long it has sat on semaphores until @waits_since
 * @waits: it does so
 * @waits_since: since when, in ns
 * @props: the settings
 * @defaults: what they were at first
 */
struct sg_engine {
	struct sg_gpu *gpu;
	enum sg_engine_class class;
	unsigned int instance;
	unsigned int index;
	char name[8];
	struct task_struct *thread;
	wait_queue_head_t wq;
	struct sg_mem mem;

	struct rb_root_cached ready;
	u64 next_order;
	u64 vtime;
	unsigned int nready;
	struct sg_ring *active;
	unsigned int capturing;
	bool stop;
	u64 pace;
	u64 shared_at;
	unsigned int vain;
	bool patient;
	unsigned int reset_count;
	seqcount_t busy_seq;
	u64 busy_ns;
	const struct sg_client *busy_client;
	u64 busy_since;
	u64 waited_ns;
	bool waits;
	u64 waits_since;

	struct sg_engine_props props;
	struct sg_engine_props defaults;
};

int sg_engines_start(struct sg_gpu *gpu);
void sg_engines_stop(struct sg_gpu *gpu);
void sg_engine_make_ready(struct sg_engine *engine, struct sg_ring *ring);
void sg_engine_reprioritize(struct sg_engine *engine, struct sg_ring *ring, int priority);
void sg_engine_hurry(struct sg_engine *engine, struct sg_ring *ring);
struct sg_engine *sg_engine_find(struct sg_gpu *gpu, unsigned int class, unsigned int instance);
bool sg_engine_idle(struct sg_engine *engine);
u64 sg_engine_waited(const struct sg_engine *engine);
u64 sg_engine_busy(const struct sg_engine *engine, const struct sg_client *client);

#endif
