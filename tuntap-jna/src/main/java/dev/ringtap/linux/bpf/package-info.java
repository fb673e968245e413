// SPDX-License-Identifier: Apache-2.0
/**
 * eBPF objects in the kernel, without libbpf: what {@link dev.ringtap.ebpf.object} has read is loaded by bpf(2)
 * ({@code LoadedObject}). {@link dev.ringtap.linux.bpf.SteeringProgram} and {@link dev.ringtap.linux.bpf.InBandProgram}
 * are ringtap's own programs, {@link dev.ringtap.linux.bpf.KernelTapPrograms} are those of a user. Why, and what a loader here accepts:
 * {@code docs/bpf-loading.md}.
 */
package dev.ringtap.linux.bpf;
