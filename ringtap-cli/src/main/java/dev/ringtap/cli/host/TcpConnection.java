// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.host;

import dev.ringtap.guest.traffic.Frames;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/**
 * A TCP connection that a {@link HostStack} opened: RFC 9293 as far as a link without delay and almost without loss asks
 * for it. It sends as much as the peer's window permits, without congestion control; what is not acknowledged in time is
 * sent again from there on. Options but the maximum segment size are not understood.
 *
 * <p>Positions are counted in bytes of the stream: byte 0 is the one behind SYN, and FIN stands behind the last.
 */
public final class TcpConnection {
    private static final int HEADER_BYTES = 20;
    private static final int CHECKSUM_OFFSET = 16;
    private static final int IPV4_BYTES = 20;
    private static final int IPV6_BYTES = 40;
    /** Where none is named: RFC 9293, 3.7.1. */
    private static final int DEFAULT_SEGMENT4 = 536;

    private static final int DEFAULT_SEGMENT6 = 1220;
    private static final int OPTION_END = 0;
    private static final int OPTION_NOTHING = 1;
    private static final int OPTION_SEGMENT_BYTES = 2;

    /** Most data of one frame, which is to hold it with all headers. */
    private static final int MOST_FRAME_DATA = 60_000;

    /** Unacknowledged and unsent bytes beyond which a writer waits. */
    private static final int MOST_HELD = 256 * 1024;

    private static final int RECEIVE_WINDOW = 0xFFFF;
    private static final long FIRST_TIMEOUT_NS = 400_000_000;
    private static final int MOST_REPETITIONS = 5;

    /** Both ends, from the host's side. */
    record Ends(InetSocketAddress local, InetSocketAddress remote) {
        @Override
        public String toString() {
            return local + " > " + remote;
        }
    }

    private final HostStack stack;
    private final Ends ends;
    private final boolean six;
    private final int initialSequence;
    private boolean open;
    private String fault;

    private int segmentBytes;
    private int peerWindow;
    /** Bytes from {@code acknowledged} on. */
    private byte[] held = new byte[0];

    private int acknowledged;
    private int sent;
    private boolean closing;
    private boolean finSent;
    private boolean finAcknowledged;
    private long progressNs;
    private int repetitions;

    private int peerInitialSequence;
    private int received;
    private int peerFinAt = -1;
    private boolean peerClosed;
    private byte[] unread = new byte[0];
    /** Data ahead of {@code received}, by position. */
    private final TreeMap<Integer, byte[]> ahead = new TreeMap<>();

    TcpConnection(HostStack stack, Ends ends) {
        this.stack = stack;
        this.ends = ends;
        six = ends.remote().getAddress().getAddress().length == 16;
        // Any number will do on a link of one run, as long as sequence numbers wrap for some.
        initialSequence = ends.hashCode() * 0x9E3779B9;
    }

    // ---- The socket's side

    void open() {
        progressNs = stack.nowNs();
        int most = stack.mtu() - (six ? IPV6_BYTES : IPV4_BYTES) - HEADER_BYTES;
        byte[] option = {OPTION_SEGMENT_BYTES, 4, (byte) (most >> 8), (byte) most};
        segmentBytes = most;
        emit(-1, Frames.TCP_SYN, option, new byte[0]);
    }

    /**
     * Waits until the other side has accepted.
     *
     * @throws IOException if it refuses, or does not answer
     */
    public void awaitOpen(long patienceMs) throws IOException, InterruptedException {
        synchronized (stack) {
            long deadline = stack.nowNs() + patienceMs * 1_000_000;
            while (!open) {
                await(deadline, "was not accepted");
            }
        }
    }

    /**
     * Takes bytes to send, and waits as long as too many are held already.
     *
     * @throws IOException if the connection is broken, or the other side takes nothing
     */
    public void write(byte[] bytes, long patienceMs) throws IOException, InterruptedException {
        synchronized (stack) {
            if (closing) {
                throw new IOException("the connection " + ends + " is closed for output");
            }
            long deadline = stack.nowNs() + patienceMs * 1_000_000;
            while (held.length > 0 && held.length + bytes.length > MOST_HELD) {
                await(deadline, "takes no data");
            }
            failIfBroken();
            int before = held.length;
            held = Arrays.copyOf(held, before + bytes.length);
            System.arraycopy(bytes, 0, held, before, bytes.length);
            output();
        }
    }

