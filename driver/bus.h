/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The virtual PCI bus, and the one device on it. */
#ifndef SOFTGEM_BUS_H
#define SOFTGEM_BUS_H

#include <linux/types.h>

struct pci_dev;

/* The name of the one pci_driver that binds to the device. */
#define SG_PCI_DRIVER_NAME	"softgem"

#define SG_PCI_DEVICE_ID	0x1912	/* Skylake GT2 */
#define SG_PCI_REVISION		6

/* The BARs, by index, as on that chip. BAR1 and BAR3 are their upper halves. */
#define SG_BAR_REGISTERS	0
#define SG_BAR_APERTURE		2

int sg_bus_create(resource_size_t aperture_size);
void sg_bus_destroy(void);
bool sg_bus_has(const struct pci_dev *pdev);

#endif
