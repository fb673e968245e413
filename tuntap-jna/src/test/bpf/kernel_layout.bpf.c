/* SPDX-License-Identifier: Apache-2.0 */
/* Depends on a structure of the kernel that is not the same everywhere. */
#include "program.h"

struct task_struct {
	u32 pid;
} __attribute__((preserve_access_index));

static struct task_struct *(*const current_task)(void) = (void *)35;
static long (*const read_kernel)(void *to, u32 bytes, const void *from) = (void *)113;

SEC("socket")
int pid(struct __sk_buff *skb)
{
	struct task_struct *task = current_task();
	u32 pid = skb->len;

	read_kernel(&pid, sizeof(pid), &task->pid);
	return pid;
}
