// SPDX-License-Identifier: Apache-2.0

/** Guests' first file systems, made of what this host has installed. */
package dev.ringtap.it.initramfs;