    private void await(long deadlineNs, String otherwise) throws IOException, InterruptedException {
        failIfBroken();
        long leftMs = (deadlineNs - stack.nowNs()) / 1_000_000;
        if (leftMs <= 0) {
            throw new IOException("the connection " + ends + " " + otherwise);
        }
        stack.wait(leftMs);
    }

    private void failIfBroken() throws IOException {
        if (fault != null) {
            throw new IOException("the connection " + ends + ": " + fault);
        }
    }

    /** Takes what has come in, as much as {@code buffer} has room for; -1 at the stream's end. */
    public int read(ByteBuffer buffer) throws IOException {
        synchronized (stack) {
            failIfBroken();
            if (unread.length == 0 && peerClosed) {
                return -1;
            }
            int bytes = Math.min(buffer.remaining(), unread.length);
            buffer.put(unread, 0, bytes);
            unread = Arrays.copyOfRange(unread, bytes, unread.length);
            return bytes;
        }
    }

    /** Says that nothing more will be sent. */
    public void shutdownOutput() {
        synchronized (stack) {
            closing = true;
            output();
        }
    }

    /** Bytes written and not acknowledged yet. */
    public int unacknowledged() {
        synchronized (stack) {
            return held.length;
        }
    }

    /** Whether both sides have closed, and each knows of the other. */
    public boolean closed() {
        synchronized (stack) {
            return finAcknowledged && peerClosed;
        }
    }

    /** What broke the connection, null if nothing did. */
    public String fault() {
        synchronized (stack) {
            return fault;
        }
    }

    // ---- Sending

    private void output() {
        if (!open || fault != null) {
            return;
        }
        if (outstanding() == 0) {
            progressNs = stack.nowNs();
        }
        while (true) {
            int underWay = sent - acknowledged;
            int bytes = Math.min(Math.min(held.length, peerWindow) - underWay, MOST_FRAME_DATA);
            if (bytes <= 0) {
                break;
            }
            byte[] data = Arrays.copyOfRange(held, underWay, underWay + bytes);
            emit(sent, Frames.TCP_ACK | Frames.TCP_PSH, new byte[0], data);
            sent += bytes;
        }
        if (closing && !finSent && sent - acknowledged == held.length) {
            finSent = true;
            emit(sent, Frames.TCP_FIN | Frames.TCP_ACK, new byte[0], new byte[0]);
        }
    }

    private int outstanding() {
        return sent - acknowledged + (finSent && !finAcknowledged ? 1 : 0);
    }

    /** Goes back to the first byte that was not acknowledged, if that has waited too long. */
    void tick() {
        if (fault != null || open && outstanding() == 0) {
            return;
        }
        long now = stack.nowNs();
        if (now - progressNs < FIRST_TIMEOUT_NS << repetitions) {
            return;
        }
        if (repetitions == MOST_REPETITIONS) {
            fault = open ? "nothing is acknowledged from byte " + acknowledged + " on" : "nobody answers";
            stack.notifyAll();
            return;
        }
        repetitions++;
        progressNs = now;
        if (open) {
            sent = acknowledged;
            finSent = finAcknowledged;
            output();
        } else {
            open();
        }
    }

    private void acknowledge() {
        emit(sent + (finSent ? 1 : 0), Frames.TCP_ACK, new byte[0], new byte[0]);
    }

    private void emit(int position, int flags, byte[] options, byte[] data) {
        byte[] source = ends.local().getAddress().getAddress();
        byte[] destination = ends.remote().getAddress().getAddress();
        byte[] segment = Frames.tcp(
                source,
                destination,
                ends.local().getPort(),
                ends.remote().getPort(),
                initialSequence + 1 + position,
                (flags & Frames.TCP_ACK) == 0 ? 0 : peerInitialSequence + 1 + received + (peerClosed ? 1 : 0),
                flags,
                options,
                data,
                true);
        byte[] packet = six
                ? Frames.ipv6(source, destination, Frames.PROTOCOL_TCP, segment)
                : Frames.ipv4(source, destination, Frames.PROTOCOL_TCP, segment);
        byte[] frame = stack.frame(ends.remote().getAddress(), packet);
        int start = frame.length - segment.length;
        if (data.length <= segmentBytes) {
            stack.send(HostFrame.partialChecksum(frame, start, CHECKSUM_OFFSET));
        } else {
            int type = six ? HostFrame.GSO_TCPV6 : HostFrame.GSO_TCPV4;
            int headers = frame.length - data.length;
            stack.send(HostFrame.segmented(frame, type, headers, segmentBytes, start, CHECKSUM_OFFSET));
        }
    }

