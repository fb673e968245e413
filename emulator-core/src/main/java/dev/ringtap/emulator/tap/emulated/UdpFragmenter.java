// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.virtio.net.NetHeader;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Cuts a UDP datagram into IP fragments, as {@code udp4_ufo_fragment} and {@code udp6_ufo_fragment} of the kernel do. The
 * checksum is made first: it is that of the datagram. One for each sending thread.
 */
final class UdpFragmenter {
    private static final VarHandle BE16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle BE32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);

    private static final int UDP = 17;
    private static final int UDP_BYTES = 8;
    private static final int UDP_CHECKSUM = 6;
    private static final int IPV4_FLAGS = 6;
    private static final int MORE_FRAGMENTS_4 = 0x2000;
    private static final int FRAGMENT_HEADER = 44;
    private static final int FRAGMENT_HEADER_BYTES = 8;
    private static final int MORE_FRAGMENTS_6 = 1;

    private final IpHeaders ip = new IpHeaders();

    /** @return false if the frame is not what {@code info} says */
    boolean cut(byte[] data, int offset, int lengthBytes, FrameInfo info, FramePool pool, Segmenter.Sink sink) {
        if (!ip.parse(data, offset, lengthBytes) || ip.protocol() != UDP) {
            return false;
        }
        int transport = ip.transportOffset();
        int payloadBytes = lengthBytes - transport;
        if (payloadBytes < UDP_BYTES || payloadBytes <= info.gsoSize) {
            return false;
        }
        int checksum = checksum(data, offset + transport, payloadBytes);
        int identification = ThreadLocalRandom.current().nextInt();
        int extra = ip.version6() ? FRAGMENT_HEADER_BYTES : 0;
        for (int done = 0; done < payloadBytes; done += info.gsoSize) {
            int piece = Math.min(info.gsoSize, payloadBytes - done);
            Frame fragment = pool.take(transport + extra + piece);
            System.arraycopy(data, offset, fragment.data, 0, transport);
            System.arraycopy(data, offset + transport + done, fragment.data, transport + extra, piece);
            fragment.lengthBytes = transport + extra + piece;
            fragment.info.clear().vlan(info.vlanProtocol, info.vlanTci);
            // Nobody can check the sum of a piece: the kernel marks it CHECKSUM_UNNECESSARY.
            fragment.info.flags = NetHeader.F_DATA_VALID;
            if (done == 0) {
                putChecksum(fragment.data, transport + extra, piece, checksum);
            }
            mark(fragment, done, done + piece < payloadBytes, identification);
            sink.segment(fragment);
        }
        return true;
    }

    private int checksum(byte[] data, int at, int lengthBytes) {
        // All of it but the field itself, which counts as zero.
        long sum = InternetSum.add(ip.pseudoSum() + lengthBytes, data, at, UDP_CHECKSUM);
        sum = InternetSum.add(sum, data, at + UDP_BYTES, lengthBytes - UDP_BYTES);
        return InternetSum.nonZeroChecksum(sum);
    }

    private static void putChecksum(byte[] data, int udp, int pieceBytes, int checksum) {
        if (pieceBytes >= UDP_BYTES) {
            BE16.set(data, udp + UDP_CHECKSUM, (short) checksum);
        }
    }

    private void mark(Frame fragment, int done, boolean more, int identification) {
        byte[] data = fragment.data;
        int network = ip.networkOffset();
        if (ip.version6()) {
            int header = ip.transportOffset();
            data[ip.nextHeaderAt()] = FRAGMENT_HEADER;
            data[header] = UDP;
            data[header + 1] = 0;
            BE16.set(data, header + 2, (short) (done & ~7 | (more ? MORE_FRAGMENTS_6 : 0)));
            BE32.set(data, header + 4, identification);
            ip.fix(data, fragment.lengthBytes, 0);
            return;
        }
        BE16.set(data, network + IPV4_FLAGS, (short) (done >> 3 | (more ? MORE_FRAGMENTS_4 : 0)));
        ip.fix(data, fragment.lengthBytes, 0);
    }
}
