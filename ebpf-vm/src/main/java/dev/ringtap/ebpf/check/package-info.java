// SPDX-License-Identifier: Apache-2.0
/**
 * Checks programs before they run ({@link dev.ringtap.ebpf.check.Checker}): every path is followed with what is known of
 * registers and stack in place of their values. {@code Explorer} follows the paths, {@code Arithmetic}, {@code Branches},
 * {@code MemoryAccess} and {@code Calls} say what an instruction does, {@code Range} is what is known of a number. What is
 * checked and why, with examples: {@code docs/ebpf-checker.md}.
 */
package dev.ringtap.ebpf.check;
