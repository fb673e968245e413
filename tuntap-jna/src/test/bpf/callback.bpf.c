/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a function, given to a helper that calls it (Linux 5.17). */
#include "program.h"

static long add(u32 index, u64 *sum)
{
	*sum += index;
	return 0;
}

/* Behind the other one, so that its address is not that of the section. */
static long add_square(u32 index, u64 *sum)
{
	*sum += index * index;
	return index == 4;
}

SEC("socket")
int sum_of_indexes(struct __sk_buff *skb)
{
	u64 sum = skb->len & 0;

	loop(10, add, &sum, 0);
	loop(10, add_square, &sum, 0);
	return sum;
}
