// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The PMU: what perf tells of the engines, system-wide, as <drm/i915_drm.h> numbers it
 * (I915_PMU_*) and intel_gpu_top reads it.
 *
 * It is the module's and not the device's: perf holds a reference to the module for each event, and
 * drops it last of all, but has nothing like that for a device. So events stay what they are when
 * the device goes, and no longer count, nor do they when another one comes.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include <drm/drm_print.h>
#include <uapi/drm/i915_drm.h>

#include "../gpu.h"
#include "i915.h"

/* Of each engine: busy and sema. Of all: interrupts. Each has a second file, its unit. */
#define NUM_EVENTS	(2 * SG_NUM_ENGINES + 1)

/**
 * struct event_file - a file of events/.
 * @attr: the file
 * @name: its name
 * @config: the event, where @unit is NULL
 * @unit: what it is counted in
 */
struct event_file {
	struct device_attribute attr;
	char name[24];
	u64 config;
	const char *unit;
};

/**
 * struct i915_pmu - the PMU.
 * @base: as perf knows it
 * @name: "i915_" and the device's name
 * @registered: perf knows it
 * @gpu: the device that is bound, or NULL
 * @generation: which device that is; written while @gpu is NULL and nobody looks
 * @hotplug: state of the kernel's CPU hotplug that is ours
 * @cpus: the one CPU on which events are counted, whose number does not matter
 * @files: the files of events/
 * @file_attrs: the same, as sysfs wants them
 */
static struct i915_pmu {
	struct pmu base;
	char name[32];
	bool registered;
	struct sg_gpu __rcu *gpu;
	u64 generation;
	enum cpuhp_state hotplug;
	cpumask_t cpus;
	struct event_file files[2 * NUM_EVENTS];
	struct attribute *file_attrs[2 * NUM_EVENTS + 1];
} i915_pmu;

static struct sg_engine *config_engine(struct sg_gpu *gpu, u64 config)
{
	return sg_engine_find(gpu, config >> I915_PMU_CLASS_SHIFT,
			      (config >> I915_PMU_SAMPLE_BITS) &
			      GENMASK(I915_PMU_SAMPLE_INSTANCE_BITS - 1, 0));
}

/* Whether an event exists: 0; -ENODEV: not of this device; -ENOENT: not at all. */
static int config_check(struct sg_gpu *gpu, u64 config)
{
	if (config == I915_PMU_INTERRUPTS)
		return 0;
	if (config >= __I915_PMU_OTHER(0))
		return -ENOENT;
	if (!config_engine(gpu, config))
		return -ENODEV;
	switch (config & I915_PMU_SAMPLE_MASK) {
	case I915_SAMPLE_BUSY:
	case I915_SAMPLE_SEMA:
		return 0;
	case I915_SAMPLE_WAIT:	/* there is no display whose events could be waited for */
		return -ENODEV;
	default:
		return -ENOENT;
	}
}

static u64 config_value(struct sg_gpu *gpu, u64 config)
{
	if (config == I915_PMU_INTERRUPTS)
		return atomic64_read(&gpu->completed);
	if ((config & I915_PMU_SAMPLE_MASK) == I915_SAMPLE_SEMA)
		return sg_engine_waited(config_engine(gpu, config));
	return sg_engine_busy(config_engine(gpu, config), NULL);
}

/* Adds to the event what has been since it was last looked at, where @count. */
static void event_update(struct perf_event *event, bool count)
{
	struct sg_gpu *gpu;

	rcu_read_lock();
	gpu = rcu_dereference(i915_pmu.gpu);
	if (gpu && event->hw.config == i915_pmu.generation) {
		u64 now = config_value(gpu, event->attr.config);
		u64 before = local64_xchg(&event->hw.prev_count, now);

		if (count)
			local64_add(now - before, &event->count);
	}
	rcu_read_unlock();
}

