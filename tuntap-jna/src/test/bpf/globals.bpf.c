/* SPDX-License-Identifier: Apache-2.0 */
/* Global variables: constants, initialized, zero, static ones, and a section of constants of its own. */
#include "program.h"

const volatile u32 base = 1000;
static const volatile u16 steps[4] = { 1, 20, 300, 4000 };
const volatile u32 bonus SEC(".rodata.bonus") = 5;
u32 runs = 7;
static volatile u32 seen[3];

SEC("socket")
int count(struct __sk_buff *skb)
{
	runs++;
	seen[2] += 10;
	return base + steps[skb->len & 3] + bonus + runs + seen[2];
}
