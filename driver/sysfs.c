// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sysfs, under the names of i915: below the card engine/NAME/, an engine's description and
 * settings, and error, the error state.
 */
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include <drm/drm_file.h>

#include "gpu.h"
#include "sysfs.h"

/**
 * struct engine_kobj - an engine's folder.
 * @base: the folder
 * @engine: the engine; valid until the folder is deleted
 */
struct engine_kobj {
	struct kobject base;
	struct sg_engine *engine;
};

static struct sg_engine *kobj_engine(struct kobject *kobj)
{
	return container_of(kobj, struct engine_kobj, base)->engine;
}

static ssize_t name_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", kobj_engine(kobj)->name);
}

static ssize_t class_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", kobj_engine(kobj)->class);
}

static ssize_t instance_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", kobj_engine(kobj)->instance);
}

static ssize_t mmio_base_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0x%x\n", sg_cs_mmio_base(kobj_engine(kobj)->class));
}

static ssize_t capabilities_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "\n");	/* no video codec units */
}

static struct kobj_attribute name_attr = __ATTR_RO(name);
static struct kobj_attribute class_attr = __ATTR_RO(class);
static struct kobj_attribute instance_attr = __ATTR_RO(instance);
static struct kobj_attribute mmio_base_attr = __ATTR_RO(mmio_base);
static struct kobj_attribute capabilities_attr = __ATTR_RO(capabilities);
static struct kobj_attribute known_capabilities_attr =
	__ATTR(known_capabilities, 0444, capabilities_show, NULL);

/**
 * struct prop_attr - a setting.
 * @attr: the file
 * @offset: of the value in struct sg_engine_props
 * @min: the least that is taken, besides 0
 * @max: the most
 */
struct prop_attr {
	struct kobj_attribute attr;
	size_t offset;
	unsigned int min;
	unsigned int max;
};

static unsigned int *prop(struct sg_engine_props *props, struct kobj_attribute *attr)
{
	return (void *)props + container_of(attr, struct prop_attr, attr)->offset;
}

static ssize_t prop_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(*prop(&kobj_engine(kobj)->props, attr)));
}

static ssize_t prop_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			  size_t count)
{
	const struct prop_attr *p = container_of(attr, struct prop_attr, attr);
	unsigned int value;
	int ret = kstrtouint(buf, 0, &value);

	if (ret)
		return ret;
	if (value > p->max || (value && value < p->min))
		return -EINVAL;
	WRITE_ONCE(*prop(&kobj_engine(kobj)->props, attr), value);
	return count;
}

static ssize_t default_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sg_engine *engine = kobj_engine(kobj->parent);

	return sysfs_emit(buf, "%u\n", *prop(&engine->defaults, attr));
}

#define PROP(_file, _field, _min, _max)						\
	static struct prop_attr _field##_attr = {				\
		.attr = __ATTR(_file, 0644, prop_show, prop_store),		\
		.offset = offsetof(struct sg_engine_props, _field),		\
		.min = _min,							\
		.max = _max,							\
	};									\
	static struct prop_attr _field##_default = {				\
		.attr = __ATTR(_file, 0444, default_show, NULL),		\
		.offset = offsetof(struct sg_engine_props, _field),		\
	}

/* More milliseconds than fit a wait are for ever. */
#define MAX_MS	(INT_MAX / 1000)

PROP(heartbeat_interval_ms, heartbeat_interval, 1, MAX_MS);
PROP(preempt_timeout_ms, preempt_timeout, 1, MAX_MS);
PROP(timeslice_duration_ms, timeslice, 1, MAX_MS);
PROP(stop_timeout_ms, stop_timeout, 0, MAX_MS);
PROP(max_busywait_duration_ns, max_busywait_ns, 0, INT_MAX);

