// SPDX-License-Identifier: Apache-2.0

/** Hashing in Java: what the device itself does to a packet. */
package dev.ringtap.benchmarks.hash;
