// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A program's memory while it runs, kept with the packet so that a run allocates nothing. Every access is checked here
 * or by the JVM: the region must exist and the offset lie inside it. That a program stays inside one value, or its own
 * frame, is what the checker proves.
 */
final class Run {
    /** Of one function. */
    static final int FRAME_BYTES = 512;

    /** Functions that may be active at once, as in the kernel. */
    static final int FRAMES_MAX = 8;

    static final int STACK_BYTES = FRAME_BYTES * FRAMES_MAX;

    /** Of a key, as in the kernel's hash maps with a key on the stack. */
    static final int KEY_BYTES_MAX = FRAME_BYTES;

    /** That a run may meet before more room is made. */
    private static final int INNER_MAPS = 4;

    /** Of ring buffers, that a run may have open before more room is made. */
    private static final int OPEN_RECORDS = 4;

    private static final AtomicInteger NEXT_CPU = new AtomicInteger();

    final SkBuff skb;

    /** Frames grow down from the end, so leaving the first one upwards leaves the array. */
    final byte[] stack = new byte[STACK_BYTES];

    /**
     * What a program sees as its processor. Per-CPU values are for one run at a time; a context belongs to one thread, so
     * contexts count as processors.
     */
    final int cpu = Math.floorMod(NEXT_CPU.getAndIncrement(), VirtualCpus.COUNT);

    /** By region below {@link Address#VALUES}. */
    private final byte[][] arrays = new byte[Address.VALUES][];

    /** The maps of the VM, then the inner maps that this run met. */
    ProgramMap[] maps = {};

    /** Of {@link #maps}, null for those without plain values. */
    private ByteBuffer[] values = {};

    private MapTable table;
    private int mapCount;

    /** Records of ring buffers that were reserved in this run and not yet submitted or discarded. */
    private long[] openRecords = new long[OPEN_RECORDS];

    private int openRecordCount;

    /** Instructions that this run may still take. */
    long budget;

    /** Where the frame of the function that called a helper begins: what a callback's frame follows. */
    int frame;

    /** Registers of interpreted functions, by frame. */
    final long[][] registers = new long[FRAMES_MAX][11];

    private final byte[] key = new byte[KEY_BYTES_MAX];
    private long random = System.nanoTime() ^ (long) cpu << 48 | 1;

    LinkedProgram program;

    Run(SkBuff skb) {
        this.skb = skb;
        arrays[Address.STACK] = stack;
        arrays[Address.KEYS] = new byte[FRAMES_MAX * KEY_BYTES_MAX];
    }

    void begin(LinkedProgram program) {
        this.program = program;
        if (table != program.maps()) bind(program.maps());
        mapCount = table.count();
        budget = program.budget();
        frame = STACK_BYTES;
        arrays[Address.PACKET] = skb.buffer;
    }

    /**
     * However the run ended: a record that was left open would keep its ring buffer's consumer waiting for ever, and inner
     * maps that were replaced since would live as long as this context.
     */
    void end() {
        while (openRecordCount > 0) {
            long record = openRecords[--openRecordCount];
            ringOf(record).commit(record, true);
        }
        for (int own = table.count(); mapCount > own; ) {
            maps[--mapCount] = null;
            values[mapCount] = null;
        }
    }

    /** Notes a record of a ring buffer, which this run now has to submit or discard. */
    void opened(long record) {
        if (openRecordCount == openRecords.length) openRecords = Arrays.copyOf(openRecords, 2 * openRecordCount);
        openRecords[openRecordCount++] = record;
    }

    /** Ends a record that was noted; only those can be ended, and once. */
    void close(long record, boolean discard) {
        // From the end: mostly it is the only one, or the last.
        int i = openRecordCount - 1;
        while (i >= 0 && openRecords[i] != record) i--;
        if (i < 0) throw bad("reserved record", record);
        openRecords[i] = openRecords[--openRecordCount];
        ringOf(record).commit(record, discard);
    }

    private RingBuffer ringOf(long record) {
        return (RingBuffer) maps[Address.region(record) - Address.VALUES];
    }

    /** The context may go from one VM's program to another's with every packet, so this allocates nothing either. */
    private void bind(MapTable table) {
        this.table = table;
        int count = table.count();
        if (maps.length < count + INNER_MAPS) {
            maps = new ProgramMap[count + INNER_MAPS];
            values = new ByteBuffer[count + INNER_MAPS];
        }
        System.arraycopy(table.maps(), 0, maps, 0, count);
        System.arraycopy(table.values(), 0, values, 0, count);
        // Nothing of another VM is left within reach.
        Arrays.fill(maps, count, maps.length, null);
        Arrays.fill(values, count, values.length, null);
    }

    void packetMoved() {
        arrays[Address.PACKET] = skb.buffer;
    }

