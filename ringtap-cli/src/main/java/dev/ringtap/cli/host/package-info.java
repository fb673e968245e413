// SPDX-License-Identifier: Apache-2.0
/**
 * A small host for a TAP that no kernel stands behind: answers for its addresses, sends and receives datagrams, opens TCP
 * connections. It leaves checksums and segmentation to the link as a kernel does, so that the link has them to do.
 */
package dev.ringtap.cli.host;
