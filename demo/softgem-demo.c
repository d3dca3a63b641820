// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The demo: a picture in ordinary malloc'd memory of a process is drawn from, by the GPU, into
 * other ordinary malloc'd memory. Nothing is copied to the GPU or back: it is handed the memory
 * itself (userptr). Then the same is done the other way, with buffers of the GPU that the picture
 * is written to and the result read from, to compare; and by the CPU alone, to see that it is
 * right.
 *
 * All that is said to the driver is said by libdrm_intel.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <i915_drm.h>
#include <xf86drm.h>

#include "demo.h"

#define DEVICE_ID	0x1912	/* what the commands in blit.c are for */
#define ROUNDS		5	/* the best of these counts: other things go on, too */
#define ENOUGH_MS	3000	/* but no further round after that time */

static const char usage[] =
	"usage: softgem-demo [-o DIRECTORY] [IMAGE.png]\n"
	"       softgem-demo -c IMAGE.png\n"
	"Draws from a picture (its own, if none is given) with the GPU, and writes what comes out to\n"
	"DIRECTORY/demo.png (out/demo/demo.png).  -c only checks that the picture can be used.\n";

void die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("softgem-demo: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void image_alloc(struct image *img, int width, int height)
{
	size_t page = sysconf(_SC_PAGESIZE);

	img->width = width;
	img->height = height;
	img->bytes = ((size_t)width * height * 4 + page - 1) / page * page;
	img->pixels = aligned_alloc(page, img->bytes);
	if (!img->pixels)
		die("no memory for %d x %d pixels", width, height);
}

void image_free(struct image *img)
{
	free(img->pixels);
	img->pixels = NULL;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Makes the directory, and those above it. */
static void make_directory(const char *dir)
{
	char path[4096], *p;

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		die("%s: %s", dir, strerror(ENAMETOOLONG));
	for (p = path + 1; ; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0777) && errno != EEXIST)
			die("%s: %s", path, strerror(errno));
		*p = c;
		if (!c)
			break;
	}
}

static void print_gpu(drmDevicePtr dev, drmVersionPtr version)
{
	printf("GPU            PCI %04x:%02x:%02x.%d, %04x:%04x, %s, driver %s %d.%d.%d\n",
	       dev->businfo.pci->domain, dev->businfo.pci->bus,
	       dev->businfo.pci->dev, dev->businfo.pci->func,
	       dev->deviceinfo.pci->vendor_id, dev->deviceinfo.pci->device_id,
	       dev->nodes[DRM_NODE_RENDER], version->name, version->version_major,
	       version->version_minor, version->version_patchlevel);
}

/* A file descriptor of the GPU, which is told about. */
static int open_gpu(void)
{
	drmDevicePtr dev[64];
	int n = drmGetDevices2(0, dev, 64), i, fd = -1;

	for (i = 0; i < n && fd < 0; i++) {
		drmVersionPtr version;

		if (dev[i]->bustype != DRM_BUS_PCI ||
		    !(dev[i]->available_nodes & 1 << DRM_NODE_RENDER) ||
		    dev[i]->deviceinfo.pci->vendor_id != 0x8086 ||
		    dev[i]->deviceinfo.pci->device_id != DEVICE_ID)
			continue;

		fd = open(dev[i]->nodes[DRM_NODE_RENDER], O_RDWR | O_CLOEXEC);
		version = fd < 0 ? NULL : drmGetVersion(fd);
		if (!version || strcmp(version->name, "i915")) {
			if (fd >= 0)
				close(fd);
			fd = -1;
		} else {
			print_gpu(dev[i], version);
		}
		drmFreeVersion(version);
	}
	if (n > 0)
		drmFreeDevices(dev, n);
	if (fd < 0)
		die("there is no GPU 8086:%04x with an i915 driver; is softgem.ko loaded?",
		    DEVICE_ID);
	return fd;
}

static drm_intel_bo *hand_over(drm_intel_bufmgr *bufmgr, const char *name, struct image *img)
{
	drm_intel_bo *bo = drm_intel_bo_alloc_userptr(bufmgr, name, img->pixels, I915_TILING_NONE,
						      0, img->bytes, 0);

	if (!bo)
		die("the GPU does not take the memory of the %s: %s", name, strerror(errno));
	drm_intel_bo_use_48b_address_range(bo, 1);
	return bo;
}

/* Draws with the memory of the process itself. Returns milliseconds. */
static double draw_userptr(drm_intel_bufmgr *bufmgr, const struct ops *ops,
			   struct image *picture, struct image *canvas, struct blit_stats *stats)
{
	double start = now_ms(), time;
	drm_intel_bo *from = hand_over(bufmgr, "picture", picture);
	drm_intel_bo *to = hand_over(bufmgr, "canvas", canvas);

	blit_run(bufmgr, ops, from, image_pitch(picture), to, image_pitch(canvas), stats);
	time = now_ms() - start;

	drm_intel_bo_unreference(from);
	drm_intel_bo_unreference(to);
	return time;
}

