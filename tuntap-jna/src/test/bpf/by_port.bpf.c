/* SPDX-License-Identifier: Apache-2.0 */
/* The example of docs/custom-programs.md: UDP over IPv4 is steered and filtered by its destination port. */
#include "program.h"

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__type(key, u16); /* destination port, big-endian */
	__type(value, u32);
} queues SEC(".maps");

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__type(key, u16); /* destination port, big-endian */
	__type(value, u8);
} closed SEC(".maps");

const volatile u32 other_queue SEC(".rodata.settings") = 0;

/* Destination port of a UDP packet over IPv4, as it stands in the packet; 0 if it is none. */
static __noinline int port_of(struct __sk_buff *skb)
{
	u8 start; /* version and length of the header */
	u8 protocol;
	u16 type, port;

	if (load_bytes(skb, 12, &type, 2) || type != 0x0008)
		return 0;
	if (load_bytes(skb, 14, &start, 1) || load_bytes(skb, 23, &protocol, 1) || protocol != 17)
		return 0;
	if (load_bytes(skb, 14 + (start & 15) * 4 + 2, &port, 2))
		return 0;
	return port;
}

SEC("socket/steering")
int steer(struct __sk_buff *skb)
{
	u16 port = port_of(skb);
	const u32 *queue = map_lookup(&queues, &port);

	return queue ? *queue : other_queue;
}

SEC("socket/filter")
int admit(struct __sk_buff *skb)
{
	u16 port = port_of(skb);

	return map_lookup(&closed, &port) ? 0 : skb->len;
}
