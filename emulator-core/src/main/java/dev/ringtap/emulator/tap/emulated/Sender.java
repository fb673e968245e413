// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.NetHeader;

/**
 * Brings one thread's frames into queues, in the kernel's order: the queue is chosen for the whole frame
 * ({@code __dev_queue_xmit}), then it is cut and summed ({@code validate_xmit_skb}), then each piece is filtered and queued
 * ({@code tun_net_xmit}).
 */
final class Sender implements Segmenter.Sink {
    private static final int QUEUE_MASK = 0xFFFF;

    private final EmulatedTap tap;
    private final FramePool pool;
    private final DeviceStats stats;
    private final SentPacket packet = new SentPacket();
    private final FrameInfo info = new FrameInfo();
    private final Segmenter segmenter = new Segmenter();
    private final UdpFragmenter fragmenter = new UdpFragmenter();

    // Of the frame under way.
    private Attachment attachment;
    private EmulatedQueue queue;
    private int hashValue;
    private int hashReport;
    private boolean dropped;

    Sender(EmulatedTap tap, FramePool pool, DeviceStats stats) {
        this.tap = tap;
        this.pool = pool;
        this.stats = stats;
    }

    /** Sends one frame under settings that do not go away before this returns. Answers as {@link HostSide#send}. */
    int send(Attachment current, byte[] data, int offset, int lengthBytes, FrameInfo said) {
        if (current.removed()) {
            return -Errno.ENXIO;
        }
        if (!current.up()) {
            return -Errno.ENETDOWN;
        }
        info.set(said);
        if (!VnetHeader.lengthsFit(info, lengthBytes) || !VnetHeader.accept(info, lengthBytes)) {
            return -Errno.EINVAL;
        }
        attachment = current;
        dropped = false;
        if (current.queues().length == 0) {
            drop();
        } else {
            queue = current.queues()[choose(data, offset, lengthBytes)];
            transmit(data, offset, lengthBytes);
        }
        return dropped ? -Errno.ENOBUFS : 0;
    }

    private int choose(byte[] data, int offset, int lengthBytes) {
        int queues = attachment.queues().length;
        QueueChooser chooser = attachment.chooser();
        hashValue = 0;
        hashReport = 0;
        if (queues == 1 && (chooser == null || !chooser.runsWithOneQueue())) {
            // netdev_core_pick_tx asks nobody where there is one queue.
            return 0;
        }
        if (chooser == null) {
            return tap.automaticQueue(data, offset, lengthBytes, queues);
        }
        packet.clearHash();
        int answer = chooser.choose(packet.of(tap, queues, data, offset, lengthBytes, info));
        hashValue = packet.hashValue();
        hashReport = packet.hashReport();
        return (answer & QUEUE_MASK) % queues;
    }

    private void transmit(byte[] data, int offset, int lengthBytes) {
        boolean sumsLeft = (attachment.offloads() & TunOffload.CSUM) != 0;
        if (info.gsoType == NetHeader.GSO_NONE) {
            Frame frame = copy(data, offset, lengthBytes);
            if (info.needsChecksum() && !sumsLeft) {
                finishChecksum(frame);
            }
            segment(frame);
        } else if (info.gsoType == NetHeader.GSO_UDP) {
            // There has been no device that fragments since Linux 4.14.
            if (!fragmenter.cut(data, offset, lengthBytes, info, pool, this)) {
                drop();
            }
        } else {
            int headerBytes = segmenter.prepare(data, offset, lengthBytes, info);
            if (headerBytes < 0) {
                drop();
            } else if (readerSegments()) {
                Frame frame = copy(data, offset, lengthBytes);
                frame.info.headerBytes = headerBytes;
                segmenter.leaveChecksum(frame);
                segment(frame);
            } else {
                segmenter.cut(pool, sumsLeft, this);
            }
        }
    }

    private boolean readerSegments() {
        int needed = switch (info.gsoType & ~NetHeader.GSO_ECN) {
            case NetHeader.GSO_TCPV4 -> TunOffload.CSUM | TunOffload.TSO4;
            case NetHeader.GSO_TCPV6 -> TunOffload.CSUM | TunOffload.TSO6;
            default -> TunOffload.CSUM | TunOffload.USO4 | TunOffload.USO6;
        };
        if ((info.gsoType & NetHeader.GSO_ECN) != 0) {
            needed |= TunOffload.TSO_ECN;
        }
        return (attachment.offloads() & needed) == needed;
    }

    private Frame copy(byte[] data, int offset, int lengthBytes) {
        Frame frame = pool.take(lengthBytes);
        System.arraycopy(data, offset, frame.data, 0, lengthBytes);
        frame.lengthBytes = lengthBytes;
        frame.info.set(info);
        return frame;
    }

    private static void finishChecksum(Frame frame) {
        int start = frame.info.checksumStart;
        int at = start + frame.info.checksumOffset;
        int sum = InternetSum.nonZeroChecksum(InternetSum.add(0, frame.data, start, frame.lengthBytes - start));
        frame.data[at] = (byte) (sum >> 8);
        frame.data[at + 1] = (byte) sum;
        frame.info.flags = 0;
    }

    /** Filters and queues what is ready for the reader. */
    @Override
    public void segment(Frame frame) {
        frame.hashValue = hashValue;
        frame.hashReport = hashReport;
        tap.host().observe(FrameObserver.Direction.TO_GUEST, frame.data, frame.lengthBytes, frame.info);
        PacketFilter filter = attachment.filter();
        if (filter != null) {
            int keep = filter.keep(
                    packet.of(tap, attachment.queues().length, frame.data, 0, frame.lengthBytes, frame.info));
            if (Integer.compareUnsigned(keep, frame.lengthBytes) < 0) {
                frame.lengthBytes = keep;
            }
        }
        if (frame.lengthBytes == 0 || !queue.offer(frame)) {
            pool.give(frame);
            drop();
        }
    }

    private void drop() {
        dropped = true;
        stats.txDropped.increment();
    }
}
