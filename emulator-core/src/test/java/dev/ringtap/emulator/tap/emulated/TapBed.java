// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.linux.posix.IovecArray;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** A TAP with both its sides in a test's hands; the kernel's or the emulated one. */
abstract class TapBed implements AutoCloseable {
    private static final int ROOM_BYTES = 128 * 1024;
    private static final byte UNTOUCHED = (byte) 0xA5;

    final int headerBytes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment room = arena.allocate(ROOM_BYTES);
    private final IovecArray iovecs = new IovecArray(64);

    TapBed(int headerBytes) {
        this.headerBytes = headerBytes;
    }

    /** Bytes transferred or a negated errno, and what is in the buffer. */
    record Read(int result, byte[] buffer) {
        byte[] header(int bytes) {
            return Arrays.copyOf(buffer, bytes);
        }

        byte[] frame(int headerBytes) {
            return Arrays.copyOfRange(buffer, headerBytes, result);
        }
    }

    /** A frame as the host got it. */
    record Received(byte[] frame, int flags, int gsoType, int gsoSize, int checksumStart, int checksumOffset) {}

    /** What both kinds of device count. */
    record Counted(long rxPackets, long rxBytes, long rxDropped, long txPackets, long txBytes, long txDropped) {}

    /** Reads once into pieces of these sizes. */
    Read read(int queue, int... pieces) {
        room.fill(UNTOUCHED);
        int total = place(pieces);
        int result = readv(queue, iovecs.address(), pieces.length);
        return new Read(result, room.asSlice(0, total).toArray(ValueLayout.JAVA_BYTE));
    }

    /** Reads once with room for everything. */
    Read read(int queue) {
        return read(queue, headerBytes, ROOM_BYTES - headerBytes);
    }

    /** Writes once, out of pieces of these sizes; the last takes what is left. */
    int write(int queue, byte[] bytes, int... pieces) {
        MemorySegment.copy(bytes, 0, room, ValueLayout.JAVA_BYTE, 0, bytes.length);
        int[] all = Arrays.copyOf(pieces, pieces.length + 1);
        all[pieces.length] = bytes.length - Arrays.stream(pieces).sum();
        place(all);
        return writev(queue, iovecs.address(), all.length);
    }

    private int place(int... pieces) {
        int at = 0;
        for (int i = 0; i < pieces.length; i++) {
            iovecs.set(i, room.address() + at, pieces[i]);
            at += pieces[i];
        }
        return at;
    }

    abstract int readv(int queue, long iovecs, int count);

    abstract int writev(int queue, long iovecs, int count);

    /** Sends as the host. @return 0 or a negated errno */
    abstract int send(byte[] frame, FrameInfo info) throws Exception;

    int send(byte[] frame) throws Exception {
        return send(frame, new FrameInfo());
    }

    /** The next frame that the host got. */
    abstract Received awaitAtHost() throws Exception;

    abstract void setOffloads(int tunFlags) throws Exception;

    abstract void setAttachedQueues(int count) throws Exception;

    abstract void detachQueue(int index) throws Exception;

    abstract void attachQueue(int index) throws Exception;

    /** A steering program that answers always the same. */
    abstract void steerTo(int answer) throws Exception;

    abstract void clearSteering() throws Exception;

    /** A filter program that answers always the same. */
    abstract void filter(int answer) throws Exception;

    abstract void setUp(boolean up) throws Exception;

    abstract void remove() throws Exception;

    abstract boolean present(int queue);

    abstract Counted counted() throws Exception;

    @Override
    public void close() {
        iovecs.close();
        arena.close();
    }
}
