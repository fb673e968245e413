// SPDX-License-Identifier: Apache-2.0

/** The {@code benchmarks} command, and the traffic that its benchmarks share. How to run them: {@code docs/benchmarks.md}. */
package dev.ringtap.benchmarks;
