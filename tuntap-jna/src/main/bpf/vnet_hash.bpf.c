/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steering program as the proposed program type would have it: queue and hash are answered together, in three
 * fields of the context. No released kernel loads this; an emulated TAP does. docs/designs.md.
 */
#include "active.h"

SEC("vnet_hash")
int ringtap_vnet_hash(struct __sk_buff *skb)
{
	const struct steering_config *c = active_config();
	if (!c)
		return 0;
	if (c->mode == MODE_CONSTANT) {
		skb->vnet_rss_queue = c->unclassified_queue;
		return 0;
	}

	u32 hash = 0;
	u32 report = rss_hash(skb, c, &hash);
	if (report != REPORT_NONE) {
		skb->vnet_hash_value = hash;
		skb->vnet_hash_report = report;
	}
	/* Otherwise the queue stays that of automatic steering, which the field holds before the run. */
	if (c->mode == MODE_RSS)
		skb->vnet_rss_queue = rss_queue(c, report, hash);
	return 0;
}

char program_license[] SEC("license") = "Apache-2.0";
