// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.emulator.tap.emulated.FrameObserver;
import dev.ringtap.emulator.tap.emulated.HostSide;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;

/**
 * Records the frames of an emulated TAP, both ways, to a capture file. It writes on the threads that send, so it slows them
 * down; after a fault of the file it records no more.
 */
public final class PcapCapture implements AutoCloseable, FrameObserver {
    private static final int ADDRESSES_BYTES = 12;
    private static final int TAG_BYTES = 4;
    private static final long NS_PER_SECOND = 1_000_000_000L;

    private final HostSide host;
    private final PcapWriter writer;
    private boolean closed;
    private IOException failure;
    private long frames;
    private final byte[] tag = new byte[TAG_BYTES];

    private PcapCapture(HostSide host, PcapWriter writer) {
        this.host = host;
        this.writer = writer;
    }

    /** Records from now on. */
    public static PcapCapture start(HostSide host, Path file) throws IOException {
        PcapCapture capture = new PcapCapture(host, PcapWriter.create(file));
        host.addObserver(capture);
        return capture;
    }

    @Override
    public synchronized void frame(Direction direction, byte[] data, int offset, int lengthBytes, FrameInfo info) {
        if (closed || failure != null) {
            return;
        }
        int tagBytes = info.vlanPresent() && lengthBytes >= ADDRESSES_BYTES ? TAG_BYTES : 0;
        tag[0] = (byte) (info.vlanProtocol() >> 8);
        tag[1] = (byte) info.vlanProtocol();
        tag[2] = (byte) (info.vlanTci() >> 8);
        tag[3] = (byte) info.vlanTci();
        int place = tagBytes == 0 ? 0 : ADDRESSES_BYTES;
        Instant now = Instant.now();
        long timeNs = now.getEpochSecond() * NS_PER_SECOND + now.getNano();
        try {
            writer.write(timeNs, data, offset, lengthBytes, tag, place, tagBytes);
            frames++;
        } catch (IOException e) {
            failure = e;
        }
    }

    /** Frames recorded so far. */
    public synchronized long frames() {
        return frames;
    }

    /**
     * Ends the recording.
     *
     * @throws IOException if any of it could not be written
     */
    @Override
    public void close() throws IOException {
        host.removeObserver(this);
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            writer.close();
            if (failure != null) {
                throw failure;
            }
        }
    }
}