    // ---- Receiving

    void received(IpView ip) {
        byte[] frame = ip.frame();
        int at = ip.transportAt();
        int dataAt = at + (frame[at + 12] >> 4 & 0xF) * 4;
        if (dataAt < at + HEADER_BYTES || dataAt > ip.end() || fault != null) {
            return;
        }
        int flags = frame[at + 13] & 0xFF;
        if ((flags & Frames.TCP_RST) != 0) {
            fault = open ? "the other side reset it" : "the other side refuses it";
        } else if ((flags & Frames.TCP_SYN) != 0) {
            receivedSyn(frame, at, dataAt, flags);
        } else if (open) {
            receivedAcknowledgment(IpView.i32(frame, at + 8), flags);
            peerWindow = IpView.u16(frame, at + 14);
            receivedData(IpView.i32(frame, at + 4) - peerInitialSequence - 1, ip.rest(dataAt), flags);
            output();
        }
        stack.notifyAll();
    }

    private void receivedSyn(byte[] frame, int at, int dataAt, int flags) {
        boolean answer = (flags & Frames.TCP_ACK) != 0 && IpView.i32(frame, at + 8) == initialSequence + 1;
        if (!open && answer) {
            open = true;
            repetitions = 0;
            peerInitialSequence = IpView.i32(frame, at + 4);
            peerWindow = IpView.u16(frame, at + 14);
            segmentBytes = Math.min(segmentBytes, peerSegmentBytes(frame, at + HEADER_BYTES, dataAt));
        }
        if (open) {
            acknowledge();
            output();
        }
    }

    private int peerSegmentBytes(byte[] frame, int from, int to) {
        int at = from;
        while (at + 1 < to && frame[at] != OPTION_END) {
            int bytes = frame[at] == OPTION_NOTHING ? 1 : Math.max(2, frame[at + 1] & 0xFF);
            if (frame[at] == OPTION_SEGMENT_BYTES && bytes == 4 && at + 4 <= to) {
                return Math.max(1, IpView.u16(frame, at + 2));
            }
            at += bytes;
        }
        return six ? DEFAULT_SEGMENT6 : DEFAULT_SEGMENT4;
    }

    private void receivedAcknowledgment(int acknowledgment, int flags) {
        int position = acknowledgment - initialSequence - 1;
        // After going back, the other side may acknowledge what was sent before.
        int most = acknowledged + held.length + (finSent ? 1 : 0);
        if ((flags & Frames.TCP_ACK) == 0 || position - acknowledged <= 0 || position - most > 0) {
            return;
        }
        boolean fin = finSent && position == most;
        int end = fin ? position - 1 : position;
        held = Arrays.copyOfRange(held, end - acknowledged, held.length);
        acknowledged = end;
        sent = Math.max(sent, end);
        finAcknowledged |= fin;
        repetitions = 0;
        progressNs = stack.nowNs();
    }

    private void receivedData(int position, byte[] data, int flags) {
        boolean fin = (flags & Frames.TCP_FIN) != 0;
        if (data.length == 0 && !fin) {
            return;
        }
        if (position + data.length - received <= RECEIVE_WINDOW) {
            if (data.length > 0) {
                ahead.merge(position, data, (a, b) -> a.length >= b.length ? a : b);
            }
            takeInOrder();
            if (fin) {
                peerFinAt = position + data.length;
            }
            peerClosed |= peerFinAt == received;
        }
        acknowledge();
    }

    private void takeInOrder() {
        while (!ahead.isEmpty() && ahead.firstKey() <= received) {
            Map.Entry<Integer, byte[]> first = ahead.pollFirstEntry();
            int known = received - first.getKey();
            int fresh = first.getValue().length - known;
            if (fresh > 0) {
                int before = unread.length;
                unread = Arrays.copyOf(unread, before + fresh);
                System.arraycopy(first.getValue(), known, unread, before, fresh);
                received += fresh;
            }
        }
    }

    @Override
    public String toString() {
        synchronized (stack) {
            return "TcpConnection[%s, %s, sent %d, acknowledged %d, received %d, fault %s]"
                    .formatted(ends, open ? "open" : "opening", sent, acknowledged, received, fault);
        }
    }
}
