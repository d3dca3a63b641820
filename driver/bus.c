// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The bus: a PCI host bridge and a PCI device that no hardware stands behind.
 *
 * All that the PCI core asks of a host bridge is access to config space, and address space for the
 * BARs. So a bridge whose config space is an array of bytes gives a device that everyone takes for
 * real: the driver core, udev, libdrm, libpciaccess, lspci. What it takes:
 *
 *  - A PCI domain of its own, since bus 0 of domain 0 is the machine's. See find_domain().
 *  - Config space that behaves: see "Config space" below.
 *  - A range of physical addresses for the BARs to lie in. See claim_window(): it is claimed, so
 *    that nobody else gets it, but nothing answers there, so it is never to be mapped.
 *  - That no other driver binds to the device. The IDs are those of a chip that has a driver of its
 *    own, which would go and poke at registers that do not exist. See bus_notify().
 *
 * What the PCI core may look at while anybody holds a reference on the bridge, the bus or the
 * device lies in the bridge's private part, and so lives exactly as long.
 *
 * Config space is the type 0 header of the PCI Local Bus Specification 3.0, chapter 6; the names of
 * its parts come from <linux/pci_regs.h>. See also Documentation/PCI/pci.rst in the kernel's
 * sources.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pci-ecam.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/vgaarb.h>

#include "bus.h"
#include "compat.h"

#define REGISTERS_SIZE	SZ_16M
#define SLOT		PCI_DEVFN(2, 0)	/* where Intel graphics are on every machine */

/* User space knows slot names of the form 0001:00:02.0: four digits. */
#define MAX_DOMAIN	0xffff

/**
 * struct sg_bus - the private part of the host bridge.
 * @sysdata: what the architecture's PCI code wants to find at pci_bus.sysdata
 * @window: where in the physical address space the BARs lie; in iomem_resource
 * @busn: the bus numbers below the bridge: 0 only
 * @aperture_size: bytes of BAR2, a power of two
 * @add_err: what went wrong when the device was last added. Guarded by pci_lock_rescan_remove().
 * @lock: guards @config. The PCI core itself does not serialize config accesses on every
 *	architecture, and makes them from any context.
 * @config: config space as it reads, little-endian
 * @writable: which bits of it software can change. Constant.
 */
struct sg_bus {
#ifdef CONFIG_X86
	struct pci_sysdata sysdata;
#else
	struct pci_config_window sysdata;
#endif
	struct resource window;
	struct resource busn;
	resource_size_t aperture_size;
	int add_err;

	raw_spinlock_t lock;
	u8 config[PCI_CFG_SPACE_SIZE];
	u8 writable[PCI_CFG_SPACE_SIZE];
};

/* There is one. NULL before sg_bus_create() and after sg_bus_destroy(). */
static struct pci_host_bridge *the_bridge;

/*
 * Config space
 *
 * A bit is either constant or simply keeps what is written to it; no write has an effect anywhere
 * else. That is all a device needs that has no interrupt pin, no capabilities (no MSI, no power
 * management), no expansion ROM and no I/O space, and whose status bits, there being no bus, never
 * report an error. Sizing of a BAR (write ones, read back which bits can change) comes out of it
 * too: the address bits below the BAR's size are constant zeros.
 */

static void put(u8 *reg, int size, u64 val)
{
	for (; size; size--, val >>= 8)
		*reg++ = val;
}

static void put_bar(struct sg_bus *sg, int bar, u32 flags, u64 size)
{
	int reg = PCI_BASE_ADDRESS_0 + 4 * bar;

	put(sg->config + reg, 8, flags | PCI_BASE_ADDRESS_MEM_TYPE_64);
	put(sg->writable + reg, 8, ~(size - 1));
}

/* Puts the device into the state after power-on. */
static void reset_config(struct sg_bus *sg)
{
	unsigned long irqflags;
	u8 *config = sg->config;

	raw_spin_lock_irqsave(&sg->lock, irqflags);
	memset(config, 0, sizeof(sg->config));
	put(config + PCI_VENDOR_ID, 2, PCI_VENDOR_ID_INTEL);
	put(config + PCI_DEVICE_ID, 2, SG_PCI_DEVICE_ID);
	put(config + PCI_STATUS, 2, PCI_STATUS_FAST_BACK);
	put(config + PCI_CLASS_REVISION, 4, PCI_CLASS_DISPLAY_VGA << 16 | SG_PCI_REVISION);
	put(config + PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_NORMAL);
	put(config + PCI_SUBSYSTEM_VENDOR_ID, 2, PCI_VENDOR_ID_INTEL);
	put(config + PCI_SUBSYSTEM_ID, 2, SG_PCI_DEVICE_ID);

	put(sg->writable + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
	    PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	put(sg->writable + PCI_CACHE_LINE_SIZE, 1, 0xff);
	put(sg->writable + PCI_INTERRUPT_LINE, 1, 0xff);

	put_bar(sg, SG_BAR_REGISTERS, 0, REGISTERS_SIZE);
	put_bar(sg, SG_BAR_APERTURE, PCI_BASE_ADDRESS_MEM_PREFETCH, sg->aperture_size);
	raw_spin_unlock_irqrestore(&sg->lock, irqflags);
}

static struct sg_bus *bus_to_sg(struct pci_bus *bus)
{
	return pci_host_bridge_priv(pci_find_host_bridge(bus));
}

/* The PCI core has checked that @where is a multiple of @size, which is 1, 2 or 4. */
static int config_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *val)
{
	struct sg_bus *sg = bus_to_sg(bus);
	unsigned long irqflags;
	u32 v = 0;
	int i;

	if (devfn != SLOT || where + size > sizeof(sg->config)) {
		PCI_SET_ERROR_RESPONSE(val);
		return PCIBIOS_DEVICE_NOT_FOUND;
	}

	raw_spin_lock_irqsave(&sg->lock, irqflags);
	for (i = 0; i < size; i++)
		v |= (u32)sg->config[where + i] << 8 * i;
	raw_spin_unlock_irqrestore(&sg->lock, irqflags);

	*val = v;
	return PCIBIOS_SUCCESSFUL;
}

