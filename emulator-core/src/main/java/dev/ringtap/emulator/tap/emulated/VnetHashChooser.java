// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import java.lang.foreign.MemorySegment;

/** Steers and hashes as {@link VnetHash} says: what the proposed kernel would do in the place of a steering program. */
final class VnetHashChooser implements QueueChooser {
    private static final int ETHER_TYPE = 12;
    private static final int VLAN_TAG_BYTES = 4;
    private static final int TPID_CUSTOMER = 0x8100;
    private static final int TPID_SERVICE = 0x88A8;

    private final VnetHash settings;
    private final ThreadLocal<Hashing> hashing;

    /** One sender's. */
    private static final class Hashing {
        final PacketHasher hasher;
        byte[] array;
        MemorySegment frame;

        Hashing(PacketHasher hasher) {
            this.hasher = hasher;
        }

        void hash(byte[] data, int offset, int lengthBytes) {
            // Senders mostly use a buffer again.
            if (array != data) {
                array = data;
                frame = MemorySegment.ofArray(data);
            }
            hasher.hash(frame, offset, lengthBytes);
        }
    }

    private VnetHashChooser(VnetHash settings, Toeplitz key) {
        this.settings = settings;
        hashing = ThreadLocal.withInitial(() -> new Hashing(new PacketHasher(key, settings.hashTypes())));
    }

    /** @return null if nothing is to be chosen or reported otherwise than by automatic steering */
    static VnetHashChooser of(VnetHash settings) {
        if (settings.rss()) {
            return new VnetHashChooser(settings, settings.key());
        }
        // Only what the hash would cover is of interest then, so any key will do.
        return settings.report() ? new VnetHashChooser(settings, new Toeplitz(new byte[0])) : null;
    }

    @Override
    public int choose(SentPacket packet) {
        int value = 0;
        int report = HashReport.NONE;
        if (!thirdTag(packet)) {
            PacketHasher hasher = hash(packet);
            value = hasher.value();
            report = hasher.report();
        }
        if (!settings.rss()) {
            packet.reportHash(report == HashReport.NONE ? 0 : packet.flowHash(), report);
            return packet.automaticQueue();
        }
        if (settings.report()) {
            packet.reportHash(report == HashReport.NONE ? 0 : value, report);
        }
        return settings.queue(value, report, packet.attachedQueues());
    }

    private PacketHasher hash(SentPacket packet) {
        Hashing mine = hashing.get();
        mine.hash(packet.data(), packet.offset(), packet.lengthBytes());
        return mine.hasher;
    }

    /** A tag beside the frame counts as the first, so two in it are too many. */
    private static boolean thirdTag(SentPacket packet) {
        return packet.info().vlanPresent() && tagAt(packet, ETHER_TYPE) && tagAt(packet, ETHER_TYPE + VLAN_TAG_BYTES);
    }

    private static boolean tagAt(SentPacket packet, int at) {
        if (packet.lengthBytes() < at + 2) {
            return false;
        }
        byte[] data = packet.data();
        int begin = packet.offset() + at;
        int type = (data[begin] & 0xFF) << 8 | data[begin + 1] & 0xFF;
        return type == TPID_CUSTOMER || type == TPID_SERVICE;
    }
}
