/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of the tests need of the kernel's BPF interface. On its own, not with ringtap's kernel.h: these
 * are a user's programs, and their bytes change with nothing but these files.
 */
#ifndef RINGTAP_TEST_PROGRAM_H
#define RINGTAP_TEST_PROGRAM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __noinline __attribute__((noinline))
#define __ksym __attribute__((section(".ksyms")))

#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PERCPU_HASH = 5,
	MAP_PERCPU_ARRAY = 6,
	MAP_LRU_HASH = 9,
	MAP_RINGBUF = 27,
};

/* The beginning of what a program sees of a packet. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
};

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const load_bytes)(const void *skb, u32 offset, void *to, u32 bytes) = (void *)26;
static long (*const ringbuf_output)(void *ring, const void *data, u64 bytes, u64 flags) = (void *)130;
static long (*const loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

char program_license[] SEC("license") = "GPL";

#endif
