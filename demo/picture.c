// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The picture to use where none is given: mountains at a lake, at dusk. */
#include <math.h>

#include "demo.h"

#define WIDTH	480
#define HEIGHT	320
#define HORIZON	212	/* rows from the top; below is the lake */
#define SUN_X	318
#define SUN_Y	96

struct color {
	double r, g, b;
};

static struct color mix(struct color a, struct color b, double t)
{
	t = fmin(fmax(t, 0), 1);
	a.r += (b.r - a.r) * t;
	a.g += (b.g - a.g) * t;
	a.b += (b.b - a.b) * t;
	return a;
}

static uint32_t pack(struct color c)
{
	return 0xff000000 | (uint32_t)lround(fmin(c.r, 255)) << 16 |
	       (uint32_t)lround(fmin(c.g, 255)) << 8 | (uint32_t)lround(fmin(c.b, 255));
}

static uint32_t noise(uint32_t x, uint32_t y)
{
	uint32_t n = x * 374761393u + y * 668265263u;

	n = (n ^ n >> 13) * 1274126177u;
	return n ^ n >> 16;
}

/* The upper edge of the mountains of a range, the farthest being number 0. */
static double ridge(int range, double x)
{
	static const double height[] = { 150, 176, 198 }, scale[] = { 1.0, 0.8, 0.55 };
	double y = 0, size = 26;
	int i;

	for (i = 0; i < 5; i++, size /= 2)
		y += size * fabs(sin((x * 0.011 + range * 1.7) * (1 << i) * 0.7 + i * 2.3 + range));
	return height[range] - (y - 24) * scale[range];
}

/* What one sees looking up from the horizon. */
static struct color view(double x, double y)
{
	static const struct color zenith = { 22, 24, 66 }, dusk = { 196, 84, 110 },
				  glow = { 255, 190, 110 }, sun = { 255, 240, 200 },
				  far = { 128, 84, 128 }, near = { 22, 20, 40 };
	double d = hypot(x - SUN_X, y - SUN_Y);
	struct color c;
	int range;

	for (range = 2; range >= 0; range--)
		if (y > ridge(range, x))
			return mix(mix(far, near, range / 2.0), glow,
				   0.35 * exp(-d / 70) * (1 - range / 3.0));

	c = mix(zenith, dusk, pow(fmax(y, 0) / HORIZON, 1.2) * 1.3);
	c = mix(c, glow, 0.9 * exp(-d / 60));
	c = mix(c, sun, 24.5 - d);
	if (noise(x, y) % 400 == 0 && y < 110)
		c = mix(c, sun, (noise(y, x) % 100) / 100.0 * (1 - y / 110));
	return c;
}

/**
 * picture_generate() - draws the picture.
 * @img: filled in
 */
void picture_generate(struct image *img)
{
	static const struct color water = { 16, 28, 60 };
	int x, y;

	image_alloc(img, WIDTH, HEIGHT);
	for (y = 0; y < HEIGHT; y++) {
		for (x = 0; x < WIDTH; x++) {
			double depth = y - HORIZON, wave;
			struct color c;

			if (depth < 0) {
				c = view(x, y);
			} else {
				wave = sin(0.04 * x + 160 / (depth + 6) * 3) *
				       sin(0.013 * x - depth * 0.9) * depth * 0.06;
				c = mix(view(x + 2 * wave, HORIZON - 1.9 * depth + wave), water,
					0.25 + depth / 260);
			}
			img->pixels[y * WIDTH + x] = pack(c);
		}
	}
}
