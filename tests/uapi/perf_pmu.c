// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The PMU: what perf says of the engines, whoever uses them; and what becomes of its events when the
 * CPU that they are counted on goes, or the device.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MI_SEMAPHORE_WAIT_EQUAL	(0x1cu << 23 | 1 << 15 | 4 << 12 | 2)
#define RUN_MS	300

static const struct {
	const char *name;
	uint16_t class;
	uint64_t ring;
} engines[] = {
	{ "rcs0", I915_ENGINE_CLASS_RENDER, I915_EXEC_RENDER },
	{ "bcs0", I915_ENGINE_CLASS_COPY, I915_EXEC_BLT },
	{ "vcs0", I915_ENGINE_CLASS_VIDEO, I915_EXEC_BSD },
	{ "vecs0", I915_ENGINE_CLASS_VIDEO_ENHANCE, I915_EXEC_VEBOX },
};

/* Opens an event on the PMU's own CPU, or another. Returns its fd or -errno. */
static int try_event(uint64_t config, pid_t pid, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = pmu_number("type"),
		.config = config,
	};
	int fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int event(uint64_t config)
{
	int fd = try_event(config, -1, pmu_number("cpumask"));

	if (fd < 0)
		tap_fail(__FILE__, __LINE__, "cannot open 0x%" PRIx64 ": %s", config, strerror(-fd));
	return fd;
}

static int64_t value_of(int fd)
{
	int64_t value;

	CHECK_INT(read(fd, &value, sizeof(value)), sizeof(value));
	return value;
}

static int busy_event(unsigned int engine)
{
	return event(I915_PMU_ENGINE_BUSY(engines[engine].class, 0));
}

/* Let an engine begin with what an event counts. */
static void wait_until_counts(int fd)
{
	for (int i = 0; i < 5000 && !value_of(fd); i++)
		sleep_ms(1);
	CHECK(value_of(fd) > 0);
}

static void files(void)
{
	char name[64], value[64], wanted[64];

	pmu_read("format/i915_eventid", value, sizeof(value));
	CHECK(!strcmp(value, "config:0-20"));
	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		static const char * const kinds[] = {
			[I915_SAMPLE_BUSY] = "busy", [I915_SAMPLE_SEMA] = "sema",
		};

		for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
			if (!kinds[k])
				continue;
			snprintf(name, sizeof(name), "events/%s-%s", engines[i].name, kinds[k]);
			snprintf(wanted, sizeof(wanted), "event=0x%x",
				 __I915_PMU_ENGINE(engines[i].class, 0, k));
			pmu_read(name, value, sizeof(value));
			CHECK(!strcmp(value, wanted));
			strcat(name, ".unit");
			pmu_read(name, value, sizeof(value));
			CHECK(!strcmp(value, "ns"));
			close(event(__I915_PMU_ENGINE(engines[i].class, 0, k)));
		}
	}
	pmu_read("events/interrupts", value, sizeof(value));
	snprintf(wanted, sizeof(wanted), "event=0x%" PRIx64, (uint64_t)I915_PMU_INTERRUPTS);
	CHECK(!strcmp(value, wanted));
}

static void refused(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = pmu_number("type"),
		.config = I915_PMU_ENGINE_BUSY(I915_ENGINE_CLASS_RENDER, 0),
		.sample_period = 1000,
	};
	int cpu = pmu_number("cpumask"), other = !cpu;

	CHECK_RET(try_event(I915_PMU_ENGINE_BUSY(I915_ENGINE_CLASS_RENDER, 1), -1, cpu), -ENODEV);
	CHECK_RET(try_event(I915_PMU_ENGINE_BUSY(5, 0), -1, cpu), -ENODEV);
	CHECK_RET(try_event(I915_PMU_ENGINE_WAIT(I915_ENGINE_CLASS_RENDER, 0), -1, cpu), -ENODEV);
	CHECK_RET(try_event(__I915_PMU_ENGINE(I915_ENGINE_CLASS_RENDER, 0, 3), -1, cpu), -ENOENT);
	CHECK_RET(try_event(I915_PMU_RC6_RESIDENCY, -1, cpu), -ENOENT);
	CHECK_RET(try_event(1ull << 40, -1, cpu), -ENOENT);
	/* nothing is a process's, and nothing is counted twice */
	CHECK_RET(try_event(attr.config, 0, cpu), -EINVAL);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		CHECK_RET(try_event(attr.config, -1, other), -EINVAL);
	CHECK_INT(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0), -1);
	CHECK_INT(errno, EINVAL);
}

