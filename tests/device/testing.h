/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* cmocka, with what has to be included before it. */
#ifndef SOFTGEM_TESTS_TESTING_H
#define SOFTGEM_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
