// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The bodies of the tracepoints: see trace.h. */
#define CREATE_TRACE_POINTS
#include "trace.h"
