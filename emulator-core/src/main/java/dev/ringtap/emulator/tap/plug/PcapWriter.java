// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes Ethernet frames to a capture file in libpcap's format, with times in nanoseconds. Any thread. Frames are held back
 * for a while; after a fault nothing more is written, so that what is in the file stays as it is.
 */
public final class PcapWriter implements AutoCloseable {
    private static final long NS_PER_SECOND = 1_000_000_000L;

    private final OutputStream file;
    private final OutputStream out;
    private final ByteBuffer header =
            ByteBuffer.allocate(PcapFormat.FRAME_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private boolean failed;

    private PcapWriter(OutputStream file) {
        this.file = file;
        out = new BufferedOutputStream(file, 1 << 16);
    }

    /**
     * Makes a new file, or empties one that is there.
     *
     * @throws IOException also if there is no room for the little that the file begins with
     */
    public static PcapWriter create(Path file) throws IOException {
        PcapWriter writer = new PcapWriter(Files.newOutputStream(file));
        ByteBuffer head = ByteBuffer.allocate(PcapFormat.FILE_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        head.putInt(PcapFormat.MAGIC_NANOS).putShort((short) PcapFormat.MAJOR).putShort((short) PcapFormat.MINOR);
        head.putInt(0).putInt(0).putInt(PcapFormat.SNAPSHOT_BYTES).putInt(PcapFormat.LINKTYPE_ETHERNET);
        try {
            writer.out.write(head.array());
            writer.flush();
            return writer;
        } catch (IOException e) {
            writer.close();
            throw e;
        }
    }

    /**
     * Adds a frame in one piece.
     *
     * @param timeNs since 1970
     */
    public void write(long timeNs, byte[] data, int offset, int lengthBytes) throws IOException {
        write(timeNs, data, offset, lengthBytes, data, 0, 0);
    }

    /** Adds a frame with other bytes, such as a tag, put in at a place of it. */
    synchronized void write(
            long timeNs, byte[] data, int offset, int lengthBytes, byte[] inserted, int place, int insertedBytes)
            throws IOException {
        header.clear();
        header.putInt((int) (timeNs / NS_PER_SECOND)).putInt((int) (timeNs % NS_PER_SECOND));
        header.putInt(lengthBytes + insertedBytes).putInt(lengthBytes + insertedBytes);
        checkUsable();
        try {
            out.write(header.array());
            out.write(data, offset, place);
            out.write(inserted, 0, insertedBytes);
            out.write(data, offset + place, lengthBytes - place);
        } catch (IOException e) {
            failed = true;
            throw e;
        }
    }

    /** Writes out what is held back. */
    public synchronized void flush() throws IOException {
        checkUsable();
        try {
            out.flush();
        } catch (IOException e) {
            failed = true;
            throw e;
        }
    }

    private void checkUsable() throws IOException {
        if (failed) {
            throw new IOException("writing failed before");
        }
    }

    /** Writes out what is held back, and closes the file. */
    @Override
    public synchronized void close() throws IOException {
        if (failed) {
            // The buffer would be written once more, behind the part of it that is in the file.
            file.close();
        } else {
            out.close();
        }
    }
}
