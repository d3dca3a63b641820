// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The error state: which memory a hang leaves behind in it, whose, and for how long.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Command type 7 exists on no engine: it ends its batch at once. */
#define NO_COMMAND	0xffffffffu

#define NOTHING		"No error state collected\n"

static int open_error(int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/drm/card%d/error", gem_card_minor());
	fd = open(path, flags);
	CHECK_SYS(fd);
	return fd;
}

static void clear_error(void)
{
	int fd = open_error(O_WRONLY);

	CHECK_INT(write(fd, "x", 1), 1);
	close(fd);
}

/* The whole text, read @step bytes at a time. */
static char *read_error(size_t step)
{
	size_t room = 1 << 16, n = 0;
	char *text = malloc(room);
	int fd = open_error(O_RDONLY);
	ssize_t ret;

	do {
		if (room - n <= step)
			text = realloc(text, room *= 2);
		ret = read(fd, text + n, step);
		CHECK_SYS(ret);
		n += ret;
	} while (ret);
	close(fd);
	text[n] = 0;
	return text;
}

/* Decode ASCII 85 until something else comes. Return: dwords. */
static size_t decode(const char *text, uint32_t *data, size_t room)
{
	size_t n = 0;

	while ((*text >= '!' && *text <= 'u') || *text == 'z') {
		uint32_t value = 0;

		CHECK(n < room);
		if (*text == 'z') {
			text++;
		} else {
			for (int i = 0; i < 5; i++)
				value = value * 85 + (*text++ - '!');
		}
		data[n++] = value;
	}
	return n;
}

/* The memory at @address in an error state. Return: bytes, 0 if it is not there. */
static size_t find_block(const char *error, const char *name, uint64_t address, void *data,
			 size_t room)
{
	char line[80];
	const char *at;

	snprintf(line, sizeof(line), " --- %s = 0x%08x %08x\n~", name, (uint32_t)(address >> 32),
		 (uint32_t)address);
	at = strstr(error, line);
	return at ? 4 * decode(at + strlen(line), data, room / 4) : 0;
}

/* A batch that fails, with @count objects to be captured, of @size bytes each. */
static struct batch hang(int fd, uint32_t ctx, const uint32_t *handles, unsigned int count)
{
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	for (unsigned int i = 0; i < count; i++)
		batch_obj(&b, handles[i], EXEC_OBJECT_CAPTURE);
	batch_dw(&b, NO_COMMAND);
	batch_submit(&b);
	CHECK(fence_signalled(b.rsvd2 >> 32, 10000));
	CHECK_RET(fence_status(b.rsvd2 >> 32), -EIO);
	return b;
}

static void says_nothing(void)
{
	char *text;

	clear_error();
	text = read_error(4096);
	CHECK(!strcmp(text, NOTHING));
}

#define SIZE	(5 * PAGE)

static void captures(void)
{
	static uint32_t data[SIZE / 4], seen[SIZE / 4], batch[BATCH_DWORDS];
	int fd = gem_open(), value;
	uint32_t handles[3];
	struct batch b;
	char *text;

	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_EXEC_CAPTURE, &value), 0);
	CHECK_INT(value, 1);
	/* One full, one empty, one with an empty page in the middle and at the end. */
	for (int i = 0; i < 3; i++)
		handles[i] = gem_create(fd, SIZE);
	fill(data, SIZE, 7);
	gem_write(fd, handles[0], 0, data, SIZE);
	gem_write(fd, handles[2], 0, data, PAGE);
	gem_write(fd, handles[2], 2 * PAGE, data + 2 * PAGE / 4, PAGE);
	clear_error();
	b = hang(fd, 0, handles, 3);
	text = read_error(4096);

	CHECK(strstr(text, "rcs0 command stream:"));
	CHECK_INT(find_block(text, "user", batch_address(handles[0]), seen, SIZE), SIZE);
	CHECK_MEM(seen, data, SIZE);
	CHECK_INT(find_block(text, "user", batch_address(handles[1]), seen, SIZE), SIZE);
	memset(data, 0, SIZE);
	CHECK_MEM(seen, data, SIZE);
	fill(data, SIZE, 7);
	memset(data + PAGE / 4, 0, PAGE);
	memset(data + 3 * PAGE / 4, 0, 2 * PAGE);
	CHECK_INT(find_block(text, "user", batch_address(handles[2]), seen, SIZE), SIZE);
	CHECK_MEM(seen, data, SIZE);
	CHECK_INT(find_block(text, "batch", b.address, batch, sizeof(batch)), sizeof(batch));
	CHECK_HEX(batch[0], NO_COMMAND);
	clear_error();
}