static int event_init(struct perf_event *event)
{
	struct sg_gpu *gpu;
	int ret;

	if (event->attr.type != event->pmu->type)
		return -ENOENT;
	/* of no process, and on one CPU, so that nothing is counted twice */
	if (is_sampling_event(event) || event->attach_state & PERF_ATTACH_TASK || event->cpu < 0)
		return -EINVAL;
	if (has_branch_stack(event))
		return -EOPNOTSUPP;
	if (!cpumask_test_cpu(event->cpu, &i915_pmu.cpus))
		return -EINVAL;
	rcu_read_lock();
	gpu = rcu_dereference(i915_pmu.gpu);
	ret = gpu ? config_check(gpu, event->attr.config) : -ENODEV;
	event->hw.config = i915_pmu.generation;
	rcu_read_unlock();
	return ret;
}

static void event_start(struct perf_event *event, int flags)
{
	event_update(event, false);
	event->hw.state = 0;
}

static void event_stop(struct perf_event *event, int flags)
{
	if (!(event->hw.state & PERF_HES_STOPPED) && flags & PERF_EF_UPDATE)
		event_update(event, true);
	event->hw.state = PERF_HES_STOPPED;
}

static int event_add(struct perf_event *event, int flags)
{
	event->hw.state = PERF_HES_STOPPED;
	if (flags & PERF_EF_START)
		event_start(event, flags);
	return 0;
}

static void event_del(struct perf_event *event, int flags)
{
	event_stop(event, PERF_EF_UPDATE);
}

static void event_read(struct perf_event *event)
{
	if (!(event->hw.state & PERF_HES_STOPPED))
		event_update(event, true);
}

/* The CPU goes, and the events move to another one. */
static int event_cpu_offline(unsigned int cpu)
{
	unsigned int other;

	if (!cpumask_test_and_clear_cpu(cpu, &i915_pmu.cpus))
		return 0;
	other = cpumask_any_but(cpu_online_mask, cpu);
	if (other < nr_cpu_ids) {
		cpumask_set_cpu(other, &i915_pmu.cpus);
		perf_pmu_migrate_context(&i915_pmu.base, cpu, other);
	}
	return 0;
}

static ssize_t i915_eventid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "config:0-20\n");
}
static DEVICE_ATTR_RO(i915_eventid);

static struct attribute *format_attrs[] = {
	&dev_attr_i915_eventid.attr,
	NULL
};

static const struct attribute_group format_group = {
	.name = "format",
	.attrs = format_attrs,
};

static ssize_t cpumask_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return cpumap_print_to_pagebuf(true, buf, &i915_pmu.cpus);
}
static DEVICE_ATTR_RO(cpumask);

static struct attribute *cpumask_attrs[] = {
	&dev_attr_cpumask.attr,
	NULL
};

static const struct attribute_group cpumask_group = {
	.attrs = cpumask_attrs,
};

static const struct attribute_group events_group = {
	.name = "events",
	.attrs = i915_pmu.file_attrs,
};

static const struct attribute_group *attr_groups[] = {
	&format_group,
	&cpumask_group,
	&events_group,
	NULL
};

static ssize_t event_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct event_file *file = container_of(attr, struct event_file, attr);

	if (file->unit)
		return sysfs_emit(buf, "%s\n", file->unit);
	return sysfs_emit(buf, "event=0x%llx\n", file->config);
}

static unsigned int add_file(unsigned int n, u64 config, const char *unit)
{
	struct event_file *file = &i915_pmu.files[n];

	sysfs_attr_init(&file->attr.attr);
	file->attr.attr.name = file->name;
	file->attr.attr.mode = 0444;
	file->attr.show = event_show;
	file->config = config;
	file->unit = unit;
	i915_pmu.file_attrs[n] = &file->attr.attr;
	return n + 1;
}