static int config_write(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 val)
{
	struct sg_bus *sg = bus_to_sg(bus);
	unsigned long irqflags;
	int i;

	if (devfn != SLOT || where + size > sizeof(sg->config))
		return PCIBIOS_DEVICE_NOT_FOUND;

	raw_spin_lock_irqsave(&sg->lock, irqflags);
	for (i = where; i < where + size; i++, val >>= 8)
		sg->config[i] = (sg->config[i] & ~sg->writable[i]) | (val & sg->writable[i]);
	raw_spin_unlock_irqrestore(&sg->lock, irqflags);

	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops bus_ops = {
	.read = config_read,
	.write = config_write,
};

/** sg_bus_has() - whether a PCI device is the one on this bus; any context. */
bool sg_bus_has(const struct pci_dev *pdev)
{
	return pdev->bus->ops == &bus_ops;
}

/*
 * Called whenever the device comes or goes: on sg_bus_create(), but also when somebody removes it
 * through sysfs and lets the PCI core find it again. A device that is being added cannot be bound
 * before this has returned.
 */
static int bus_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct sg_bus *sg;

	if (!sg_bus_has(pdev))
		return NOTIFY_DONE;
	sg = bus_to_sg(pdev->bus);

	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		sg->add_err = sg_set_driver_override(pdev, SG_PCI_DRIVER_NAME);
		if (sg->add_err)
			pci_err(pdev, "cannot keep other drivers off: %d\n", sg->add_err);
		/*
		 * By its class it could have the VGA's ports and frame buffer. It has not; without
		 * this, real graphics cards on the machine would begin to share them with it.
		 */
		vga_set_legacy_decoding(pdev, VGA_RSRC_NONE);
		break;
	case BUS_NOTIFY_REMOVED_DEVICE:
		/* What has been taken out comes back without a past. */
		reset_config(sg);
		break;
	}

	return NOTIFY_OK;
}

static struct notifier_block bus_nb = { .notifier_call = bus_notify };

/*
 * A domain that has no bus: not the firmware's, nor another virtual bridge's. Bridges come and go
 * under pci_lock_rescan_remove(), which the caller holds.
 */
static int find_domain(void)
{
	struct pci_bus *bus;
	int domain;

	for (domain = 1; domain <= MAX_DOMAIN; domain++) {
		bus = NULL;
		do {
			bus = pci_find_next_bus(bus);
		} while (bus && pci_domain_nr(bus) != domain);
		if (!bus)
			return domain;
	}
	return -EBUSY;
}

/* All that depends on the architecture. */
static void set_domain(struct pci_host_bridge *bridge, int domain)
{
	struct sg_bus *sg = pci_host_bridge_priv(bridge);

#ifdef CONFIG_X86
	sg->sysdata.domain = domain;
	sg->sysdata.node = NUMA_NO_NODE;
#else
	/* Nobody reads it but arm64, which finds that the bridge has no parent in ACPI's tables. */
	bridge->domain_nr = domain;
#endif
	bridge->sysdata = &sg->sysdata;
}

/*
 * Claims the physical addresses that the BARs are going to have: as far up as possible, clear of
 * memory that may be plugged in later and of what firmware has not told about, and at worst
 * wherever there is room.
 *
 * No memory or device answers at these addresses: on a real machine reads give ones, or a bus
 * error. So the range is claimed as one that a driver is using (BUSY) and that is nobody else's
 * business (EXCLUSIVE). That makes the kernel refuse to map the BARs, through sysfs' resource0 and
 * resource2, /proc/bus/pci or /dev/mem, and it makes pci_request_regions() fail, for VFIO for
 * instance. (All that with CONFIG_STRICT_DEVMEM and without iomem=relaxed on the command line;
 * otherwise root has the whole of the physical address space anyway.) Reading the BARs' addresses
 * and sizes is not affected.
 */
