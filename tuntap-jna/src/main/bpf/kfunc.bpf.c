/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary steering program that tells the hash by a kernel function: the queue is its result, as ever, and the hash
 * is the argument of a call. No released kernel has the function; an emulated TAP exports it. docs/designs.md.
 */
#include "active.h"

/* Version 1 of the function, in the spelling that libbpf knows: what follows the name's last ___ is not part of it. */
extern int tun_report_hash___v1(struct __sk_buff *skb, u32 value, u32 report) __ksym;

SEC("socket")
int ringtap_steer_reporting(struct __sk_buff *skb)
{
	const struct steering_config *c = active_config();
	if (!c)
		return 0;
	if (c->mode != MODE_RSS)
		return c->unclassified_queue;

	u32 hash = 0;
	u32 report = rss_hash(skb, c, &hash);
	if (report != REPORT_NONE)
		tun_report_hash___v1(skb, hash, report);
	return rss_queue(c, report, hash);
}

char program_license[] SEC("license") = "Apache-2.0";