static void captures_userptr(void)
{
	static uint32_t data[PAGE / 4] __attribute__((aligned(PAGE))), seen[PAGE / 4];
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, data, PAGE, 0);
	char *text;

	fill(data, PAGE, 3);
	clear_error();
	hang(fd, 0, &handle, 1);
	text = read_error(4096);
	CHECK_INT(find_block(text, "user", batch_address(handle), seen, PAGE), PAGE);
	CHECK_MEM(seen, data, PAGE);
	clear_error();
}

static void only_what_is_marked(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct batch b;

	clear_error();
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_obj(&b, handle, 0);
	batch_dw(&b, NO_COMMAND);
	batch_submit(&b);
	gem_sync(fd, b.handle);
	CHECK(!strstr(read_error(4096), "--- user"));
	clear_error();
}

static void first_stays(void)
{
	int fd = gem_open();
	uint32_t handles[2] = { gem_create(fd, PAGE), gem_create(fd, PAGE) };
	char *first, *second;

	clear_error();
	hang(fd, 0, &handles[0], 1);
	first = read_error(4096);
	hang(fd, 0, &handles[1], 1);
	second = read_error(4096);
	CHECK(!strcmp(first, second));
	clear_error();
	/* A context may ask not to be seen. */
	CHECK_RET(try_context_set(fd, 0, I915_CONTEXT_PARAM_BANNABLE, 0, 0), 0);
	CHECK_RET(try_context_set(fd, 0, I915_CONTEXT_PARAM_NO_ERROR_CAPTURE, 1, 0), 0);
	hang(fd, 0, &handles[1], 1);
	CHECK(!strcmp(read_error(4096), NOTHING));
}

static void read_in_parts(void)
{
	int fd = gem_open(), error;
	uint32_t handle = gem_create(fd, SIZE);
	static uint32_t data[SIZE / 4];
	char *whole, part[100];
	size_t length;

	fill(data, SIZE / 2, 9);
	gem_write(fd, handle, PAGE, data, SIZE / 2);
	clear_error();
	hang(fd, 0, &handle, 1);
	whole = read_error(4096);
	length = strlen(whole);
	CHECK(length > SIZE / 2);
	CHECK(!strcmp(whole, read_error(1000)));
	CHECK(!strcmp(whole, read_error(7)));
	/* Here and there, backwards. */
	error = open_error(O_RDONLY);
	for (size_t at = length; at > 1117; at -= 1117) {
		ssize_t n = pread(error, part, sizeof(part), at);

		CHECK_INT(n, length - at < sizeof(part) ? length - at : sizeof(part));
		CHECK_MEM(part, whole + at, n);
	}
	close(error);
	clear_error();
}

static void by_hand(void)
{
	char *text;

	clear_error();
	gem_set_debugfs("i915_wedged", "1");
	text = read_error(4096);
	CHECK(strstr(text, "by hand"));
	clear_error();
	CHECK(!strcmp(read_error(4096), NOTHING));
}

static const struct subtest tests[] = {
	{ "without a hang there is no error state, and it says so", says_nothing },
	{ "a hang leaves its batch and the objects marked with EXEC_OBJECT_CAPTURE", captures },
	{ "user pages can be captured", captures_userptr },
	{ "objects that are not marked are not captured", only_what_is_marked },
	{ "the first error state stays until it is cleared; a context may leave none", first_stays },
	{ "an error state reads the same in whatever parts", read_in_parts },
	{ "a reset by hand leaves an error state", by_hand },
};

TAP_MAIN(tests)