/* An event, and its unit if it has one. */
static unsigned int add_event(unsigned int n, const char *prefix, const char *name, u64 config,
			      const char *unit)
{
	snprintf(i915_pmu.files[n].name, sizeof(i915_pmu.files[n].name), "%s%s", prefix, name);
	n = add_file(n, config, NULL);
	if (!unit)
		return n;
	snprintf(i915_pmu.files[n].name, sizeof(i915_pmu.files[n].name), "%s%s.unit", prefix, name);
	return add_file(n, 0, unit);
}

static void make_files(const struct sg_gpu *gpu)
{
	unsigned int i, n = 0;

	for (i = 0; i < SG_NUM_ENGINES; i++) {
		const struct sg_engine *engine = &gpu->engines[i];

		n = add_event(n, engine->name, "-busy",
			      I915_PMU_ENGINE_BUSY(engine->class, engine->instance), "ns");
		n = add_event(n, engine->name, "-sema",
			      I915_PMU_ENGINE_SEMA(engine->class, engine->instance), "ns");
	}
	add_event(n, "", "interrupts", I915_PMU_INTERRUPTS, NULL);
}

/* What can be told apart goes by the device's name, as perf spells that. */
static int pmu_init(struct sg_gpu *gpu)
{
	struct i915_pmu *pmu = &i915_pmu;
	int ret;

	snprintf(pmu->name, sizeof(pmu->name), "i915_%s", dev_name(gpu->node.drm.dev));
	strreplace(pmu->name, ':', '_');
	make_files(gpu);
	pmu->base = (struct pmu) {
		.module = THIS_MODULE,
		.task_ctx_nr = perf_invalid_context,
		.capabilities = PERF_PMU_CAP_NO_EXCLUDE | PERF_PMU_CAP_NO_INTERRUPT,
		.attr_groups = attr_groups,
		.event_init = event_init,
		.add = event_add,
		.del = event_del,
		.start = event_start,
		.stop = event_stop,
		.read = event_read,
	};
	ret = perf_pmu_register(&pmu->base, pmu->name, -1);
	if (ret)
		return ret;
	/* not CPU 0, where all others count what has no CPU of its own */
	cpus_read_lock();
	cpumask_set_cpu(cpumask_last(cpu_online_mask), &pmu->cpus);
	ret = cpuhp_setup_state_nocalls_cpuslocked(CPUHP_AP_ONLINE_DYN, "perf/softgem:online", NULL,
						   event_cpu_offline);
	cpus_read_unlock();
	if (ret < 0) {
		cpumask_clear(&pmu->cpus);
		perf_pmu_unregister(&pmu->base);
		return ret;
	}
	pmu->hotplug = ret;
	pmu->registered = true;
	return 0;
}

/**
 * i915_pmu_attach() - have the PMU count a device.
 * @gpu: the device, registered, the only one
 *
 * Without a PMU the device works all the same.
 */
void i915_pmu_attach(struct sg_gpu *gpu)
{
	int ret = i915_pmu.registered ? 0 : pmu_init(gpu);

	if (ret) {
		drm_notice(&gpu->node.drm, "no PMU (%d)\n", ret);
		return;
	}
	i915_pmu.generation++;
	rcu_assign_pointer(i915_pmu.gpu, gpu);
}

/**
 * i915_pmu_detach() - the device goes.
 * @gpu: the device
 *
 * Context: may sleep. Afterwards events do not look at it any more.
 */
void i915_pmu_detach(struct sg_gpu *gpu)
{
	if (rcu_access_pointer(i915_pmu.gpu) != gpu)
		return;
	RCU_INIT_POINTER(i915_pmu.gpu, NULL);
	synchronize_rcu();
}

/** i915_pmu_exit() - the module goes; there are no events any more. */
void i915_pmu_exit(void)
{
	if (!i915_pmu.registered)
		return;
	cpuhp_remove_state_nocalls(i915_pmu.hotplug);
	perf_pmu_unregister(&i915_pmu.base);
	i915_pmu.registered = false;
}