static int claim_window(struct sg_bus *sg)
{
	u64 limit = min_t(u64, iomem_resource.end, (1ull << MAX_PHYSMEM_BITS) - 1);
	resource_size_t align = max_t(resource_size_t, sg->aperture_size, REGISTERS_SIZE);
	resource_size_t size = sg->aperture_size + REGISTERS_SIZE;
	u64 floor;

	sg->window.name = "softgem";
	sg->window.flags = IORESOURCE_MEM | IORESOURCE_WINDOW |
			   IORESOURCE_BUSY | IORESOURCE_EXCLUSIVE;

	for (floor = limit / 2 + 1; floor >= SZ_1M; floor /= 2)
		if (!allocate_resource(&iomem_resource, &sg->window, size, floor, limit, align,
				       NULL, NULL))
			return 0;

	pr_err("softgem: no %pa bytes of physical address space for the BARs\n", &size);
	return -ENOSPC;
}

/* Takes the bus out of the system: what pci_scan_root_bus_bridge() put there, and what it found. */
static void remove_bus(struct pci_bus *bus)
{
	pci_stop_root_bus(bus);
	pci_remove_root_bus(bus);
}

/* Finds the device, gives it its addresses and hands it to its driver. */
static int scan_bus(struct pci_host_bridge *bridge)
{
	struct sg_bus *sg = pci_host_bridge_priv(bridge);
	struct pci_dev *pdev;
	int domain, err;

	domain = find_domain();
	if (domain < 0)
		return domain;
	set_domain(bridge, domain);

	err = pci_scan_root_bus_bridge(bridge);
	if (err)
		return err;

	pci_bus_assign_resources(bridge->bus);

	err = -ENODEV;
	pdev = pci_get_slot(bridge->bus, SLOT);
	if (!pdev)
		goto err_remove;

	err = sg->add_err;
	if (err)
		goto err_remove;

	err = -ENOSPC;
	if (!pdev->resource[SG_BAR_REGISTERS].parent || !pdev->resource[SG_BAR_APERTURE].parent)
		goto err_remove;

	pci_dev_put(pdev);
	pci_bus_add_devices(bridge->bus);
	return 0;

err_remove:
	pci_dev_put(pdev);
	remove_bus(bridge->bus);
	return err;
}

/**
 * sg_bus_create() - puts the PCI device into the system.
 * @aperture_size: bytes of BAR2: a power of two, at least 1 MiB
 *
 * The pci_driver called SG_PCI_DRIVER_NAME must have been registered: its probe function is called
 * from here, and no other driver's is. Whether it liked the device is not reported, as it is not
 * for any PCI device.
 *
 * Context: process, with none of the driver's locks held; takes the lock that serializes changes
 * of the PCI device tree, and calls the driver's probe function under it.
 * Return: 0, or: -EINVAL @aperture_size is impossible, -EEXIST the device is there already, -ENOSPC
 * there is no room in the physical address space, -EBUSY there is no PCI domain left, -ENODEV the
 * PCI core did not take the device, -ENOMEM.
 */
int sg_bus_create(resource_size_t aperture_size)
{
	struct pci_host_bridge *bridge;
	struct sg_bus *sg;
	int err;

	if (!is_power_of_2(aperture_size) || aperture_size < SZ_1M)
		return -EINVAL;
	if (the_bridge)
		return -EEXIST;

	bridge = pci_alloc_host_bridge(sizeof(*sg));
	if (!bridge)
		return -ENOMEM;

	sg = pci_host_bridge_priv(bridge);
	raw_spin_lock_init(&sg->lock);
	sg->aperture_size = aperture_size;
	reset_config(sg);

	err = claim_window(sg);
	if (err)
		goto err_bridge;

	sg->busn.name = "softgem";
	sg->busn.flags = IORESOURCE_BUS;
	bridge->ops = &bus_ops;
	pci_add_resource(&bridge->windows, &sg->busn);
	pci_add_resource(&bridge->windows, &sg->window);

	err = bus_register_notifier(&pci_bus_type, &bus_nb);
	if (err)
		goto err_window;

	pci_lock_rescan_remove();
	err = scan_bus(bridge);
	pci_unlock_rescan_remove();
	if (err)
		goto err_notifier;

	the_bridge = bridge;
	return 0;

err_notifier:
	bus_unregister_notifier(&pci_bus_type, &bus_nb);
err_window:
	release_resource(&sg->window);
err_bridge:
	pci_free_host_bridge(bridge);
	return err;
}

/**
 * sg_bus_destroy() - takes the PCI device out of the system.
 *
 * The driver's remove function has been called when this returns, unless the device was removed or
 * unbound before, by whoever has access to sysfs. Does nothing if there is no bus.
 *
 * Context: as for sg_bus_create().
 */
void sg_bus_destroy(void)
{
	struct pci_host_bridge *bridge = the_bridge;
	struct sg_bus *sg;

	if (!bridge)
		return;

	the_bridge = NULL;
	sg = pci_host_bridge_priv(bridge);

	pci_lock_rescan_remove();
	remove_bus(bridge->bus);
	pci_unlock_rescan_remove();

	bus_unregister_notifier(&pci_bus_type, &bus_nb);
	release_resource(&sg->window);
	pci_free_host_bridge(bridge);
}
