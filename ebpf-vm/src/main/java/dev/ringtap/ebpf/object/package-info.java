// SPDX-License-Identifier: Apache-2.0
/**
 * eBPF object files as clang writes them: an ELF file is read ({@code ElfFile}), its maps are understood by their type
 * information ({@code BtfTypes}) and put together ({@link dev.ringtap.ebpf.object.BpfObject}). Both loaders start from it,
 * the kernel's and that of the user-space runtime. What is accepted: {@code docs/bpf-loading.md}.
 */
package dev.ringtap.ebpf.object;
