// SPDX-License-Identifier: Apache-2.0
/** {@code ringtap compare}: one traffic under every design that steers and hashes; equal answers, and what each costs. */
package dev.ringtap.cli.compare;
