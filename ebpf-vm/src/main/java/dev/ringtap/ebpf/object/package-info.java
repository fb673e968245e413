// SPDX-License-Identifier: Apache-2.0
/**
 * eBPF object files as clang writes them. The ELF file is read ({@code ElfFile}), its maps are understood by their type
 * information ({@code BtfTypes}, {@code GlobalVariables}), its functions linked to programs ({@code CodeSections}, {@code
 * ProgramLinker}), and {@link dev.ringtap.ebpf.object.BpfObject} puts it together. Both loaders start from it, the
 * kernel's and that of the user-space runtime. What is accepted: {@code docs/bpf-loading.md}.
 *
 * <p>{@link dev.ringtap.ebpf.object.TapPrograms} chooses a user's programs from such files, {@link
 * dev.ringtap.ebpf.object.MapContents} reads what he puts into their maps: {@code docs/custom-programs.md}.
 */
package dev.ringtap.ebpf.object;
