// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the programs of an eBPF object in this process: {@link dev.ringtap.ebpf.vm.EbpfVm} holds the programs and maps of
 * one object, {@link dev.ringtap.ebpf.vm.SkBuff} is the packet that a program sees. How it works, what is supported and
 * what is refused: {@code docs/ebpf-vm.md}.
 */
package dev.ringtap.ebpf.vm;
