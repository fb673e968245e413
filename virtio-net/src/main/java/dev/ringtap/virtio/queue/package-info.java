// SPDX-License-Identifier: Apache-2.0
/**
 * The device's side of virtqueues in the split format. VIRTIO 1.3, 2.7 Split Virtqueues.
 *
 * <p>Three parts in memory shared with the driver; all fields are little endian, {@code N} is the queue's size.
 *
 * <pre>
 *   Descriptor table (2.7.5): written by the driver only. N entries of 16 bytes, aligned to 16.
 *
 *      0               8       12    14    16
 *     +---------------+-------+-----+-----+
 *     | addr          | len   |flags|next |   flags: 1 NEXT, 2 WRITE (by the device), 4 INDIRECT
 *     +---------------+-------+-----+-----+
 *
 *   Available ring (2.7.6): written by the driver only. Aligned to 2.
 *
 *      0     2     4                          4+2N
 *     +-----+-----+-----+-----+-- - - --+-----+----------+
 *     |flags| idx | head| head|         | head|used_event|   flags: 1 NO_INTERRUPT, without EVENT_IDX
 *     +-----+-----+-----+-----+-- - - --+-----+----------+
 *
 *   Used ring (2.7.8): written by the device only. Aligned to 4.
 *
 *      0     2     4        8        12                  4+8N
 *     +-----+-----+--------+--------+-- - - --+---------+-----------+
 *     |flags| idx | id     | len    |         | id  len |avail_event|   flags: 1 NO_NOTIFY, without EVENT_IDX
 *     +-----+-----+--------+--------+-- - - --+---------+-----------+
 * </pre>
 *
 * <p>Both {@code idx} count entries ever added, modulo 2^16; the entry stands at {@code idx} modulo N. What lies between
 * the device's own count and {@code avail.idx} is available; what lies between the driver's own count and {@code used.idx}
 * is used.
 *
 * <p>Every ordering that matters is between a write of one side and a read of the other:
 *
 * <pre>
 *   driver                                        device ({@link dev.ringtap.virtio.queue.SplitVirtqueue})
 *   writes descriptors, head; barrier; avail.idx  acquire avail.idx; reads head, descriptors
 *   avail.idx; full barrier; reads avail_event    avail_event; full fence; acquire avail.idx
 *   reads used.idx; barrier; entry, buffers       writes buffers, entry; release used.idx
 *   used_event; full barrier; reads used.idx      release used.idx; full fence; reads used_event
 * </pre>
 *
 * <p>In the second and the fourth line each side writes, then reads what the other writes. Without both full barriers both
 * could read the old value, and both would wait.
 */
package dev.ringtap.virtio.queue;
