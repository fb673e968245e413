/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the kernel's BPF interface that the programs here use, written down so that an object's bytes depend on
 * the compiler and these files alone, not on which kernel headers a machine has. All of it is stable user interface.
 */
#ifndef RINGTAP_KERNEL_H
#define RINGTAP_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))

/* BTF-defined maps: the loader reads a number out of the type of an array it never sees. */
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_ARRAY_OF_MAPS = 12 };

/* What a socket filter sees of a packet. The structure goes on; its beginning never changes. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present; /* a tag that is carried beside the frame: 0 or 1 */
};

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_skb_load_bytes)(const void *skb, u32 offset, void *to, u32 bytes) = (void *)26;

#endif
