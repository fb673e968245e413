/* SPDX-License-Identifier: Apache-2.0 */
/* With structures as in vmlinux.h: accesses are recorded for relocation, and need none. */
#define __sk_buff __sk_buff_of_program_h
#include "program.h"
#undef __sk_buff

#define __recorded __attribute__((preserve_access_index))

struct __sk_buff {
	u32 len;
	u32 pkt_type;
} __recorded;

struct udphdr {
	u16 source;
	u16 dest;
	u16 len;
	u16 check;
} __recorded;

SEC("socket")
int length_and_port(struct __sk_buff *skb)
{
	struct udphdr header;

	if (load_bytes(skb, 0, &header, sizeof(header)))
		return 0;
	return skb->len + header.dest;
}