static void idle(void)
{
	int fd[ARRAY_SIZE(engines)], sema[ARRAY_SIZE(engines)], irq = event(I915_PMU_INTERRUPTS);

	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		fd[i] = busy_event(i);
		sema[i] = event(I915_PMU_ENGINE_SEMA(engines[i].class, 0));
	}
	sleep_ms(100);
	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		CHECK_INT(value_of(fd[i]), 0);
		CHECK_INT(value_of(sema[i]), 0);
		close(fd[i]);
		close(sema[i]);
	}
	CHECK_INT(value_of(irq), 0);
	close(irq);
}

/* By how much an event moved between two looks, and how long that took at least and at most. */
struct interval {
	int64_t ns;
	int64_t least;
	int64_t most;
};

static void interval_begin(struct interval *i, int fd)
{
	i->most = -now_ns();
	i->ns = -value_of(fd);
	i->least = -now_ns();
}

static void interval_end(struct interval *i, int fd)
{
	i->least += now_ns();
	i->ns += value_of(fd);
	i->most += now_ns();
}

/* The event has counted all of the time. */
#define CHECK_WHOLE(i) \
	do { \
		tap_note("%" PRId64 " of %" PRId64 " to %" PRId64 " ns", (i)->ns, (i)->least, \
			 (i)->most); \
		CHECK((i)->ns >= (i)->least && (i)->ns <= (i)->most); \
	} while (0)

static void busy(void)
{
	int fd = gem_open();

	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		int pmu[ARRAY_SIZE(engines)];
		struct interval time;
		int64_t after;
		struct spin s;

		for (unsigned int j = 0; j < ARRAY_SIZE(engines); j++)
			pmu[j] = busy_event(j);
		spin_start(&s, fd, 0, engines[i].ring, 0, 0);
		wait_until_counts(pmu[i]);
		interval_begin(&time, pmu[i]);
		sleep_ms(RUN_MS);
		interval_end(&time, pmu[i]);
		CHECK_WHOLE(&time);
		/* An event counts from when it was opened. */
		close(pmu[i]);
		time.most = -now_ns();
		pmu[i] = busy_event(i);
		time.least = -now_ns();
		time.ns = 0;
		sleep_ms(RUN_MS);
		interval_end(&time, pmu[i]);
		CHECK_WHOLE(&time);

		spin_free(&s);
		after = value_of(pmu[i]);
		sleep_ms(50);
		CHECK_INT(value_of(pmu[i]), after);
		for (unsigned int j = 0; j < ARRAY_SIZE(engines); j++) {
			if (j != i)
				CHECK_INT(value_of(pmu[j]), 0);
			close(pmu[j]);
		}
	}
	close(fd);
}