    /** @return a pointer to a map that was found in another one */
    long mapAddress(ProgramMap inner) {
        for (int i = table.count(); i < mapCount; i++) if (maps[i] == inner) return Address.of(Address.MAP, i);
        if (mapCount == maps.length) {
            maps = Arrays.copyOf(maps, 2 * mapCount);
            values = Arrays.copyOf(values, 2 * mapCount);
        }
        maps[mapCount] = inner;
        values[mapCount] = inner.values();
        return Address.of(Address.MAP, mapCount++);
    }

    ProgramMap map(long address) {
        if (Address.region(address) != Address.MAP) throw bad("map", address);
        return maps[Address.offset(address)];
    }

    /** Null if the pointer is not into values of a map. */
    ByteBuffer valuesAt(long address) {
        int region = Address.region(address);
        return region >= Address.VALUES ? values[region - Address.VALUES] : null;
    }

    long load(long address, int sizeBytes) {
        int region = Address.region(address);
        int at = Address.offset(address);
        if (region >= Address.VALUES) return Memory.load(values[region - Address.VALUES], at, sizeBytes);
        if (region == Address.CONTEXT) return ContextField.load(skb, at, sizeBytes);
        return Memory.load(array(region, address), at, sizeBytes);
    }

    void store(long address, int sizeBytes, long value) {
        int region = Address.region(address);
        int at = Address.offset(address);
        if (region >= Address.VALUES) Memory.store(values[region - Address.VALUES], at, sizeBytes, value);
        else if (region == Address.CONTEXT) ContextField.store(skb, at, sizeBytes, value);
        else Memory.store(array(region, address), at, sizeBytes, value);
    }

    private byte[] array(int region, long address) {
        byte[] array = region >= 0 ? arrays[region] : null;
        if (array == null) throw bad("memory", address);
        return array;
    }

    void read(long address, byte[] to, int toOffset, int lengthBytes) {
        int region = Address.region(address);
        int at = Address.offset(address);
        if (region >= Address.VALUES) values[region - Address.VALUES].get(at, to, toOffset, lengthBytes);
        else System.arraycopy(array(region, address), at, to, toOffset, lengthBytes);
    }

    void write(long address, byte[] from, int fromOffset, int lengthBytes) {
        int region = Address.region(address);
        int at = Address.offset(address);
        if (region >= Address.VALUES) values[region - Address.VALUES].put(at, from, fromOffset, lengthBytes);
        else System.arraycopy(from, fromOffset, array(region, address), at, lengthBytes);
    }

    /** From a program's memory into values of a map. */
    void read(long address, ByteBuffer to, int toOffset, int lengthBytes) {
        int region = Address.region(address);
        int at = Address.offset(address);
        if (region >= Address.VALUES) to.put(toOffset, values[region - Address.VALUES], at, lengthBytes);
        else to.put(toOffset, array(region, address), at, lengthBytes);
    }

    void fill(long address, int lengthBytes, byte value) {
        for (int i = 0; i < lengthBytes; i++) store(address + i, 1, value);
    }

    /** @return the key's bytes, valid until the next call */
    byte[] key(long address, int lengthBytes) {
        read(address, key, 0, lengthBytes);
        return key;
    }

    /** A text that ends with a zero byte. */
    String text(long address, int bytesMax) {
        var text = new StringBuilder();
        for (int i = 0; i < bytesMax; i++) {
            int c = (int) load(address + i, 1);
            if (c == 0) break;
            text.append((char) c);
        }
        return text.toString();
    }

    /** xorshift64: fast, and nobody takes it for secret. */
    int nextRandom() {
        long x = random;
        x ^= x << 13;
        x ^= x >>> 7;
        x ^= x << 17;
        random = x;
        return (int) (x >>> 32);
    }

    /** Calls a function of the program from a helper. */
    long callback(long function, long r1, long r2, long r3, long r4) {
        if (Address.region(function) != Address.FUNCTION) throw bad("function", function);
        int callerFrame = frame;
        try {
            return program.code().call(this, Address.offset(function), callerFrame - FRAME_BYTES, r1, r2, r3, r4, 0);
        } finally {
            frame = callerFrame;
        }
    }

    /** @return where to put the key that a callback sees: the function that called the helper has one at a time */
    long callbackKey() {
        int depth = (STACK_BYTES - frame) / FRAME_BYTES;
        return Address.of(Address.KEYS, depth * KEY_BYTES_MAX);
    }

    /** Called when a function begins. */
    static void checkFrame(int frame) {
        if (frame < FRAME_BYTES)
            throw new IndexOutOfBoundsException("more than " + FRAMES_MAX + " functions are active");
    }

    /** Counts instructions. */
    void spend(int instructions) {
        budget -= instructions;
        if (budget < 0) throw new BudgetException(program.budget());
    }

    private static IndexOutOfBoundsException bad(String expected, long address) {
        return new IndexOutOfBoundsException("a pointer to " + expected + " is " + Address.describe(address));
    }

    /** More instructions than allowed. */
    static final class BudgetException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        BudgetException(long budget) {
            super("takes more than " + budget + " instructions");
        }
    }
}
