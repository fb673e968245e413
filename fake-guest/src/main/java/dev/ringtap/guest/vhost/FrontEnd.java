// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.vhost;

import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.socket.UnixConnection;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The front-end's end of a vhost-user socket. Source: QEMU, docs/interop/vhost-user.rst. One method a message, and
 * below them {@link #send}, {@link #sendBytes} and {@link #receive} for messages that no good front-end sends.
 *
 * <p>Every exchange blocks its caller, at most for the reply timeout; exchanges of several threads come one after the
 * other. Once REPLY_ACK is agreed every message is acknowledged, and a refusal is an exception that names the message.
 * Without it a back-end can only close the socket, which the next exchange reports.
 */
public final class FrontEnd implements AutoCloseable {
    /** Flag of SET_VRING_KICK, _CALL and _ERR: no descriptor comes with it. */
    public static final long NO_FD = 1L << 8;

    private static final int SO_RCVTIMEO = 20;
    private static final int SO_SNDTIMEO = 21;

    private final UnixConnection connection;
    private final Duration replyTimeout;
    private boolean replyAck;

    private FrontEnd(UnixConnection connection, Duration replyTimeout) {
        this.connection = connection;
        this.replyTimeout = replyTimeout;
    }

    /**
     * Connects to a listening back-end.
     *
     * @param replyTimeout how long a reply may take, more than 0
     */
    public static FrontEnd connect(Path socket, Duration replyTimeout) throws IOException {
        return over(UnixConnection.connect(socket), replyTimeout);
    }

    /** On a connection that exists; it is closed with the front-end, or here if this fails. */
    public static FrontEnd over(UnixConnection connection, Duration replyTimeout) throws NativeException {
        try {
            connection.fd().setNonBlocking(false);
            setTimeouts(connection.fd().number(), replyTimeout);
            return new FrontEnd(connection, replyTimeout);
        } catch (NativeException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    private static void setTimeouts(int fd, Duration timeout) throws NativeException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment timeval = arena.allocate(16, 8);
            timeval.set(ValueLayout.JAVA_LONG, 0, timeout.toSeconds());
            timeval.set(ValueLayout.JAVA_LONG, 8, timeout.toNanosPart() / 1000);
            for (int option : new int[] {SO_RCVTIMEO, SO_SNDTIMEO}) {
                NativeException.check(
                        Posix.setsockopt(fd, Posix.SOL_SOCKET, option, timeval.address(), (int) timeval.byteSize()),
                        "setsockopt SO_RCVTIMEO",
                        "cannot limit the wait for the back-end");
            }
        }
    }

    /** The socket, to watch for its end. Stays owned here. */
    public OwnedFd fd() {
        return connection.fd();
    }

    // ---- Features and owner

    public long getFeatures() throws IOException {
        return askU64(FrontEndRequest.GET_FEATURES);
    }

    public void setFeatures(long features) throws IOException {
        tell(FrontEndRequest.SET_FEATURES, u64(features));
    }

    public void setOwner() throws IOException {
        tell(FrontEndRequest.SET_OWNER, new byte[0]);
    }

    /** Bits as in {@link ProtocolFeature}. */
    public long getProtocolFeatures() throws IOException {
        return askU64(FrontEndRequest.GET_PROTOCOL_FEATURES);
    }

    /** From now on messages are acknowledged if REPLY_ACK is among them. */
    public synchronized void setProtocolFeatures(long protocolFeatures) throws IOException {
        // This message itself is sent as agreed before it: the back-end learns of REPLY_ACK by it.
        tell(FrontEndRequest.SET_PROTOCOL_FEATURES, u64(protocolFeatures));
        replyAck = ProtocolFeature.REPLY_ACK.in(protocolFeatures);
    }

    /** Needs the protocol feature MQ. Back-ends differ on whether they count virtqueues or pairs. */
    public long getQueueNum() throws IOException {
        return askU64(FrontEndRequest.GET_QUEUE_NUM);
    }

    public void resetDevice() throws IOException {
        tell(FrontEndRequest.RESET_DEVICE, new byte[0]);
    }

    // ---- Configuration space and status

    /**
     * Reads a part of the configuration space. Needs the protocol feature CONFIG.
     *
     * @return {@code lengthBytes} bytes
     */
    public byte[] getConfig(int offset, int lengthBytes) throws IOException {
        byte[] request = buffer(12 + lengthBytes)
                .putInt(offset)
                .putInt(lengthBytes)
                .putInt(0)
                .array();
        VhostUserMessage reply = ask(FrontEndRequest.GET_CONFIG, request);
        if (reply.payload().length == 0) {
            throw new VhostUserException(
                    "the back-end refused GET_CONFIG of %d bytes at %d".formatted(lengthBytes, offset));
        }
        expectPayload(FrontEndRequest.GET_CONFIG, reply, 12 + lengthBytes);
        ByteBuffer body = reply.body();
        int replyOffset = body.getInt();
        int replyLength = body.getInt();
        if (replyOffset != offset || replyLength != lengthBytes) {
            throw new VhostUserException("GET_CONFIG of %d bytes at %d was answered with %d at %d"
                    .formatted(lengthBytes, offset, replyLength, replyOffset));
        }
        return Arrays.copyOfRange(reply.payload(), 12, reply.payload().length);
    }

    /** @param flags 0: the guest writes; 1: for live migration */
    public void setConfig(int offset, byte[] content, int flags) throws IOException {
        tell(
                FrontEndRequest.SET_CONFIG,
                buffer(12 + content.length)
                        .putInt(offset)
                        .putInt(content.length)
                        .putInt(flags)
                        .put(content)
                        .array());
    }

    /** Device status bits, VIRTIO 1.3, 2.1. Needs the protocol feature STATUS. */
    public int getStatus() throws IOException {
        return (int) askU64(FrontEndRequest.GET_STATUS);
    }

    public void setStatus(int status) throws IOException {
        tell(FrontEndRequest.SET_STATUS, u64(status));
    }

    // ---- Memory

    /** Shares all of it: one entry and one descriptor for each region. */
    public void setMemTable(GuestRam ram) throws IOException {
        int[] fds = new int[ram.regions().size()];
        Arrays.fill(fds, ram.fd());
        setMemTable(ram.regions(), fds);
    }

    /** Any table, with any descriptors: how many of either is not checked. */
    public void setMemTable(List<GuestRam.Region> regions, int... fds) throws IOException {
        ByteBuffer table =
                buffer(8 + 32 * regions.size()).putInt(regions.size()).putInt(0);
        for (GuestRam.Region region : regions) {
            table.putLong(region.guestAddress())
                    .putLong(region.sizeBytes())
                    .putLong(region.userAddress())
                    .putLong(region.mmapOffsetBytes());
        }
        tell(FrontEndRequest.SET_MEM_TABLE, table.array(), fds);
    }

    // ---- Virtqueues

    public void setVringNum(int index, int size) throws IOException {
        tell(FrontEndRequest.SET_VRING_NUM, vringState(index, size));
    }

    public void setVringBase(int index, int base) throws IOException {
        tell(FrontEndRequest.SET_VRING_BASE, vringState(index, base));
    }

    /**
     * Stops the ring.
     *
     * @return the next index of the available ring that the back-end would have taken
     */
    public int getVringBase(int index) throws IOException {
        VhostUserMessage reply = ask(FrontEndRequest.GET_VRING_BASE, vringState(index, 0));
        expectPayload(FrontEndRequest.GET_VRING_BASE, reply, 8);
        int replyIndex = reply.body().getInt(0);
        if (replyIndex != index) {
            throw new VhostUserException(
                    "GET_VRING_BASE of virtqueue %d was answered for %d".formatted(index, replyIndex));
        }
        return reply.body().getInt(4);
    }

    /** The three addresses are user addresses. */
    public void setVringAddr(int index, int flags, long descriptors, long used, long available, long log)
            throws IOException {
        tell(
                FrontEndRequest.SET_VRING_ADDR,
                buffer(40)
                        .putInt(index)
                        .putInt(flags)
                        .putLong(descriptors)
                        .putLong(used)
                        .putLong(available)
                        .putLong(log)
                        .array());
    }

    public void setVringEnable(int index, boolean enable) throws IOException {
        tell(FrontEndRequest.SET_VRING_ENABLE, vringState(index, enable ? 1 : 0));
    }

    /**
     * SET_VRING_KICK, SET_VRING_CALL or SET_VRING_ERR.
     *
     * @param fd one descriptor or none
     */
    public void setVringFd(FrontEndRequest which, int index, int... fd) throws IOException {
        tell(which, u64(fd.length == 0 ? index | NO_FD : index), fd);
    }

    /** All that a ring needs before it can start: size, base, addresses, call, err, and kick last. */
    public void setUp(Vring vring, int base) throws IOException {
        int index = vring.index();
        setVringNum(index, vring.queue().size());
        setVringBase(index, base);
        setVringAddr(
                index,
                0,
                vring.queue().descriptorUserAddress(),
                vring.queue().usedUserAddress(),
                vring.queue().availableUserAddress(),
                0);
        setVringFd(FrontEndRequest.SET_VRING_CALL, index, vring.callFd().fd().number());
        setVringFd(FrontEndRequest.SET_VRING_ERR, index, vring.errFd().fd().number());
        setVringFd(FrontEndRequest.SET_VRING_KICK, index, vring.kickFd().fd().number());
    }

    /** Gives the back-end a socket of its own for requests to this end. Needs the protocol feature BACKEND_REQ. */
    public void setBackendReqFd(int fd) throws IOException {
        tell(FrontEndRequest.SET_BACKEND_REQ_FD, new byte[0], fd);
    }

    // ---- Any message

    /** Sends a request that has no reply of its own; waits for its acknowledgement where that is agreed. */
    public synchronized void tell(FrontEndRequest request, byte[] payload, int... fds) throws IOException {
        int needReply = replyAck ? VhostUserMessage.NEED_REPLY : 0;
        sendNamed(request, new VhostUserMessage(request.code(), VhostUserMessage.VERSION | needReply, payload), fds);
        if (!replyAck) {
            return;
        }
        VhostUserMessage ack = receiveReply(request);
        expectPayload(request, ack, 8);
        long result = ack.body().getLong();
        if (result != 0) {
            throw new VhostUserException("the back-end refused " + request + " (" + result + ")");
        }
    }

    /** Sends a request and takes its reply. */
    public synchronized VhostUserMessage ask(FrontEndRequest request, byte[] payload) throws IOException {
        sendNamed(request, new VhostUserMessage(request.code(), VhostUserMessage.VERSION, payload));
        return receiveReply(request);
    }

    private void sendNamed(FrontEndRequest request, VhostUserMessage message, int... fds) throws IOException {
        try {
            send(message, fds);
        } catch (NativeException e) {
            throw new VhostUserException("the back-end is gone: cannot send " + request + ": " + e.getMessage(), e);
        }
    }

    /** Sends a message as it is, right or wrong, with descriptors on its first byte. No reply is awaited. */
    public synchronized void send(VhostUserMessage message, int... fds) throws NativeException {
        sendBytes(message.encode(), fds);
    }

    /** Sends bytes as they are. */
    public synchronized void sendBytes(byte[] bytes, int... fds) throws NativeException {
        connection.send(bytes, 0, bytes.length, fds);
    }

    private VhostUserMessage receiveReply(FrontEndRequest request) throws IOException {
        VhostUserMessage reply;
        try {
            reply = receive();
        } catch (IOException e) {
            throw new VhostUserException("no reply to " + request + ": " + e.getMessage(), e);
        }
        int wanted = VhostUserMessage.VERSION | VhostUserMessage.REPLY;
        int flags = reply.flags() & (VhostUserMessage.VERSION_MASK | VhostUserMessage.REPLY);
        if (reply.request() != request.code() || flags != wanted) {
            throw new VhostUserException("the answer to " + request + " is " + reply);
        }
        return reply;
    }

    /**
     * Takes the next message off the socket; descriptors that come with it are closed.
     *
     * @throws VhostUserException at the end of the connection, on an impossible size, or if none came in time
     */
    public synchronized VhostUserMessage receive() throws IOException {
        ByteBuffer header =
                ByteBuffer.wrap(receiveFully(VhostUserMessage.HEADER_BYTES)).order(ByteOrder.nativeOrder());
        int request = header.getInt();
        int flags = header.getInt();
        int size = header.getInt();
        if (size < 0 || size > VhostUserMessage.MAX_PAYLOAD_BYTES) {
            throw new VhostUserException("%s claims a payload of %s bytes"
                    .formatted(FrontEndRequest.nameOf(request), Integer.toUnsignedString(size)));
        }
        return new VhostUserMessage(request, flags, receiveFully(size));
    }

    private byte[] receiveFully(int lengthBytes) throws IOException {
        byte[] bytes = new byte[lengthBytes];
        List<OwnedFd> fds = new ArrayList<>();
        try {
            for (int done = 0; done < lengthBytes; ) {
                int count = connection.receive(bytes, done, lengthBytes - done, fds);
                if (count == -Errno.EAGAIN) {
                    throw new VhostUserException("the back-end sent nothing for " + replyTimeout.toMillis() + " ms");
                }
                if (count == 0) {
                    throw new VhostUserException("the back-end closed the connection");
                }
                done += count;
            }
            return bytes;
        } finally {
            fds.forEach(OwnedFd::close);
        }
    }

    private long askU64(FrontEndRequest request) throws IOException {
        VhostUserMessage reply = ask(request, new byte[0]);
        expectPayload(request, reply, 8);
        return reply.body().getLong();
    }

    private static void expectPayload(FrontEndRequest request, VhostUserMessage reply, int bytes)
            throws VhostUserException {
        if (reply.payload().length != bytes) {
            throw new VhostUserException(
                    "the answer to %s has %d bytes, not %d".formatted(request, reply.payload().length, bytes));
        }
    }

    private static byte[] u64(long value) {
        return buffer(8).putLong(value).array();
    }

    private static byte[] vringState(int index, int number) {
        return buffer(8).putInt(index).putInt(number).array();
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
    }

    /** Closes the socket; to the back-end the guest is then gone. */
    @Override
    public void close() {
        connection.close();
    }
}
