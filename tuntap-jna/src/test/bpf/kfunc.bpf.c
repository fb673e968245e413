/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of functions that only a runtime can offer, of a version and without one. */
#include "program.h"

extern int ringtap_report_hash___v2(struct __sk_buff *skb, u32 value, u32 type) __ksym;
extern int ringtap_plain(struct __sk_buff *skb) __ksym;

static __noinline int report(struct __sk_buff *skb, u32 value)
{
	return ringtap_report_hash___v2(skb, value, 1);
}

SEC("socket")
int reporting(struct __sk_buff *skb)
{
	return report(skb, 0x12345678) + ringtap_plain(skb);
}
