// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.socket;

import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * One {@code struct msghdr} with a data buffer and room for descriptors, off heap and used again for each message.
 * Layouts of 64-bit Linux, linux/socket.h:
 *
 * <pre>
 *   msghdr  0 void *msg_name     8 u32 msg_namelen       16 iovec *msg_iov   24 size_t msg_iovlen
 *          32 void *msg_control 40 size_t msg_controllen 48 int msg_flags
 *   iovec   0 void *iov_base     8 size_t iov_len
 *   cmsghdr 0 size_t cmsg_len (with this header)  8 int cmsg_level  12 int cmsg_type  16 data, padded to 8
 * </pre>
 */
final class SocketMessage {
    /** Bytes of data a message carries at most; a longer transfer takes several. */
    static final int DATA_BYTES = 4096;

    /** SCM_MAX_FD, net/scm.h: what the kernel lets a sender attach. Room for all, so that none is cut off. */
    static final int MAX_DESCRIPTORS = 253;

    private static final int HEADER = 0;
    private static final int IOVEC = 56;
    private static final int CONTROL = 72;
    private static final int CMSG_HEADER_BYTES = 16;

    private static final int MSG_IOV = HEADER + 16;
    private static final int MSG_IOVLEN = HEADER + 24;
    private static final int MSG_CONTROL = HEADER + 32;
    private static final int MSG_CONTROLLEN = HEADER + 40;
    private static final int MSG_FLAGS = HEADER + 48;

    private final MemorySegment memory;
    private final long controlRoom;
    private final long data;

    SocketMessage(int maxDescriptors) {
        controlRoom = aligned(CMSG_HEADER_BYTES + 4L * maxDescriptors);
        data = CONTROL + controlRoom;
        memory = Arena.ofAuto().allocate(data + DATA_BYTES, 8);
        memory.set(ValueLayout.JAVA_LONG, MSG_IOV, memory.address() + IOVEC);
        memory.set(ValueLayout.JAVA_LONG, MSG_IOVLEN, 1);
        memory.set(ValueLayout.JAVA_LONG, IOVEC, memory.address() + data);
    }

    /** For the call; valid as long as this object is reachable. */
    long address() {
        return memory.address();
    }

    /** Before a receive: how many bytes of data are wanted, at most {@link #DATA_BYTES}. */
    void prepareReceive(int dataBytes) {
        setLengths(dataBytes, controlRoom);
        memory.set(ValueLayout.JAVA_INT, MSG_FLAGS, 0);
    }

    /** Before a send: the bytes and the descriptors that ride on the first of them. */
    void prepareSend(byte[] source, int offset, int dataBytes, int[] fds) {
        MemorySegment.copy(source, offset, memory, ValueLayout.JAVA_BYTE, data, dataBytes);
        if (fds.length == 0) {
            setLengths(dataBytes, 0);
            return;
        }
        long length = CMSG_HEADER_BYTES + 4L * fds.length;
        memory.set(ValueLayout.JAVA_LONG, CONTROL, length);
        memory.set(ValueLayout.JAVA_INT, CONTROL + 8, Posix.SOL_SOCKET);
        memory.set(ValueLayout.JAVA_INT, CONTROL + 12, Posix.SCM_RIGHTS);
        MemorySegment.copy(fds, 0, memory, ValueLayout.JAVA_INT, CONTROL + CMSG_HEADER_BYTES, fds.length);
        setLengths(dataBytes, aligned(length));
    }

    private void setLengths(int dataBytes, long controlBytes) {
        memory.set(ValueLayout.JAVA_LONG, IOVEC + 8, dataBytes);
        memory.set(ValueLayout.JAVA_LONG, MSG_CONTROL, controlBytes == 0 ? 0 : memory.address() + CONTROL);
        memory.set(ValueLayout.JAVA_LONG, MSG_CONTROLLEN, controlBytes);
    }

    void copyData(byte[] target, int offset, int dataBytes) {
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, data, target, offset, dataBytes);
    }

    /** After a receive: takes over the descriptors that came. */
    void takeDescriptors(List<OwnedFd> into) {
        long end = CONTROL + memory.get(ValueLayout.JAVA_LONG, MSG_CONTROLLEN);
        long at = CONTROL;
        while (at + CMSG_HEADER_BYTES <= end) {
            long length = memory.get(ValueLayout.JAVA_LONG, at);
            boolean rights = memory.get(ValueLayout.JAVA_INT, at + 8) == Posix.SOL_SOCKET
                    && memory.get(ValueLayout.JAVA_INT, at + 12) == Posix.SCM_RIGHTS;
            for (long fd = at + CMSG_HEADER_BYTES; rights && fd + 4 <= at + length; fd += 4)
                into.add(OwnedFd.of(memory.get(ValueLayout.JAVA_INT, fd)));
            // The kernel never writes a length below its header; never loop on one all the same.
            at += Math.max(aligned(length), CMSG_HEADER_BYTES);
        }
    }

    /** After a receive: whether descriptors did not fit and are lost. */
    boolean descriptorsCutOff() {
        return (memory.get(ValueLayout.JAVA_INT, MSG_FLAGS) & Posix.MSG_CTRUNC) != 0;
    }

    private static long aligned(long bytes) {
        return bytes + 7 & -8L;
    }
}
