/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hash a packet gets: docs/hash-rules.md in BPF C. One call answers with the hash and the virtio hash report.
 *
 * Cost is what shapes it. A frame of IPv4 without options or IPv6 without extension headers takes one helper call,
 * one table look-up for each byte that goes into the hash, and no loop.
 */
#ifndef RINGTAP_RSS_H
#define RINGTAP_RSS_H

#include "kernel.h"

#define TABLE_ENTRIES 512
#define HASH_INPUT 36 /* two IPv6 addresses and two ports */

/* Hash types and the report of each. VIRTIO 1.3, 5.1.6.4.3 Hash calculation for incoming packets. */
enum {
	TYPE_IPV4 = 1 << 0,
	TYPE_TCPV4 = 1 << 1,
	TYPE_UDPV4 = 1 << 2,
	TYPE_IPV6 = 1 << 3,
	TYPE_TCPV6 = 1 << 4,
	TYPE_UDPV6 = 1 << 5,
	TYPE_IP_EX = 1 << 6,
	TYPE_TCP_EX = 1 << 7,
	TYPE_UDP_EX = 1 << 8,
};

enum {
	REPORT_NONE,
	REPORT_IPV4,
	REPORT_TCPV4,
	REPORT_UDPV4,
	REPORT_IPV6,
	REPORT_TCPV6,
	REPORT_UDPV6,
	REPORT_IPV6_EX,
	REPORT_TCPV6_EX,
	REPORT_UDPV6_EX,
};

enum { MODE_CONSTANT, MODE_RSS, MODE_HASH_ONLY };

/*
 * One complete configuration: the single value of an inner map. SteeringLayout.java writes it.
 *
 * toeplitz[i][v] is the Toeplitz hash of the 36-byte input that is zero but for byte i, which is v. The hash is linear
 * over XOR, so the hash of any input is the XOR of one entry for each of its bytes.
 *
 * `zero` is always 0, which the verifier cannot know: see walk_extensions.
 */
struct steering_config {
	u32 mode;
	u32 hash_types;
	u32 zero;
	u16 table_mask;
	u16 unclassified_queue;
	u16 table[TABLE_ENTRIES];
	u32 toeplitz[HASH_INPUT][256];
};

#define EXTENSION_HEADERS_MAX 12
#define OPTIONS_MAX 32

#define ETHERNET_HEADER 14
#define VLAN_TAG 4
#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8

#define BE16(value) ((u16)((value) >> 8 | ((value)&0xff) << 8))

enum { PROTO_TCP = 6, PROTO_UDP = 17, NO_TRANSPORT = 59 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION_OPTIONS = 60 };
enum { ROUTING_TYPE_2 = 2, OPTION_PAD1 = 0, OPTION_HOME_ADDRESS = 0xc9 };

/*
 * The beginning of the frame, with the network header at a multiple of 8, since the verifier wants aligned reads of
 * the stack. In both protocols the two addresses stand together; ports that do not follow them directly in the frame
 * are put there, so the bytes to hash are always in one piece.
 */
struct headers {
	u8 align[2];
	u8 mac[12];
	u16 type;
	union {
		u8 net[44];
		u16 net16[22];
	};
	u8 beyond[4];
};

#define LOADED (ETHERNET_HEADER + sizeof(((struct headers *)0)->net))
#define IPV4_ADDRESSES 12
#define IPV4_PORTS 20
#define IPV6_SOURCE 8
#define IPV6_DESTINATION 24
#define IPV6_PORTS 40

/*
 * The jump behind each look-up goes to the next instruction, and the kernel removes it before it compiles. It is there
 * for verifiers that, without CAP_PERFMON, also follow what a processor may speculate: two ways on from each look-up,
 * which they join again only where a jump ends. It keeps clang from moving look-ups about, too, which costs time.
 */
static __always_inline u32 hash_bytes(const struct steering_config *c, const u8 *in, u32 from, u32 to)
{
	u32 hash = 0;
#pragma clang loop unroll(full)
	for (u32 i = from; i < to; i++) {
		hash ^= c->toeplitz[i][in[i]];
		asm volatile("goto +0" : "+r"(hash), "+r"(c));
	}
	return hash;
}

static __always_inline int is_vlan(u16 type)
{
	return type == BE16(0x8100) || type == BE16(0x88a8);
}

static __always_inline int is_extension(u64 next)
{
	const u64 extensions = 1ull << HOP_BY_HOP | 1ull << ROUTING | 1ull << FRAGMENT | 1ull << AUTHENTICATION |
			       1ull << DESTINATION_OPTIONS;
	return next < 64 && (extensions >> next & 1);
}

