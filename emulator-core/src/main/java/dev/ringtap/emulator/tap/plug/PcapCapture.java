// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.emulator.tap.emulated.FrameObserver;
import dev.ringtap.emulator.tap.emulated.HostSide;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.function.Consumer;

/**
 * Records the frames of an emulated TAP, both ways, to a capture file. It writes on the threads that send, so it slows them
 * down. A frame is in the file after {@value #FLUSH_INTERVAL_MS} ms at the latest, whatever becomes of the process. After a
 * fault of the file it records no more.
 */
public final class PcapCapture implements AutoCloseable, FrameObserver {
    private static final int ADDRESSES_BYTES = 12;
    private static final int TAG_BYTES = 4;
    private static final long NS_PER_SECOND = 1_000_000_000L;
    private static final long FLUSH_INTERVAL_MS = 1_000;

    private final HostSide host;
    private final PcapWriter writer;
    private final Consumer<IOException> onFailure;
    private boolean closed;
    private boolean heldBack;
    private IOException failure;
    private long frames;
    private final byte[] tag = new byte[TAG_BYTES];

    private PcapCapture(HostSide host, PcapWriter writer, Consumer<IOException> onFailure) {
        this.host = host;
        this.writer = writer;
        this.onFailure = onFailure;
    }

    /** Records from now on. */
    public static PcapCapture start(HostSide host, Path file) throws IOException {
        return start(host, file, failure -> {});
    }

    /**
     * Records from now on.
     *
     * @param onFailure is told the fault of the file that ends the recording, as soon as it is noticed, on whichever thread
     *     that is: it must not wait
     */
    public static PcapCapture start(HostSide host, Path file, Consumer<IOException> onFailure) throws IOException {
        PcapCapture capture = new PcapCapture(host, PcapWriter.create(file), onFailure);
        Thread.ofPlatform().name("ringtap-capture").daemon().start(capture::writeOutNowAndThen);
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
            heldBack = true;
        } catch (IOException e) {
            fail(e);
        }
    }

    private synchronized void writeOutNowAndThen() {
        try {
            while (!closed && failure == null) {
                wait(FLUSH_INTERVAL_MS);
                if (heldBack && !closed && failure == null) {
                    heldBack = false;
                    writer.flush();
                }
            }
        } catch (IOException e) {
            fail(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void fail(IOException fault) {
        failure = fault;
        onFailure.accept(fault);
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
            notifyAll();
            try {
                writer.close();
            } catch (IOException e) {
                if (failure == null) {
                    fail(e);
                }
            }
            if (failure != null) {
                throw failure;
            }
        }
    }
}
