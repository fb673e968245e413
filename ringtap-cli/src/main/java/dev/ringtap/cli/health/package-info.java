// SPDX-License-Identifier: Apache-2.0
/** {@code ringtap health}: whether an emulator listens, for a container's health check. */
package dev.ringtap.cli.health;