static struct attribute *engine_attrs[] = {
	&name_attr.attr,
	&class_attr.attr,
	&instance_attr.attr,
	&mmio_base_attr.attr,
	&capabilities_attr.attr,
	&known_capabilities_attr.attr,
	&heartbeat_interval_attr.attr.attr,
	&preempt_timeout_attr.attr.attr,
	&timeslice_attr.attr.attr,
	&stop_timeout_attr.attr.attr,
	&max_busywait_ns_attr.attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(engine);

static struct attribute *default_attrs[] = {
	&heartbeat_interval_default.attr.attr,
	&preempt_timeout_default.attr.attr,
	&timeslice_default.attr.attr,
	&stop_timeout_default.attr.attr,
	&max_busywait_ns_default.attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(default);

static void engine_kobj_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct engine_kobj, base));
}

static const struct kobj_type engine_type = {
	.release = engine_kobj_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = engine_groups,
};

static const struct kobj_type defaults_type = {
	.release = engine_kobj_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = default_groups,
};

static struct kobject *make_folder(struct sg_engine *engine, const struct kobj_type *type,
				   struct kobject *parent, const char *name)
{
	struct engine_kobj *k = kzalloc(sizeof(*k), GFP_KERNEL);

	if (!k)
		return NULL;
	k->engine = engine;
	if (kobject_init_and_add(&k->base, SG_KOBJ_TYPE(type), parent, "%s", name)) {
		kobject_put(&k->base);
		return NULL;
	}
	return &k->base;
}

static struct sg_gpu *kobj_gpu(struct kobject *kobj)
{
	struct drm_minor *minor = dev_get_drvdata(kobj_to_dev(kobj));

	return to_sg_gpu(minor->dev);
}

static ssize_t error_read(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
			  char *buf, loff_t pos, size_t size)
{
	return sg_error_read(kobj_gpu(kobj), buf, pos, size);
}

/* Whatever is written: it has been seen. */
static ssize_t error_write(struct file *file, struct kobject *kobj, struct bin_attribute *attr,
			   char *buf, loff_t pos, size_t size)
{
	sg_error_clear(kobj_gpu(kobj));
	return size;
}

static const struct bin_attribute error_attr = {
	.attr = { .name = "error", .mode = 0600 },
	.read = error_read,
	.write = error_write,
};

/**
 * sg_sysfs_register() - make the folders below the card's.
 * @gpu: the device, registered
 *
 * Return: 0 or -ENOMEM, with nothing left behind.
 */
int sg_sysfs_register(struct sg_gpu *gpu)
{
	unsigned int i;

	if (sysfs_create_bin_file(&gpu->node.drm.primary->kdev->kobj, &error_attr))
		return -ENOMEM;
	gpu->sysfs.engines = kobject_create_and_add("engine", &gpu->node.drm.primary->kdev->kobj);
	if (!gpu->sysfs.engines)
		goto fail;
	for (i = 0; i < SG_NUM_ENGINES; i++) {
		struct sg_engine *engine = &gpu->engines[i];

		gpu->sysfs.engine[i] = make_folder(engine, &engine_type, gpu->sysfs.engines,
						   engine->name);
		if (!gpu->sysfs.engine[i])
			goto fail;
		gpu->sysfs.defaults[i] = make_folder(engine, &defaults_type,
						     gpu->sysfs.engine[i], ".defaults");
		if (!gpu->sysfs.defaults[i])
			goto fail;
	}
	return 0;
fail:
	sg_sysfs_unregister(gpu);
	return -ENOMEM;
}

static void remove_folder(struct kobject **kobj)
{
	if (*kobj) {
		kobject_del(*kobj);
		kobject_put(*kobj);
	}
	*kobj = NULL;
}

/** sg_sysfs_unregister() - remove the folders; afterwards nobody looks at the engines. */
void sg_sysfs_unregister(struct sg_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++) {
		remove_folder(&gpu->sysfs.defaults[i]);
		remove_folder(&gpu->sysfs.engine[i]);
	}
	remove_folder(&gpu->sysfs.engines);
	sysfs_remove_bin_file(&gpu->node.drm.primary->kdev->kobj, &error_attr);
}
