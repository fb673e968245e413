// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.socket;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A connected stream socket of the Unix family that passes file descriptors along with bytes. Received descriptors are
 * closed on exec from the start.
 *
 * <p>One thread may receive while another sends; two of a kind take turns.
 */
public final class UnixConnection implements AutoCloseable {
    private static final int[] NONE = {};

    private final OwnedFd fd;
    private final SocketMessage incoming;
    private final SocketMessage outgoing = new SocketMessage(SocketMessage.MAX_DESCRIPTORS);

    private UnixConnection(OwnedFd fd, int maxReceivedDescriptors) {
        this.fd = fd;
        incoming = new SocketMessage(maxReceivedDescriptors);
    }

    /** Connects to a listening socket; blocks while its backlog is full. The descriptor blocks until set otherwise. */
    public static UnixConnection connect(Path path) throws NativeException {
        String doing = "cannot connect to " + path;
        try (var arena = Arena.ofConfined()) {
            var address = UnixAddress.encode(path, arena, "connect", doing);
            int type = Posix.SOCK_STREAM | Posix.SOCK_CLOEXEC;
            var fd = OwnedFd.of(check(Posix.socket(Posix.AF_UNIX, type, 0), "socket", doing));
            int result = Posix.connect(fd.number(), address.address(), (int) address.byteSize());
            if (result < 0) fd.close();
            check(result, "connect", doing);
            return adopt(fd);
        }
    }

    /** Two connections that are each other's peers, as the two ends of {@code socketpair(2)}. */
    public static UnixConnection[] pair() throws NativeException {
        try (var arena = Arena.ofConfined()) {
            var pair = arena.allocate(ValueLayout.JAVA_INT, 2);
            int type = Posix.SOCK_STREAM | Posix.SOCK_CLOEXEC;
            int result = Posix.socketpair(Posix.AF_UNIX, type, 0, pair.address());
            check(result, "socketpair", "cannot create a pair of connected sockets");
            return new UnixConnection[] {
                adopt(OwnedFd.of(pair.getAtIndex(ValueLayout.JAVA_INT, 0))),
                adopt(OwnedFd.of(pair.getAtIndex(ValueLayout.JAVA_INT, 1)))
            };
        }
    }

    /** Takes over a connected socket. */
    public static UnixConnection adopt(OwnedFd fd) {
        return new UnixConnection(fd, SocketMessage.MAX_DESCRIPTORS);
    }

    /** As {@link #adopt}, with less room for descriptors than a sender may attach. */
    static UnixConnection adopt(OwnedFd fd, int maxReceivedDescriptors) {
        return new UnixConnection(fd, maxReceivedDescriptors);
    }

    /** The descriptor, to poll on; it stays this object's. */
    public OwnedFd fd() {
        return fd;
    }

    /**
     * Receives some bytes, as many as there are but no more than one message of 4096.
     *
     * <p>The kernel ends a transfer behind the bytes that descriptors were sent with, but not in front of them. To know
     * which message of a protocol descriptors belong to, ask for no more bytes than that message still has; they come
     * with the first of them.
     *
     * @param fds receives the descriptors that came, which are the caller's from then on
     * @return bytes received, 0 at the orderly end, or {@code -EAGAIN} on a non-blocking descriptor without input
     * @throws NativeException ECONNRESET if the peer closed without having read all; EMSGSIZE if the kernel cut
     *     descriptors off, in which case those that did come are closed and the bytes are lost
     */
    public int receive(byte[] buffer, int offset, int length, List<OwnedFd> fds) throws NativeException {
        Objects.checkFromIndexSize(offset, length, buffer.length);
        if (length == 0) throw new IllegalArgumentException("a receive of 0 bytes cannot tell the end");
        synchronized (incoming) {
            incoming.prepareReceive(Math.min(length, SocketMessage.DATA_BYTES));
            long result = Posix.recvmsg(fd.number(), incoming.address(), Posix.MSG_CMSG_CLOEXEC);
            if (result == -Errno.EAGAIN) return -Errno.EAGAIN;
            check(result, "recvmsg", "cannot receive from a Unix socket");
            var came = new ArrayList<OwnedFd>();
            incoming.takeDescriptors(came);
            if (incoming.descriptorsCutOff()) {
                came.forEach(OwnedFd::close);
                String reason = "file descriptors were lost on a Unix socket (a message with too many of them, or this"
                        + " process is at its limit of open files)";
                throw new NativeException("recvmsg MSG_CTRUNC", Errno.EMSGSIZE, reason);
            }
            incoming.copyData(buffer, offset, (int) result);
            fds.addAll(came);
            return (int) result;
        }
    }

    /**
     * Sends all bytes, in one message if they are 4096 or fewer. On a blocking descriptor waits for room.
     *
     * @param fds ride on the first byte, at most 253; they stay the caller's and may be closed afterwards
     * @throws NativeException EPIPE if the peer is gone; EAGAIN if the descriptor does not block and the peer has left
     *     too much unread: a part may have been sent, so the connection is of no further use
     */
    public void send(byte[] buffer, int offset, int length, int... fds) throws NativeException {
        Objects.checkFromIndexSize(offset, length, buffer.length);
        if (length == 0) throw new IllegalArgumentException("descriptors ride on a byte; there is none to send");
        if (fds.length > SocketMessage.MAX_DESCRIPTORS)
            throw new IllegalArgumentException(fds.length + " file descriptors; a message carries at most 253");
        synchronized (outgoing) {
            int[] riding = fds;
            int sent = 0;
            while (sent < length) {
                outgoing.prepareSend(buffer, offset + sent, Math.min(length - sent, SocketMessage.DATA_BYTES), riding);
                long result = Posix.sendmsg(fd.number(), outgoing.address(), Posix.MSG_NOSIGNAL);
                sent += (int) check(result, "sendmsg", "cannot send on a Unix socket");
                riding = NONE;
            }
        }
    }

    @Override
    public void close() {
        fd.close();
    }

    @Override
    public String toString() {
        return "connection " + fd;
    }
}
