// SPDX-License-Identifier: Apache-2.0
/**
 * eBPF objects in the kernel, without libbpf: an ELF file is read ({@code ElfFile}), its maps are understood by their
 * type information ({@code BtfTypes}), put together ({@code BpfObject}) and loaded by bpf(2) ({@code LoadedObject}).
 * {@link dev.ringtap.linux.bpf.SteeringProgram} is what the rest of ringtap uses. Why, and what a loader here accepts:
 * {@code docs/bpf-loading.md}.
 */
package dev.ringtap.linux.bpf;
