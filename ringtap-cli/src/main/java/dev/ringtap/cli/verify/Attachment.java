// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import java.nio.file.Path;

/**
 * An emulator, or another back-end, that is there already.
 *
 * @param socket it listens on
 * @param namespace file of the network namespace that its TAP is in, or null for this process's own
 * @param interfaceName of its TAP
 */
record Attachment(Path socket, Path namespace, String interfaceName) {}
