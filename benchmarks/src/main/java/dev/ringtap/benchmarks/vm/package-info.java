// SPDX-License-Identifier: Apache-2.0

/** The steering program's object, run by {@code ebpf-vm} and by the kernel. */
package dev.ringtap.benchmarks.vm;
