// SPDX-License-Identifier: Apache-2.0
/**
 * The memory that a front-end shares with the device, and the translation of its addresses.
 *
 * <p>A region has three addresses, one for each who looks at it:
 *
 * <pre>
 *   guest addresses        0x0000        0xA0000   0x100000                  0x4000_0000
 *   (descriptors)            |  region 0  |  gap   |  region 1                 |
 *                            |            |        |                           |
 *   user addresses      0x7f10_0000_0000 .|   0x7f10_0010_0000                 |
 *   (ring addresses of       |            |        |                           |
 *    vhost-user messages)    |            |        |                           |
 *                            v            v        v                           v
 *   mappings here       MemorySegment a        MemorySegment b
 * </pre>
 *
 * <p>Regions that touch in guest addresses need not touch here. A buffer that crosses from one to the next is therefore cut
 * into a piece for each, and a buffer that reaches into a gap is refused: taking the translation of its first byte for all
 * of it was CVE-2018-1059.
 */
package dev.ringtap.virtio.memory;
