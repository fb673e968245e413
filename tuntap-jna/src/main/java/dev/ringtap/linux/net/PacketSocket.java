// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Whole Ethernet frames on one interface, {@code packet(7)}: what is sent leaves through the interface as if the host
 * had sent it; what is received is what came in through it, not what the host sends. Does not block. Needs CAP_NET_RAW.
 *
 * <p>Belongs to the namespace of the thread that opens it. One thread at a time sends, one receives.
 */
public final class PacketSocket implements AutoCloseable {
    /** Bytes of the header in front of each frame of a socket that was opened with one. */
    public static final int HEADER_BYTES = 10;

    /** Longest frame, with its header. */
    public static final int MAX_FRAME_BYTES = 128 * 1024;

    /** The frame's checksum is missing: to be made from {@code csumStart} on. */
    public static final int NEEDS_CSUM = 1;

    private static final int SOL_PACKET = 263;
    private static final int PACKET_AUXDATA = 8;
    private static final int PACKET_VNET_HDR = 15;
    private static final int PACKET_IGNORE_OUTGOING = 23;
    private static final int SO_RCVBUFFORCE = 33;
    private static final int ETH_P_ALL = 3;

    // struct sockaddr_ll, linux/if_packet.h.
    private static final int SLL_FAMILY = 0;
    private static final int SLL_PROTOCOL = 2;
    private static final int SLL_IFINDEX = 4;
    private static final int SLL_BYTES = 20;

    // struct tpacket_auxdata, linux/if_packet.h.
    private static final int TP_STATUS = 0;
    private static final int TP_VLAN_TCI = 16;
    private static final int TP_VLAN_TPID = 18;
    private static final int AUXDATA_BYTES = 20;
    private static final int TP_STATUS_VLAN_VALID = 0x10;
    private static final int TP_STATUS_VLAN_TPID_VALID = 0x40;
    private static final int ETH_P_8021Q = 0x8100;

    private static final int ADDRESSES_BYTES = 12;
    private static final int TAG_BYTES = 4;

    // struct msghdr, struct iovec and a control message: offsets in one piece of memory.
    private static final int IOVEC = 56;
    private static final int CONTROL = 72;
    private static final int CONTROL_DATA = CONTROL + 16;
    private static final int CONTROL_BYTES = 40;
    private static final int DATA = CONTROL + CONTROL_BYTES;

    private final OwnedFd fd;
    private final int headerBytes;
    private final MemorySegment incoming = Arena.ofAuto().allocate(DATA + MAX_FRAME_BYTES, 8);
    private final MemorySegment outgoing = Arena.ofAuto().allocate(MAX_FRAME_BYTES, 8);

    private PacketSocket(OwnedFd fd, int headerBytes) {
        this.fd = fd;
        this.headerBytes = headerBytes;
    }

    /**
     * Opens a socket for the frames of an interface.
     *
     * @param interfaceIndex as {@link LinkConfig#index} gives it
     * @throws NativeException EPERM without CAP_NET_RAW
     */
    public static PacketSocket open(int interfaceIndex) throws NativeException {
        return open(interfaceIndex, 0);
    }

    /**
     * Opens a socket whose frames begin with a header that says of missing checksums and of frames larger than the MTU
     * how to finish them, both ways. {@code struct virtio_net_hdr} of linux/virtio_net.h, in the machine's byte order:
     *
     * <pre>
     *   0 u8 flags   1 u8 gso_type   2 u16 hdr_len   4 u16 gso_size   6 u16 csum_start   8 u16 csum_offset
     * </pre>
     */
    public static PacketSocket openWithHeader(int interfaceIndex) throws NativeException {
        return open(interfaceIndex, HEADER_BYTES);
    }

