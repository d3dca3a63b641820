// SPDX-License-Identifier: GPL-2.0 OR MIT
/* PNG files, through libpng's simplified interface: it converts from whatever the file has. */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "demo.h"

/**
 * png_load() - reads a picture, or ends the program with a message.
 * @img: filled in
 * @file: its name: any kind of PNG, of a size that the demo can make something of
 */
void png_load(struct image *img, const char *file)
{
	png_image png = { .version = PNG_IMAGE_VERSION };
	struct image size = { 0 };
	struct stat st;
	int width, height;

	/* libpng would say less about it. */
	if (stat(file, &st))
		die("%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s: not a file", file);

	if (!png_image_begin_read_from_file(&png, file))
		die("%s: cannot be read as PNG: %s", file, png.message);

	size.width = png.width;
	size.height = png.height;
	if (png.width > MAX_WIDTH || png.height > MAX_HEIGHT ||
	    !canvas_size(&size, &width, &height))
		die("%s: %u x %u pixels; at most 16 million, 8000 across, 16000 down can be used",
		    file, png.width, png.height);

	image_alloc(img, png.width, png.height);
	png.format = PNG_FORMAT_BGRA;
	if (!png_image_finish_read(&png, NULL, img->pixels, image_pitch(img), NULL))
		die("%s: cannot be read as PNG: %s", file, png.message);
}

/**
 * png_save() - writes a picture, or ends the program with a message.
 * @img: what to write
 * @file: its name. Either the whole picture comes to be there, or nothing changes.
 */
void png_save(const struct image *img, const char *file)
{
	png_image png = {
		.version = PNG_IMAGE_VERSION,
		.width = img->width,
		.height = img->height,
		.format = PNG_FORMAT_BGRA,
	};
	char tmp[4096];

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", file) >= (int)sizeof(tmp))
		die("%s: %s", file, strerror(ENAMETOOLONG));
	if (img->bytes > 16 << 20)
		png.flags = PNG_IMAGE_FLAG_FAST;
	if (!png_image_write_to_file(&png, tmp, 0, img->pixels, image_pitch(img), NULL)) {
		remove(tmp);
		die("%s: %s", file, png.message);
	}
	if (rename(tmp, file)) {
		int err = errno;

		remove(tmp);
		die("%s: %s", file, strerror(err));
	}
}