/* Offsets and lengths are as wide as a register: with 32 bits, -mcpu=v2 spends two shifts wherever one is computed. */
struct walk {
	u64 frame_bytes;
	u64 offset; /* in the frame, where `next` begins */
	u64 next;
	u64 home;    /* where the home address is, 0: none */
	u64 routing; /* where the type-2 routing address is, 0: none */
};

/* Loads what there is of the wanted bytes, 1 or more. The barrier keeps clang from testing a copy of the length. */
static __always_inline void load_up_to(struct __sk_buff *skb, u64 offset, void *to, u64 there, u64 wanted)
{
	asm volatile("" : "+r"(there));
	if (there > wanted)
		there = wanted;
	bpf_skb_load_bytes(skb, offset, to, there);
}

/*
 * The value, which fits 16 bits, with all that the verifier has derived about it replaced by just that. `zero` comes
 * out of a map, so the verifier cannot tell that the XOR changes nothing.
 */
static __always_inline u64 forget(u64 value, u64 zero)
{
	asm volatile("%0 ^= %1\n\t%0 &= 0xffff" : "+r"(value) : "r"(zero));
	return value;
}

/*
 * Walks the extension headers. One loop takes a step over either a header or one option of the destination options
 * header it is in: nested loops would make the verifier follow every option of every header.
 *
 * A step forgets what the verifier derived from the steps before it. So the paths through a step end in one state,
 * instead of in hundreds that differ in what they imply about a length or a count. Without CAP_PERFMON the verifier
 * takes two states for one only if they are the same to the bit.
 */
static __always_inline void walk_extensions(struct __sk_buff *skb, const struct steering_config *c, struct walk *w)
{
	const u64 zero = c->zero;
	u64 headers_left = EXTENSION_HEADERS_MAX, options_left = OPTIONS_MAX;
	u64 option = 0, options_end = 0;
	u64 frame_bytes = w->frame_bytes, offset = w->offset, next = w->next, home = 0, routing = 0;

	for (u64 step = 0; step < EXTENSION_HEADERS_MAX + OPTIONS_MAX; step++) {
		u8 h[8];

		frame_bytes ^= zero; /* may be more than 16 bits */
		headers_left = forget(headers_left, zero);
		options_left = forget(options_left, zero);
		option = forget(option, zero);
		options_end = forget(options_end, zero);
		offset = forget(offset, zero);
		next = forget(next, zero);
		home = forget(home, zero);
		routing = forget(routing, zero);

		if (option < options_end) {
			/* The last byte of the header is Pad1 or an option that runs over the end. */
			if (option + 1 == options_end || bpf_skb_load_bytes(skb, option, h, 2) < 0) {
				options_left--;
				option = options_end;
				continue;
			}
			u64 option_bytes = h[0] == OPTION_PAD1 ? 1 : 2 + (u64)h[1];
			options_left--;
			if (option + option_bytes > options_end) {
				option = options_end;
			} else if (h[0] == OPTION_HOME_ADDRESS && h[1] == 16) {
				home = option + 2;
				options_left = 0;
				option = options_end;
			} else {
				option += option_bytes;
				if (options_left == 0)
					option = options_end;
			}
			continue;
		}

		if (!is_extension(next))
			break;
		/* No extension header is shorter than 8 bytes. */
		if (headers_left == 0 || bpf_skb_load_bytes(skb, offset, h, 8) < 0) {
			next = NO_TRANSPORT;
			break;
		}
		headers_left--;
		u64 header_bytes = 8 + (u64)h[1] * 8;
		if (next == FRAGMENT)
			header_bytes = 8;
		if (next == AUTHENTICATION)
			header_bytes = 8 + (u64)h[1] * 4;
		if (offset + header_bytes > frame_bytes) {
			next = NO_TRANSPORT;
			break;
		}
		if (next == FRAGMENT) {
			/* Offset 0 and M 0 is an atomic fragment; two bits between them are reserved. */
			if (h[2] | (h[3] & 0xf9)) {
				next = NO_TRANSPORT;
				break;
			}
		} else if (next == ROUTING) {
			if (h[2] == ROUTING_TYPE_2 && h[1] >= 2 && !routing)
				routing = offset + 8;
		} else if (next == DESTINATION_OPTIONS && options_left) {
			option = offset + 2;
			options_end = offset + header_bytes;
		}
		next = h[0];
		offset += header_bytes;
	}
	w->frame_bytes = frame_bytes;
	w->offset = offset;
	w->next = next;
	w->home = home;
	w->routing = routing;
}

