/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command in whose ptrace(2) the extended processor state is not to be had.
 *
 * User-Mode Linux 6.1 saves that state of a process into a buffer of 2.7 KiB, and the kernel takes it back whole or not at
 * all: on a processor with AMX, whose state has 11 KiB, the first process of every guest ends by "ptrace set fp regs
 * failed". Without the extended state UML falls back to that of the x87 and SSE registers, and works; its processes then
 * must not use wider registers, since nobody keeps those across a switch (GLIBC_TUNABLES says so to the C library).
 *
 *   small-fpu COMMAND ...
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { GETREGSET = 0x4204, EXTENDED_STATE = 0x202 }; /* linux/ptrace.h PTRACE_GETREGSET, linux/elf.h NT_X86_XSTATE */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

int main(int argc, char **argv)
{
	struct sock_filter code[] = {
		LOAD(nr),
		UNLESS(__NR_ptrace, 5),
		LOAD(args[0]),
		UNLESS(GETREGSET, 3),
		LOAD(args[2]),
		UNLESS(EXTENDED_STATE, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (argc < 2) {
		fprintf(stderr, "usage: small-fpu COMMAND ...\n");
		return 2;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("small-fpu: seccomp");
		return 1;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
