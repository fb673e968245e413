/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steering program of a multi-queue TAP (TUNSETSTEERINGEBPF): answers with the queue of each packet that the host
 * sends into the TAP. The kernel takes the answer modulo the number of attached queues.
 */
#include "active.h"

SEC("socket")
int ringtap_steer(struct __sk_buff *skb)
{
	const struct steering_config *c = active_config();
	if (!c)
		return 0;

	u32 hash = 0;
	if (c->mode != MODE_RSS)
		return c->unclassified_queue;
	u32 report = rss_hash(skb, c, &hash);
	return rss_queue(c, report, hash);
}

char program_license[] SEC("license") = "Apache-2.0";
