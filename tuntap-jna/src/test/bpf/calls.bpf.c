/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that are called, not inlined: static and global ones, one below the other, by two programs, with a map. */
#include "program.h"

struct {
	__uint(type, MAP_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} answers SEC(".maps");

static __noinline u32 answer_at(u32 index)
{
	const u32 *answer = map_lookup(&answers, &index);

	return answer ? *answer : 99;
}

__noinline int sum_of_two(u32 index)
{
	return answer_at(index) + answer_at(index + 1);
}

static __noinline u32 twice(u32 number)
{
	return sum_of_two(number) * 2;
}

SEC("socket")
int sum_twice(struct __sk_buff *skb)
{
	return twice(skb->len & 1) + answer_at(3);
}

/* In the program's own section: the assembler resolves the call, there is no relocation. */
static __noinline SEC("socket/near") u32 near_by(u32 number)
{
	return number * 3 + 1;
}

SEC("socket/near")
int sum_near(struct __sk_buff *skb)
{
	return near_by(skb->len & 3) + sum_of_two(1);
}
