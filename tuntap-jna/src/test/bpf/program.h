/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs of the tests use beyond ringtap's own: more maps, more helpers, functions of the kernel. */
#ifndef RINGTAP_TEST_PROGRAM_H
#define RINGTAP_TEST_PROGRAM_H

#include "../../main/bpf/kernel.h"

#define __noinline __attribute__((noinline))
#define __ksym __attribute__((section(".ksyms")))

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PERCPU_HASH = 5,
	MAP_PERCPU_ARRAY = 6,
	MAP_LRU_HASH = 9,
	MAP_RINGBUF = 27,
};

static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const ringbuf_output)(void *ring, const void *data, u64 bytes, u64 flags) = (void *)130;
static long (*const loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

char program_license[] SEC("license") = "GPL";

#endif