static void semaphore(void)
{
	int fd = gem_open(), pmu = busy_event(0), fence;
	int sema = event(I915_PMU_ENGINE_SEMA(engines[0].class, 0));
	int other = event(I915_PMU_ENGINE_SEMA(engines[1].class, 0));
	uint32_t handle = gem_create(fd, PAGE);
	/* not PWRITE, which waits for the batch */
	volatile uint32_t *memory = gem_mmap(fd, handle, PAGE, I915_MMAP_OFFSET_WB);
	struct interval busy_time, sema_time;
	int64_t ns;
	struct batch b;
	struct spin s;

	/* A loop is not a semaphore. */
	spin_start(&s, fd, 0, engines[0].ring, 0, 0);
	wait_until_counts(pmu);
	sleep_ms(50);
	spin_free(&s);
	CHECK_INT(value_of(sema), 0);

	batch_init(&b, fd, engines[0].ring | I915_EXEC_FENCE_OUT);
	batch_dw(&b, MI_SEMAPHORE_WAIT_EQUAL);
	batch_dw(&b, 1);
	batch_addr(&b, batch_obj(&b, handle, EXEC_OBJECT_ASYNC));
	batch_submit(&b);
	fence = b.rsvd2 >> 32;
	wait_until_counts(sema);
	interval_begin(&busy_time, pmu);
	interval_begin(&sema_time, sema);
	sleep_ms(RUN_MS);
	interval_end(&sema_time, sema);
	interval_end(&busy_time, pmu);
	CHECK_WHOLE(&sema_time);
	CHECK_WHOLE(&busy_time);
	memory[0] = 1;
	CHECK(fence_signalled(fence, 5000));
	CHECK_INT(fence_status(fence), 1);
	ns = value_of(sema);
	sleep_ms(50);
	CHECK_INT(value_of(sema), ns);
	CHECK_INT(value_of(other), 0);
	batch_free(&b);
	close(fence);
	close(other);
	close(sema);
	close(pmu);
	close(fd);
}

static void interrupts(void)
{
	int fd = gem_open(), irq = event(I915_PMU_INTERRUPTS);
	struct spin s[4];

	/* one for each request that is over, on whatever engine */
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++)
		spin_start(&s[i], fd, 0, engines[i].ring, 0, 0);
	sleep_ms(50);
	CHECK_INT(value_of(irq), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(s); i++) {
		spin_free(&s[i]);
		CHECK_INT(value_of(irq), i + 1);
	}
	close(irq);
	close(fd);
}

static void set_cpu(int cpu, bool online)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK_SYS(fd);
	CHECK_INT(write(fd, online ? "1" : "0", 1), 1);
	close(fd);
}

static void processor_goes(void)
{
	int cpu = pmu_number("cpumask"), fd, pmu;
	struct interval time;
	int64_t before;
	struct spin s;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		tap_skip("there is one processor");
	fd = gem_open();
	pmu = busy_event(0);
	spin_start(&s, fd, 0, engines[0].ring, 0, 0);
	wait_until_counts(pmu);
	before = value_of(pmu);
	set_cpu(cpu, false);
	CHECK((int)pmu_number("cpumask") != cpu);
	CHECK(value_of(pmu) > before);
	interval_begin(&time, pmu);
	sleep_ms(RUN_MS);
	interval_end(&time, pmu);
	set_cpu(cpu, true);
	CHECK_WHOLE(&time);
	spin_free(&s);
	close(pmu);
	close(fd);
}

static void device_goes(void)
{
	const char *name = gem_pci_name();
	uint64_t config = I915_PMU_ENGINE_BUSY(engines[0].class, 0);
	int fd = gem_open(), pmu = busy_event(0), again, cpu = pmu_number("cpumask");
	int64_t before;
	struct spin s;

	spin_start(&s, fd, 0, engines[0].ring, 0, 0);
	wait_until_counts(pmu);
	before = value_of(pmu);
	gem_set_bound(name, false);
	CHECK_INT(value_of(pmu), before);
	CHECK_RET(try_event(config, -1, cpu), -ENODEV);
	close(fd);
	gem_set_bound(name, true);

	/* It is another one, which the old event does not count. */
	fd = gem_open();
	again = busy_event(0);
	spin_start(&s, fd, 0, engines[0].ring, 0, 0);
	wait_until_counts(again);
	CHECK_INT(value_of(pmu), before);
	spin_free(&s);
	close(again);
	close(pmu);
	close(fd);
}

static const struct subtest tests[] = {
	{ "the PMU's files say what there is to count", files },
	{ "what is not there is refused", refused },
	{ "nothing is counted while nothing happens", idle },
	{ "the time of each engine passes as long as it is at work", busy },
	{ "the time on semaphores is told apart", semaphore },
	{ "each request that is over counts as an interrupt", interrupts },
	{ "events go on when their CPU goes", processor_goes },
	{ "events outlive the device, and do not count the next one", device_goes },
};

TAP_MAIN(tests)
