/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steering program of a multi-queue TAP (TUNSETSTEERINGEBPF): answers with the queue of each packet that the host
 * sends into the TAP. The kernel takes the answer modulo the number of attached queues.
 */
#include "rss.h"

/* Sizes, not types: clang keeps only a forward declaration of a structure this deep inside a map definition. */
struct ringtap_config {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct steering_config));
};

/*
 * One slot that points at the configuration in force. A new configuration is a new inner map, filled before it is put
 * here, so a packet sees all of the old one or all of the new one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, struct ringtap_config);
} ringtap_active SEC(".maps");

SEC("socket")
int ringtap_steer(struct __sk_buff *skb)
{
	u32 zero = 0, hash = 0;
	void *configuration = bpf_map_lookup_elem(&ringtap_active, &zero);
	if (!configuration)
		return 0;
	const struct steering_config *c = bpf_map_lookup_elem(configuration, &zero);
	if (!c)
		return 0;
	if (c->mode != MODE_RSS || rss_hash(skb, c, &hash) == REPORT_NONE)
		return c->unclassified_queue;
	return c->table[hash & c->table_mask & (TABLE_ENTRIES - 1)];
}

char program_license[] SEC("license") = "Apache-2.0";
