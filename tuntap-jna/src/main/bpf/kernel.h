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
#define __ksym __attribute__((section(".ksyms"))) /* a function of the kernel: resolved by name when loaded */
#define __always_inline inline __attribute__((always_inline))

/* BTF-defined maps: the loader reads a number out of the type of an array it never sees. */
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]

enum { BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_ARRAY_OF_MAPS = 12 };

/* What a program at a TC hook answers; tcx has the same numbers. */
enum { TC_ACT_UNSPEC = -1, TC_ACT_SHOT = 2 };

/* What a program sees of a packet. The structure goes on; its beginning never changes. */
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 vlan_present; /* a tag that is carried beside the frame: 0 or 1 */
	u32 vlan_tci;
	u32 vlan_proto;
	u32 priority;
	u32 ingress_ifindex;
	u32 ifindex;
	u32 tc_index;
	u32 cb[5];
	u32 hash;
	u32 tc_classid;
	u32 data;
	u32 data_end;
	u32 napi_id;
	u32 family;
	u32 remote_ip4;
	u32 local_ip4;
	u32 remote_ip6[4];
	u32 local_ip6[4];
	u32 remote_port;
	u32 local_port;
	u32 data_meta;
	u64 flow_keys;
	u64 tstamp;
	u32 wire_len;
	u32 gso_segs;
	u64 sk;
	u32 gso_size; /* since Linux 5.7 */
	u8 tstamp_type;
	u32 : 24;
	u64 hwtstamp;

	/* Proposed in 2023 for programs of the section vnet_hash, in no released kernel: docs/designs.md. */
	u32 vnet_hash_value;
	u16 vnet_hash_report;
	u16 vnet_rss_queue;
};

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_skb_store_bytes)(void *skb, u32 offset, const void *from, u32 bytes, u64 flags) = (void *)9;
static long (*const bpf_skb_load_bytes)(const void *skb, u32 offset, void *to, u32 bytes) = (void *)26;
static long (*const bpf_skb_change_head)(void *skb, u32 bytes, u64 flags) = (void *)43;
static long (*const bpf_set_hash)(void *skb, u32 hash) = (void *)48;

#endif