/* Draws with buffers of the GPU, copying to and from them. Returns milliseconds. */
static double draw_copying(drm_intel_bufmgr *bufmgr, const struct ops *ops,
			   const struct image *picture, struct image *canvas,
			   struct blit_stats *stats)
{
	double start = now_ms(), time;
	drm_intel_bo *from = drm_intel_bo_alloc(bufmgr, "picture", picture->bytes, 4096);
	drm_intel_bo *to = drm_intel_bo_alloc(bufmgr, "canvas", canvas->bytes, 4096);
	int err;

	if (!from || !to)
		die("no buffers of the GPU for the comparison");

	err = drm_intel_bo_subdata(from, 0, image_pitch(picture) * picture->height,
				   picture->pixels);
	if (err)
		die("writing to a buffer of the GPU: %s", strerror(abs(err)));
	blit_run(bufmgr, ops, from, image_pitch(picture), to, image_pitch(canvas), stats);
	err = drm_intel_bo_get_subdata(to, 0, image_pitch(canvas) * canvas->height,
				       canvas->pixels);
	if (err)
		die("reading from a buffer of the GPU: %s", strerror(abs(err)));
	time = now_ms() - start;

	drm_intel_bo_unreference(from);
	drm_intel_bo_unreference(to);
	return time;
}

static void compare(const struct image *a, const struct image *b, const char *what)
{
	size_t n = (size_t)a->width * a->height, i;

	for (i = 0; i < n; i++)
		if (a->pixels[i] != b->pixels[i])
			die("WRONG: pixel %zu,%zu is %08x by userptr, but %08x by %s",
			    i % a->width, i / a->width, a->pixels[i], b->pixels[i], what);
}

int main(int argc, char **argv)
{
	struct image picture, canvas, other;
	struct blit_stats stats = { 0 }, other_stats = { 0 };
	const char *out = "out/demo", *file;
	drm_intel_bufmgr *bufmgr;
	bool check = false;
	char path[4096];
	struct ops ops;
	int opt, fd;
	double start, time = INFINITY, other_time = INFINITY;
	size_t size;
	int round;

	while ((opt = getopt(argc, argv, "co:h")) != -1) {
		switch (opt) {
		case 'c':
			check = true;
			break;
		case 'o':
			out = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	file = argv[optind];
	if (argc > optind + 1 || (check && !file)) {
		fputs(usage, stderr);
		return 2;
	}
	if (snprintf(path, sizeof(path), "%s/demo.png", out) >= (int)sizeof(path))
		die("%s: %s", out, strerror(ENAMETOOLONG));

	if (file)
		png_load(&picture, file);
	else
		picture_generate(&picture);
	if (check)
		return 0;

	fd = open_gpu();
	make_directory(out);
	bufmgr = drm_intel_bufmgr_gem_init(fd, BATCH_BYTES);
	if (!bufmgr)
		die("libdrm_intel does not want this GPU");

	canvas_size(&picture, &canvas.width, &canvas.height);
	image_alloc(&canvas, canvas.width, canvas.height);
	image_alloc(&other, canvas.width, canvas.height);
	compose(&ops, &picture, &canvas);
	printf("picture        %s, %d x %d, in malloc'd memory at %p\n",
	       file ? file : "generated", picture.width, picture.height, (void *)picture.pixels);
	printf("canvas         %d x %d, in malloc'd memory at %p\n",
	       canvas.width, canvas.height, (void *)canvas.pixels);

	start = now_ms();
	for (round = 0; round < ROUNDS && (!round || now_ms() < start + ENOUGH_MS); round++) {
		/* What is found there afterwards must be of this round. */
		memset(canvas.pixels, 0x55, canvas.bytes);
		memset(other.pixels, 0xaa, other.bytes);
		memset(&stats, 0, sizeof(stats));
		time = fmin(time, draw_userptr(bufmgr, &ops, &picture, &canvas, &stats));
		other_time = fmin(other_time,
				  draw_copying(bufmgr, &ops, &picture, &other, &other_stats));
	}

	size = image_pitch(&picture) * picture.height + image_pitch(&canvas) * canvas.height;
	printf("commands       %u XY_COLOR_BLT, %u XY_SRC_COPY_BLT, %u XY_SETUP_CLIP_BLT\n",
	       stats.fills, stats.copies, stats.clips);
	printf("               in batches: %u, of %zu bytes in all\n",
	       stats.batches, stats.batch_bytes);
	printf("userptr        %8.1f ms, %9u bytes of pixels copied to or from the GPU (%zu not)\n",
	       time, 0, size);
	printf("pwrite, pread  %8.1f ms, %9zu bytes of pixels copied to or from the GPU\n",
	       other_time, size);
	compare(&canvas, &other, "pwrite and pread");

	memset(other.pixels, 0, other.bytes);
	start = now_ms();
	reference_run(&ops, &picture, &other);
	printf("CPU alone      %8.1f ms\n", now_ms() - start);
	compare(&canvas, &other, "the CPU");
	printf("all three results are the same, byte for byte\n");

	png_save(&canvas, path);
	printf("written        %s\n", path);

	free(ops.op);
	image_free(&picture);
	image_free(&canvas);
	image_free(&other);
	drm_intel_bufmgr_destroy(bufmgr);
	close(fd);
	return 0;
}
