/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong on purpose: nothing says that the map has this key, the pointer may be null. */
#include "program.h"

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} flows SEC(".maps");

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u16);
} a_name_that_is_longer_than_others SEC(".maps");

SEC("socket")
int unchecked(struct __sk_buff *skb)
{
	u32 key = skb->len;
	const u64 *flow = map_lookup(&flows, &key);
	const u16 *other = map_lookup(&a_name_that_is_longer_than_others, &key);

	return *flow + (other ? *other : 0);
}
