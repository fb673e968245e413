// SPDX-License-Identifier: Apache-2.0
/**
 * The instruction set of eBPF (RFC 9669, version 4 of the instruction set as compilers number it), as values: bytes are
 * decoded once and strictly ({@link dev.ringtap.ebpf.isa.Code}), and an {@link dev.ringtap.ebpf.isa.Instruction} prints
 * itself as the kernel's verifier log would.
 */
package dev.ringtap.ebpf.isa;
