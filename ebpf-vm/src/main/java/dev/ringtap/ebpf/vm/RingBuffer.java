// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * Records from programs to one consumer, in the order of their reservation. Each is a header of 8 bytes (length, with the
 * two flags in its upper bits) and the record, rounded up to 8 bytes.
 *
 * <p>Positions count bytes for ever; a record begins at its position modulo the size. One that reaches beyond the end goes
 * on behind it, in room that no record begins in, so that every record lies in one piece.
 */
final class RingBuffer extends ProgramMap {
    private static final int HEADER_BYTES = 8;
    private static final int PAGE_BYTES = 4096;
    private static final int SIZE_BYTES_MAX = 1 << 29;
    private static final int BUSY = 1 << 31;
    private static final int DISCARD = 1 << 30;

    private static final int QUERY_AVAILABLE = 0;
    private static final int QUERY_SIZE = 1;
    private static final int QUERY_CONSUMER = 2;
    private static final int QUERY_PRODUCER = 3;

    private final int sizeBytes;
    private final ByteBuffer records;
    private long producer;
    private volatile long consumer;

    RingBuffer(MapDefinition definition, MapMemory memory) throws BpfException {
        super(definition);
        sizeBytes = definition.maxEntries();
        if (sizeBytes < PAGE_BYTES || sizeBytes > SIZE_BYTES_MAX || Integer.bitCount(sizeBytes) != 1)
            throw fault(
                    definition,
                    "must have a power of two of bytes as its entries, " + PAGE_BYTES + " to " + SIZE_BYTES_MAX);
        if (definition.keyBytes() != 0 || definition.valueBytes() != 0)
            throw fault(definition, "has no keys or values");
        records = memory.direct(definition, 2 * sizeBytes);
    }

    @Override
    ByteBuffer values() {
        return records;
    }

    @Override
    long lookup(Run run, int index, long key) {
        return 0;
    }

    @Override
    long update(Run run, long key, long value, long flags) {
        return -Errno.EINVAL;
    }

    @Override
    long delete(Run run, long key) {
        return -Errno.EINVAL;
    }

    /** @return a pointer to the record, 0 if there is no room */
    long reserve(int index, long lengthBytes) {
        if (lengthBytes < 0 || lengthBytes > sizeBytes - HEADER_BYTES) return 0;
        int whole = HEADER_BYTES + (int) lengthBytes + 7 & ~7;
        int at;
        synchronized (this) {
            if (producer + whole - consumer > sizeBytes) return 0;
            at = (int) (producer & sizeBytes - 1);
            // Busy before the position moves: the consumer stops here until the record is there.
            Memory.BUFFER_32.setVolatile(records, at, (int) lengthBytes | BUSY);
            producer += whole;
        }
        return Address.of(Address.VALUES + index, at + HEADER_BYTES);
    }

    /** Ends a reservation. */
    void commit(long record, boolean discard) {
        int at = Address.offset(record) - HEADER_BYTES;
        int length = records.getInt(at) & ~BUSY;
        // Pairs with the acquire in drain: the record's bytes come before its length without the flag.
        Memory.BUFFER_32.setRelease(records, at, discard ? length | DISCARD : length);
    }

    long output(Run run, int index, long data, long lengthBytes) {
        long record = reserve(index, lengthBytes);
        if (record == 0) return -Errno.EAGAIN;
        boolean copied = false;
        try {
            run.read(data, records, Address.offset(record), (int) lengthBytes);
            copied = true;
        } finally {
            commit(record, !copied);
        }
        return 0;
    }

    long query(long what) {
        // Before the producer's position, which it never passes.
        long consumed = consumer;
        long produced;
        synchronized (this) {
            produced = producer;
        }
        return switch ((int) what) {
            case QUERY_AVAILABLE -> produced - consumed;
            case QUERY_SIZE -> sizeBytes;
            case QUERY_CONSUMER -> consumed;
            case QUERY_PRODUCER -> produced;
            default -> 0;
        };
    }

    @Override
    public int drain(Consumer<byte[]> sink) {
        int taken = 0;
        synchronized (sinkLock) {
            while (true) {
                long produced;
                synchronized (this) {
                    produced = producer;
                }
                if (consumer == produced) return taken;
                int at = (int) (consumer & sizeBytes - 1);
                int header = (int) Memory.BUFFER_32.getAcquire(records, at);
                if ((header & BUSY) != 0) return taken;
                int length = header & ~DISCARD;
                byte[] record = null;
                if ((header & DISCARD) == 0) {
                    record = new byte[length];
                    records.get(at + HEADER_BYTES, record);
                }
                consumer += HEADER_BYTES + length + 7 & ~7;
                if (record != null) {
                    taken++;
                    sink.accept(record);
                }
            }
        }
    }

    /** One consumer at a time. */
    private final Object sinkLock = new Object();
}
