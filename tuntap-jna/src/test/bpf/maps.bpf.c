/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of many types, all of them used. */
#include "program.h"

struct pair {
	u32 first;
	u32 second;
};

struct {
	__uint(type, MAP_HASH);
	__uint(max_entries, 8);
	__type(key, struct pair);
	__type(value, u32);
} pairs SEC(".maps");

struct {
	__uint(type, MAP_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u16);
	__type(value, u64);
} recent SEC(".maps");

struct {
	__uint(type, MAP_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, u32);
	__type(value, u16);
} counters SEC(".maps");

struct {
	__uint(type, MAP_PERCPU_HASH);
	__uint(max_entries, 3);
	__type(key, u8);
	__type(value, u32);
} by_byte SEC(".maps");

struct {
	__uint(type, MAP_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("socket")
int use_all(struct __sk_buff *skb)
{
	struct pair key = { 1, 2 };
	u16 last = skb->len;
	u64 now = 1;
	u32 index = 2;
	u8 byte = 200;
	u32 sum = 0;
	const u32 *found = map_lookup(&pairs, &key);
	const u16 *counter = map_lookup(&counters, &index);
	const u32 *of_byte = map_lookup(&by_byte, &byte);

	if (found)
		sum += *found;
	if (counter)
		sum += *counter;
	if (of_byte)
		sum += *of_byte;
	map_update(&recent, &last, &now, 0);
	ringbuf_output(&events, &sum, sizeof(sum), 0);
	return sum;
}
