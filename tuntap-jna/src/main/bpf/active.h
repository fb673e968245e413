/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force, as the programs see it that take it from a map of maps. */
#ifndef RINGTAP_ACTIVE_H
#define RINGTAP_ACTIVE_H

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

static __always_inline const struct steering_config *active_config(void)
{
	u32 zero = 0;
	void *configuration = bpf_map_lookup_elem(&ringtap_active, &zero);
	return configuration ? bpf_map_lookup_elem(configuration, &zero) : 0;
}

#endif
