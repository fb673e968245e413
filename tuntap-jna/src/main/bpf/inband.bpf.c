/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash in band: a program at the TAP's TC egress hook hashes each packet once, writes hash and report in front of
 * the frame, and chooses the queue; the steering program (TUNSETSTEERINGEBPF) hands that choice on. Value and packet
 * cannot part on the way, whatever is dropped or sent at the same time. docs/hash-sources.md.
 */
#include "rss.h"

#define PREFIX_TYPE 0x88b5 /* IEEE 802, local experimental: nobody else's */

/* Bits of inband_config.prefix. */
enum {
	PREFIX_ON = 1 << 0,
	/*
	 * Not in front of a frame that is still to be cut into segments: set while the TAP leaves checksums to the kernel,
	 * which then drops such UDP frames if something stands in front of them.
	 */
	PREFIX_NOT_SEGMENTED = 1 << 1,
};

/* Bits of prefix.flags. */
enum { QUEUE_CHOSEN = 1 << 0 };

/*
 * One complete configuration: the single value of an inner map. InBandLayout.java writes it. The nonce is the same in
 * all configurations of a process.
 */
struct inband_config {
	u64 nonce;
	u32 prefix;
	u32 reserved;
	struct steering_config steering;
};

/* What stands in front of the frame, its type where a frame has its own. InBandPrefix.java reads it. */
struct prefix {
	u64 nonce;
	u8 hash[4]; /* little-endian */
	u16 type;   /* big-endian */
	u8 report;
	u8 flags;
};

/* Sizes, not types: clang keeps only a forward declaration of a structure this deep inside a map definition. */
struct ringtap_config {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct inband_config));
};

/*
 * One slot that points at the configuration in force, for both programs. A new configuration is a new inner map, filled
 * before it is put here, so a packet sees all of the old one or all of the new one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct ringtap_config);
} ringtap_inband SEC(".maps");

static __always_inline const struct inband_config *configuration(void)
{
	u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&ringtap_inband, &zero);
	return inner ? bpf_map_lookup_elem(inner, &zero) : 0;
}

SEC("tc")
int ringtap_prefix(struct __sk_buff *skb)
{
	const struct inband_config *c = configuration();
	if (!c || !(c->prefix & PREFIX_ON))
		return TC_ACT_UNSPEC;
	if (c->prefix & PREFIX_NOT_SEGMENTED && skb->gso_size)
		return TC_ACT_UNSPEC;

	u32 hash = 0;
	u32 report = rss_hash(skb, &c->steering, &hash);
	if (report == REPORT_NONE)
		hash = 0;
	/* Refused for a frame over 16 KB that is not to be cut into segments: it goes without, and is hashed at its reader. */
	if (bpf_skb_change_head(skb, sizeof(struct prefix), 0) < 0)
		return TC_ACT_UNSPEC;

	struct prefix p = {
		.nonce = c->nonce,
		.hash = {hash, hash >> 8, hash >> 16, hash >> 24},
		.type = BE16(PREFIX_TYPE),
		.report = report,
	};
	if (c->steering.mode == MODE_RSS) {
		p.flags = QUEUE_CHOSEN;
		skb->queue_mapping = rss_queue(&c->steering, report, hash);
	}
	/* Sixteen bytes of nothing must not pass for the beginning of a frame. */
	if (bpf_skb_store_bytes(skb, 0, &p, sizeof(p), 0) < 0)
		return TC_ACT_SHOT;
	/* Last: what changes a packet forgets its hash. */
	bpf_set_hash(skb, hash);
	return TC_ACT_UNSPEC;
}

SEC("socket")
int ringtap_steer_prefixed(struct __sk_buff *skb)
{
	const struct inband_config *c = configuration();
	if (!c)
		return 0;

	/*
	 * Asked of the packet, not of the configuration, which may have changed since the packet got its prefix. Without
	 * one it went past the TC hook, or is too long for it.
	 */
	struct prefix p;
	if (bpf_skb_load_bytes(skb, 0, &p, sizeof(p)) == 0 && p.nonce == c->nonce && p.type == BE16(PREFIX_TYPE))
		return p.flags & QUEUE_CHOSEN ? skb->queue_mapping : c->steering.unclassified_queue;

	u32 hash = 0;
	if (c->steering.mode != MODE_RSS)
		return c->steering.unclassified_queue;
	u32 report = rss_hash(skb, &c->steering, &hash);
	return rss_queue(&c->steering, report, hash);
}

char program_license[] SEC("license") = "Apache-2.0";