static __always_inline u32 hash_ipv4(struct __sk_buff *skb, const struct steering_config *c, struct headers *h,
				     u64 network, u64 frame_bytes, u32 *hash)
{
	u64 header_bytes = (h->net[0] & 0xf) * 4;
	u64 transport = network + header_bytes;

	if (h->net[0] >> 4 != 4 || header_bytes < IPV4_HEADER || transport > frame_bytes)
		return REPORT_NONE;

	u32 types = c->hash_types, report = REPORT_NONE;
	if (!(h->net16[3] & BE16(0x3fff))) {
		u32 protocol = h->net[9];
		if (protocol == PROTO_TCP && types & TYPE_TCPV4 && transport + TCP_HEADER <= frame_bytes)
			report = REPORT_TCPV4;
		if (protocol == PROTO_UDP && types & TYPE_UDPV4 && transport + UDP_HEADER <= frame_bytes)
			report = REPORT_UDPV4;
	}
	if (!report) {
		if (!(types & TYPE_IPV4))
			return REPORT_NONE;
		*hash = hash_bytes(c, h->net + IPV4_ADDRESSES, 0, 8);
		return REPORT_IPV4;
	}
	if (header_bytes != IPV4_HEADER)
		bpf_skb_load_bytes(skb, transport, h->net + IPV4_PORTS, 4);
	*hash = hash_bytes(c, h->net + IPV4_ADDRESSES, 0, 12);
	return report;
}

static __always_inline u32 hash_ipv6(struct __sk_buff *skb, const struct steering_config *c, struct headers *h,
				     u64 network, u64 frame_bytes, u32 *hash)
{
	struct walk w = {.frame_bytes = frame_bytes, .offset = network + IPV6_HEADER, .next = h->net[6]};

	if (h->net[0] >> 4 != 6 || w.offset > frame_bytes)
		return REPORT_NONE;

	if (is_extension(w.next)) {
		walk_extensions(skb, c, &w);
		bpf_skb_load_bytes(skb, w.offset, h->net + IPV6_PORTS, 4);
	}

	u32 types = c->hash_types, report = REPORT_NONE;
	int tcp = w.next == PROTO_TCP && w.offset + TCP_HEADER <= w.frame_bytes;
	int udp = w.next == PROTO_UDP && w.offset + UDP_HEADER <= w.frame_bytes;
	int ports = 1;

	if (w.home | w.routing) {
		if (tcp && types & TYPE_TCP_EX) {
			report = REPORT_TCPV6_EX;
		} else if (udp && types & TYPE_UDP_EX) {
			report = REPORT_UDPV6_EX;
		} else if (types & TYPE_IP_EX) {
			report = REPORT_IPV6_EX;
			ports = 0;
		}
		if (report && w.home)
			bpf_skb_load_bytes(skb, w.home, h->net + IPV6_SOURCE, 16);
		if (report && w.routing)
			bpf_skb_load_bytes(skb, w.routing, h->net + IPV6_DESTINATION, 16);
	}
	if (!report) {
		if (tcp && types & TYPE_TCPV6) {
			report = REPORT_TCPV6;
		} else if (udp && types & TYPE_UDPV6) {
			report = REPORT_UDPV6;
		} else if (types & TYPE_IPV6) {
			report = REPORT_IPV6;
			ports = 0;
		} else {
			return REPORT_NONE;
		}
	}
	*hash = hash_bytes(c, h->net + IPV6_SOURCE, 0, 32);
	if (ports)
		*hash ^= hash_bytes(c, h->net + IPV6_SOURCE, 32, 36);
	return report;
}

/* The report of a packet's hash, REPORT_NONE if it is unclassified; *hash is written otherwise. */
static __always_inline u32 rss_hash(struct __sk_buff *skb, const struct steering_config *c, u32 *hash)
{
	struct headers h = {};
	u64 frame_bytes = skb->len, network = ETHERNET_HEADER;

	if (frame_bytes < ETHERNET_HEADER)
		return REPORT_NONE;
	load_up_to(skb, 0, h.mac, frame_bytes, LOADED);

	u16 type = h.type;
	if (is_vlan(type)) {
		/* What lies beyond the frame reads as zero here, and zero is no type that counts. */
		network += VLAN_TAG;
		type = h.net16[1];
		if (is_vlan(type)) {
			if (skb->vlan_present)
				return REPORT_NONE;
			network += VLAN_TAG;
			type = h.net16[3];
		}
		if (frame_bytes <= network)
			return REPORT_NONE;
		load_up_to(skb, network, h.net, frame_bytes - network, sizeof(h.net));
	}
	if (type == BE16(0x0800))
		return hash_ipv4(skb, c, &h, network, frame_bytes, hash);
	if (type == BE16(0x86dd))
		return hash_ipv6(skb, c, &h, network, frame_bytes, hash);
	return REPORT_NONE;
}

/* The queue of a packet with that answer of rss_hash. */
static __always_inline u32 rss_queue(const struct steering_config *c, u32 report, u32 hash)
{
	return report == REPORT_NONE ? c->unclassified_queue : c->table[hash & c->table_mask & (TABLE_ENTRIES - 1)];
}

#endif
