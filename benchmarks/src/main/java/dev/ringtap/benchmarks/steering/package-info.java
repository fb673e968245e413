// SPDX-License-Identifier: Apache-2.0

/** Steering programs in the kernel, ringtap's and a peer's, run over the same frames (BPF_PROG_TEST_RUN). */
package dev.ringtap.benchmarks.steering;
