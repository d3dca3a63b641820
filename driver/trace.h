/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Tracepoints: what happens to user pages, as it happens. debugfs counts the same.
 *
 * An object is named by the process whose memory it is (owner), and where it begins there (addr).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM softgem

#if !defined(SOFTGEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SOFTGEM_TRACE_H

#include <linux/mmu_notifier.h>
#include <linux/tracepoint.h>

#include "userptr.h"

DECLARE_EVENT_CLASS(userptr,
	TP_PROTO(const struct sg_userptr *u),
	TP_ARGS(u),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(unsigned long, addr)
		__field(u64, size)
	),
	TP_fast_assign(
		__entry->owner = u->owner.task->tgid;
		__entry->addr = sg_userptr_addr(u);
		__entry->size = u->obj.base.size;
	),
	TP_printk("owner=%d addr=0x%lx size=0x%llx", __entry->owner, __entry->addr, __entry->size)
);

/* Nothing had moved since the last use. */
DEFINE_EVENT(userptr, userptr_reuse,
	TP_PROTO(const struct sg_userptr *u),
	TP_ARGS(u)
);

/* Something moved while the object was looked up, or before it could be used. */
DEFINE_EVENT(userptr, userptr_retry,
	TP_PROTO(const struct sg_userptr *u),
	TP_ARGS(u)
);

/* That had happened too often: the pages are pinned until they have been put to use. */
DEFINE_EVENT(userptr, userptr_grip,
	TP_PROTO(const struct sg_userptr *u),
	TP_ARGS(u)
);

/* Something had moved: so many pages were looked up, and so many of them had to be faulted in. */
TRACE_EVENT(userptr_acquire,
	TP_PROTO(const struct sg_userptr *u, unsigned long pages, unsigned long faults, int ret),
	TP_ARGS(u, pages, faults, ret),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(unsigned long, addr)
		__field(u64, size)
		__field(unsigned long, pages)
		__field(unsigned long, faults)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->owner = u->owner.task->tgid;
		__entry->addr = sg_userptr_addr(u);
		__entry->size = u->obj.base.size;
		__entry->pages = pages;
		__entry->faults = faults;
		__entry->ret = ret;
	),
	TP_printk("owner=%d addr=0x%lx size=0x%llx pages=%lu faults=%lu ret=%d",
		  __entry->owner, __entry->addr, __entry->size, __entry->pages, __entry->faults,
		  __entry->ret)
);

/*
 * The process changed [start, end), a part of the object at least; the kernel waited so long for
 * us. Pages that requests still used were held and not waited for if @held.
 */
TRACE_EVENT(userptr_invalidate,
	TP_PROTO(const struct sg_userptr *u, const struct mmu_notifier_range *range, bool held,
		 u64 waited),
	TP_ARGS(u, range, held, waited),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(unsigned long, addr)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(int, event)
		__field(bool, held)
		__field(u64, waited)
	),
	TP_fast_assign(
		__entry->owner = u->owner.task->tgid;
		__entry->addr = sg_userptr_addr(u);
		__entry->start = range->start;
		__entry->end = range->end;
		__entry->event = range->event;
		__entry->held = held;
		__entry->waited = waited;
	),
	TP_printk("owner=%d addr=0x%lx start=0x%lx end=0x%lx event=%d held=%d waited_ns=%llu",
		  __entry->owner, __entry->addr, __entry->start, __entry->end, __entry->event,
		  __entry->held, __entry->waited)
);

/* The GPU lost [start, end). */
TRACE_EVENT(userptr_revoke,
	TP_PROTO(const struct sg_userptr *u, unsigned long start, unsigned long end),
	TP_ARGS(u, start, end),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(unsigned long, addr)
		__field(unsigned long, start)
		__field(unsigned long, end)
	),
	TP_fast_assign(
		__entry->owner = u->owner.task->tgid;
		__entry->addr = sg_userptr_addr(u);
		__entry->start = start;
		__entry->end = end;
	),
	TP_printk("owner=%d addr=0x%lx start=0x%lx end=0x%lx", __entry->owner, __entry->addr,
		  __entry->start, __entry->end)
);

DECLARE_EVENT_CLASS(userptr_pins,
	TP_PROTO(const struct sg_pin *pin, unsigned long pages),
	TP_ARGS(pin, pages),
	TP_STRUCT__entry(
		__field(pid_t, owner)
		__field(unsigned long, addr)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->owner = pin->owner.task->tgid;
		__entry->addr = pin->addr;
		__entry->pages = pages;
	),
	TP_printk("owner=%d addr=0x%lx pages=%lu", __entry->owner, __entry->addr, __entry->pages)
);

DEFINE_EVENT(userptr_pins, userptr_pin,
	TP_PROTO(const struct sg_pin *pin, unsigned long pages),
	TP_ARGS(pin, pages)
);

DEFINE_EVENT(userptr_pins, userptr_unpin,
	TP_PROTO(const struct sg_pin *pin, unsigned long pages),
	TP_ARGS(pin, pages)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