    private static PacketSocket open(int interfaceIndex, int headerBytes) throws NativeException {
        String doing = "cannot open a packet socket on interface " + interfaceIndex;
        int type = Posix.SOCK_RAW | Posix.SOCK_NONBLOCK | Posix.SOCK_CLOEXEC;
        // Protocol 0 until bound: else frames of all interfaces come in first.
        int number = Posix.socket(Posix.AF_PACKET, type, 0);
        check(number, "socket AF_PACKET", number == -Errno.EPERM ? doing + " (this needs CAP_NET_RAW)" : doing);
        var fd = OwnedFd.of(number);
        try (var arena = Arena.ofConfined()) {
            var on = arena.allocateFrom(ValueLayout.JAVA_INT, 1);
            option(fd, SOL_PACKET, PACKET_AUXDATA, on, "PACKET_AUXDATA", doing);
            option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, on, "PACKET_IGNORE_OUTGOING", doing);
            if (headerBytes != 0) option(fd, SOL_PACKET, PACKET_VNET_HDR, on, "PACKET_VNET_HDR", doing);
            // Room for a burst, where that is permitted.
            var room = arena.allocateFrom(ValueLayout.JAVA_INT, 8 << 20);
            Posix.setsockopt(fd.number(), Posix.SOL_SOCKET, SO_RCVBUFFORCE, room.address(), 4);
            var address = arena.allocate(SLL_BYTES, 4);
            address.set(ValueLayout.JAVA_SHORT, SLL_FAMILY, (short) Posix.AF_PACKET);
            address.set(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), SLL_PROTOCOL, (short) ETH_P_ALL);
            address.set(ValueLayout.JAVA_INT, SLL_IFINDEX, interfaceIndex);
            check(Posix.bind(fd.number(), address.address(), SLL_BYTES), "bind AF_PACKET", doing);
            return new PacketSocket(fd, headerBytes);
        } catch (NativeException e) {
            fd.close();
            throw e;
        }
    }

    private static void option(OwnedFd fd, int level, int option, MemorySegment value, String name, String doing)
            throws NativeException {
        check(Posix.setsockopt(fd.number(), level, option, value.address(), 4), "setsockopt " + name, doing);
    }

    /** The descriptor, to poll on; it stays this object's. */
    public OwnedFd fd() {
        return fd;
    }

    /**
     * Sends one frame.
     *
     * @param frame Ethernet header first, or the header of {@link #openWithHeader} first; without checksum of the frame
     * @return {@code length}, or {@code -EAGAIN} or {@code -ENOBUFS} if the interface has no room: the frame is lost
     * @throws NativeException ENETDOWN if the interface is down, EMSGSIZE if the frame is longer than the MTU permits
     */
    public int send(byte[] frame, int length) throws NativeException {
        MemorySegment.copy(frame, 0, outgoing, ValueLayout.JAVA_BYTE, 0, length);
        long result = Posix.send(fd.number(), outgoing.address(), length, 0);
        // The memory is the collector's, and the call knows only its address.
        Reference.reachabilityFence(this);
        if (result == -Errno.EAGAIN || result == -Errno.ENOBUFS) return (int) result;
        return (int) check(result, "send AF_PACKET", "cannot send a frame of " + length + " bytes");
    }

    /**
     * Sends one large frame, to be cut into segments, on a socket of {@link #openWithHeader}.
     *
     * @param gsoType VIRTIO_NET_HDR_GSO_*: 0 none, 1 TCPv4, 3 UDP fragmentation, 4 TCPv6, 5 UDP segmentation
     * @param headersBytes of the frame, that each segment repeats
     * @param segmentBytes of payload that each segment carries
     * @param csumStart where the checksum's range begins in the frame, which runs to its end
     * @param csumOffset where the checksum stands behind that; it holds the sum of the pseudo header
     * @return as {@link #send}
     */
    public int sendSegmented(
            byte[] frame, int length, int gsoType, int headersBytes, int segmentBytes, int csumStart, int csumOffset)
            throws NativeException {
        if (headerBytes == 0) throw new IllegalStateException("this packet socket was opened without a header");
        var message = ByteBuffer.allocate(HEADER_BYTES + length).order(ByteOrder.nativeOrder());
        message.put((byte) NEEDS_CSUM).put((byte) gsoType).putShort((short) headersBytes);
        message.putShort((short) segmentBytes).putShort((short) csumStart).putShort((short) csumOffset);
        message.put(frame, 0, length);
        return send(message.array(), message.position());
    }

    /**
     * Takes the next frame that came in. A VLAN tag, which the kernel has taken off, is put back.
     *
     * @param buffer receives the frame, behind the header if there is one; a longer frame is cut
     * @return bytes in {@code buffer}, or {@code -EAGAIN} if there is none
     * @throws NativeException ENETDOWN if the interface went down
     */
    public int receive(byte[] buffer) throws NativeException {
        incoming.set(ValueLayout.JAVA_LONG, 16, incoming.address() + IOVEC);
        incoming.set(ValueLayout.JAVA_LONG, 24, 1);
        incoming.set(ValueLayout.JAVA_LONG, 32, incoming.address() + CONTROL);
        incoming.set(ValueLayout.JAVA_LONG, 40, CONTROL_BYTES);
        incoming.set(ValueLayout.JAVA_LONG, IOVEC, incoming.address() + DATA);
        incoming.set(ValueLayout.JAVA_LONG, IOVEC + 8, MAX_FRAME_BYTES);
        long result = Posix.recvmsg(fd.number(), incoming.address(), 0);
        Reference.reachabilityFence(this);
        if (result == -Errno.EAGAIN) return -Errno.EAGAIN;
        int bytes = (int) check(result, "recvmsg AF_PACKET", "cannot receive a frame");
        int tag = vlanTag();
        int split = headerBytes + ADDRESSES_BYTES;
        if (tag == 0 || bytes < split) {
            int kept = Math.min(bytes, buffer.length);
            MemorySegment.copy(incoming, ValueLayout.JAVA_BYTE, DATA, buffer, 0, kept);
            return kept;
        }
        var whole = ByteBuffer.allocate(bytes + TAG_BYTES);
        whole.put(incoming.asSlice(DATA, split).asByteBuffer()).putInt(tag);
        whole.put(incoming.asSlice(DATA + split, bytes - split).asByteBuffer());
        int kept = Math.min(bytes + TAG_BYTES, buffer.length);
        whole.get(0, buffer, 0, kept);
        return kept;
    }

    // TPID and TCI as they stand in a frame, or 0.
    private int vlanTag() {
        if (incoming.get(ValueLayout.JAVA_LONG, 40) < 16 + AUXDATA_BYTES) return 0;
        int status = incoming.get(ValueLayout.JAVA_INT, CONTROL_DATA + TP_STATUS);
        if ((status & TP_STATUS_VLAN_VALID) == 0) return 0;
        int tci = Short.toUnsignedInt(incoming.get(ValueLayout.JAVA_SHORT, CONTROL_DATA + TP_VLAN_TCI));
        boolean named = (status & TP_STATUS_VLAN_TPID_VALID) != 0;
        int tpid = Short.toUnsignedInt(incoming.get(ValueLayout.JAVA_SHORT, CONTROL_DATA + TP_VLAN_TPID));
        return (named ? tpid : ETH_P_8021Q) << 16 | tci;
    }

    @Override
    public void close() {
        fd.close();
    }
}
