// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads the Ethernet frames of a capture file in libpcap's format, in either byte order and precision. One thread. */
public final class PcapReader implements AutoCloseable {
    private static final long NS_PER_SECOND = 1_000_000_000L;
    private static final int NS_PER_MICRO = 1_000;

    private final Path file;
    private final InputStream in;
    private final ByteBuffer header = ByteBuffer.allocate(PcapFormat.FRAME_HEADER_BYTES);
    private final int fractionNs;
    private byte[] data = new byte[2048];
    private int lengthBytes;
    private int originalBytes;
    private long timeNs;

    private PcapReader(Path file, InputStream in, ByteOrder order, int fractionNs) {
        this.file = file;
        this.in = in;
        this.fractionNs = fractionNs;
        header.order(order);
    }

    /** @throws IOException if the file cannot be read, or is not a capture of Ethernet frames; says which */
    public static PcapReader open(Path file) throws IOException {
        InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            ByteBuffer head = ByteBuffer.wrap(in.readNBytes(PcapFormat.FILE_HEADER_BYTES));
            if (head.capacity() < PcapFormat.FILE_HEADER_BYTES) {
                throw new IOException(file + ": too short for a capture file");
            }
            ByteOrder order = ByteOrder.BIG_ENDIAN;
            int magic = head.getInt(0);
            if (magic == PcapFormat.PCAPNG_MAGIC) {
                throw new IOException(file + ": a pcapng file; make it a pcap one (tshark -F pcap -r IN -w OUT)");
            }
            if (!known(magic)) {
                order = ByteOrder.LITTLE_ENDIAN;
                magic = Integer.reverseBytes(magic);
            }
            if (!known(magic)) {
                throw new IOException(file + ": not a capture file");
            }
            int linkType = head.order(order).getInt(PcapFormat.LINK_TYPE) & 0xFFFF;
            if (linkType != PcapFormat.LINKTYPE_ETHERNET) {
                throw new IOException("%s: frames of link type %d, not of Ethernet (%d)"
                        .formatted(file, linkType, PcapFormat.LINKTYPE_ETHERNET));
            }
            return new PcapReader(file, in, order, magic == PcapFormat.MAGIC_NANOS ? 1 : NS_PER_MICRO);
        } catch (IOException e) {
            in.close();
            throw e;
        }
    }

    private static boolean known(int magic) {
        return magic == PcapFormat.MAGIC_MICROS || magic == PcapFormat.MAGIC_NANOS;
    }

    /**
     * Goes to the next frame.
     *
     * @return false at the file's end
     * @throws IOException if the file ends within a frame, or a length is impossible
     */
    public boolean next() throws IOException {
        int got = in.readNBytes(header.array(), 0, PcapFormat.FRAME_HEADER_BYTES);
        if (got == 0) {
            return false;
        }
        if (got < PcapFormat.FRAME_HEADER_BYTES) {
            throw new EOFException(file + ": ends within the header of a frame");
        }
        timeNs = Integer.toUnsignedLong(header.getInt(0)) * NS_PER_SECOND
                + Integer.toUnsignedLong(header.getInt(4)) * fractionNs;
        lengthBytes = header.getInt(8);
        originalBytes = header.getInt(12);
        if (lengthBytes < 0 || lengthBytes > PcapFormat.SNAPSHOT_BYTES) {
            throw new IOException("%s: a frame of %s bytes".formatted(file, Integer.toUnsignedString(lengthBytes)));
        }
        if (data.length < lengthBytes) {
            data = new byte[lengthBytes];
        }
        if (in.readNBytes(data, 0, lengthBytes) < lengthBytes) {
            throw new EOFException(file + ": ends within a frame");
        }
        return true;
    }

    /** Holds the frame, from its first byte; used again for the next. */
    public byte[] data() {
        return data;
    }

    /** Bytes that the file has of the frame. */
    public int lengthBytes() {
        return lengthBytes;
    }

    /** Bytes that the frame had; more than {@link #lengthBytes} if it was cut. */
    public int originalBytes() {
        return originalBytes;
    }

    /** When it was captured, in nanoseconds since 1970. */
    public long timeNs() {
        return timeNs;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
