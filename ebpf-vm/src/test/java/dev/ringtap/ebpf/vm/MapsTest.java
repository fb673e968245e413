// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static dev.ringtap.ebpf.vm.TestProgram.map;
import static dev.ringtap.ebpf.vm.TestProgram.number;
import static dev.ringtap.ebpf.vm.TestProgram.u32;
import static dev.ringtap.ebpf.vm.TestProgram.u64;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MapsTest {
    private static final byte[] FRAME = new byte[64];

    /** Adds 1 to the 64-bit value of the key in {@code cb[0]}; 0 if there is none. */
    private static final String COUNT = """
            ldxw %r2, [%r1+48]
            stxw [%r10-4], %r2
            lddw %r1, map 0
            mov %r2, %r10
            add %r2, -4
            call 1
            jne %r0, 0, found
            mov %r0, 0
            exit
            found:
            mov %r1, 1
            lock fetch add [%r0+0], %r1
            add %r1, 1
            mov %r0, %r1
            exit
            """;

    /** Puts the 64-bit number {@code cb[1]} under the key {@code cb[0]} with flags {@code cb[2]}. */
    private static final String UPDATE = """
            ldxw %r2, [%r1+48]
            stxw [%r10-4], %r2
            ldxw %r2, [%r1+52]
            stxdw [%r10-16], %r2
            ldxw %r4, [%r1+56]
            lddw %r1, map 0
            mov %r2, %r10
            add %r2, -4
            mov %r3, %r10
            add %r3, -16
            call 2
            exit
            """;

    private static final String DELETE = """
            ldxw %r2, [%r1+48]
            stxw [%r10-4], %r2
            lddw %r1, map 0
            mov %r2, %r10
            add %r2, -4
            call 3
            exit
            """;

    private static long run(Engine engine, String source, VmMap map, int... cb) {
        var skb = new SkBuff().reset(FRAME, 0, FRAME.length);
        for (int i = 0; i < cb.length; i++) skb.cb(i, cb[i]);
        return new TestProgram(ProgramType.SOCKET_FILTER, engine, source, map).run(skb);
    }

    @ParameterizedTest
    @EnumSource
    void arrayHasEveryElementFromTheBeginning(Engine engine) {
        var array = map(MapDefinition.ARRAY, 4, 8, 3);
        assertEquals(1, run(engine, COUNT, array, 2));
        assertEquals(2, run(engine, COUNT, array, 2));
        assertEquals(0, run(engine, COUNT, array, 3));
        assertEquals(0, run(engine, COUNT, array, -1));
        assertEquals(2, number(array.lookup(u32(2))));
        assertNull(array.lookup(u32(3)));
        array.update(u32(2), u64(40));
        assertEquals(41, run(engine, COUNT, array, 2));
        assertEquals(0, run(engine, UPDATE, array, 1, 99, 0));
        assertEquals(99, number(array.lookup(u32(1))));
        assertEquals(-Errno.E2BIG, run(engine, UPDATE, array, 3, 99, 0));
        assertEquals(-Errno.EEXIST, run(engine, UPDATE, array, 1, 99, 1));
        assertEquals(-Errno.EINVAL, run(engine, DELETE, array, 1));
        assertThrows(IllegalArgumentException.class, () -> array.update(u32(3), u64(1)));
        assertThrows(IllegalArgumentException.class, () -> array.update(u64(0), u64(1)));
        assertThrows(UnsupportedOperationException.class, () -> array.delete(u32(0)));
    }

    @ParameterizedTest
    @EnumSource
    void hashInsertsReplacesDeletesAndIsFull(Engine engine) {
        var hash = map(MapDefinition.HASH, 4, 8, 2);
        assertEquals(0, run(engine, COUNT, hash, 7));
        assertEquals(-Errno.ENOENT, run(engine, UPDATE, hash, 7, 1, 2));
        assertEquals(0, run(engine, UPDATE, hash, 7, 1, 1));
        assertEquals(-Errno.EEXIST, run(engine, UPDATE, hash, 7, 1, 1));
        assertEquals(0, run(engine, UPDATE, hash, 7, 5, 2));
        assertEquals(6, run(engine, COUNT, hash, 7));
        hash.update(u32(8), u64(80));
        assertEquals(-Errno.E2BIG, run(engine, UPDATE, hash, 9, 1, 0));
        assertThrows(IllegalStateException.class, () -> hash.update(u32(9), u64(1)));
        assertEquals(0, run(engine, UPDATE, hash, 8, 81, 0));
        assertEquals(81, number(hash.lookup(u32(8))));
        assertEquals(0, run(engine, DELETE, hash, 7));
        assertEquals(-Errno.ENOENT, run(engine, DELETE, hash, 7));
        assertNull(hash.lookup(u32(7)));
        assertEquals(0, run(engine, UPDATE, hash, 9, 1, 0));
        assertTrue(hash.delete(u32(9)));
        assertFalse(hash.delete(u32(9)));
    }

    @Test
    void hashKeepsManyKeysApart() {
        var hash = map(MapDefinition.HASH, 4, 8, 5000);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 5000; i++) hash.update(u32(i * 1024), u64(i + round));
            for (int i = 0; i < 5000; i += 2) assertTrue(hash.delete(u32(i * 1024)));
            for (int i = 0; i < 5000; i++) {
                if (i % 2 == 0) assertNull(hash.lookup(u32(i * 1024)));
                else assertEquals(i + round, number(hash.lookup(u32(i * 1024))));
            }
        }
    }

    /** Bytes (1, 0) and (0, 31) have the same 31 * first + second: keys that a polynomial of 31 all puts into one chain. */
    @Test
    void chosenKeysDoNotMeetInOneChain() throws BpfException {
        int bits = 17;
        int keys = 1 << bits;
        var definition = new MapDefinition("keys", MapDefinition.HASH, 2 * bits, 4, keys, 0, null);
        var table = new SlotTable(definition, keys + 1, new MapMemory(Long.MAX_VALUE));
        var inBucket = new TreeMap<Integer, Integer>();
        byte[] key = new byte[2 * bits];
        for (int i = 0; i < keys; i++) {
            for (int bit = 0; bit < bits; bit++) {
                boolean set = (i >> bit & 1) != 0;
                key[2 * bit] = (byte) (set ? 1 : 0);
                key[2 * bit + 1] = (byte) (set ? 0 : 31);
            }
            inBucket.merge(table.bucket(key), 1, Integer::sum);
        }
        // Random secrets give a handful; the polynomial gives all.
        int longest = Collections.max(inBucket.values());
        assertTrue(longest <= keys / 32, () -> longest + " keys in one chain");
    }

    @Test
    void keysOfEverySizeAreFoundByAllTheirBytes() {
        for (int bytes = 1; bytes <= 20; bytes++) {
            var hash = map(MapDefinition.HASH, bytes, 4, 8 * bytes);
            for (int bit = 0; bit < 8 * bytes; bit++) hash.update(oneBit(bytes, bit), u32(bit));
            for (int bit = 0; bit < 8 * bytes; bit++) assertEquals(bit, number(hash.lookup(oneBit(bytes, bit))));
            assertNull(hash.lookup(new byte[bytes]));
        }
    }

    private static byte[] oneBit(int bytes, int bit) {
        byte[] key = new byte[bytes];
        key[bit / 8] = (byte) (1 << bit % 8);
        return key;
    }

    @Test
    void lruGivesUpWhatWasNotLookedUp() {
        var lru = map(MapDefinition.LRU_HASH, 4, 8, 4);
        for (int i = 0; i < 4; i++) lru.update(u32(i), u64(i));
        for (int i = 4; i < 50; i++) {
            assertEquals(1, run(Engine.COMPILED, COUNT, lru, 0) - number(lru.lookup(u32(0))) + 1);
            lru.update(u32(i), u64(i));
            assertNotNull(lru.lookup(u32(0)), "the one in use was given up for " + i);
            assertNotNull(lru.lookup(u32(i)));
        }
        int left = 0;
        for (int i = 0; i < 50; i++) if (lru.lookup(u32(i)) != null) left++;
        assertEquals(4, left);
    }

    @ParameterizedTest
    @EnumSource
    void perCpuValuesBelongToOneContext(Engine engine) {
        for (int type : new int[] {MapDefinition.PERCPU_ARRAY, MapDefinition.PERCPU_HASH}) {
            var values = map(type, 4, 8, 4);
            values.update(u32(1), u64(10));
            var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, COUNT, values);
            var first = new SkBuff().reset(FRAME, 0, FRAME.length).cb(0, 1);
            var second = new SkBuff().reset(FRAME, 0, FRAME.length).cb(0, 1);
            assertEquals(11, program.run(first));
            assertEquals(12, program.run(first));
            assertEquals(11, program.run(second));
            byte[] all = values.lookup(u32(1));
            assertEquals(VirtualCpus.COUNT * 8, all.length);
            assertEquals(12, Memory.load(all, 8 * first.run.cpu, 8));
            assertEquals(11, Memory.load(all, 8 * second.run.cpu, 8));
        }
    }

    private static final String RING = """
            ldxw %r6, [%r1+48]
            lddw %r1, map 0
            mov %r2, 16
            mov %r3, 0
            call 131
            jne %r0, 0, room
            mov %r0, -1
            exit
            room:
            stxdw [%r0+0], %r6
            stdw [%r0+8], 5
            mov %r1, %r0
            mov %r2, 0
            jset %r6, 1, odd
            call 132
            mov %r0, 0
            exit
            odd:
            call 133
            mov %r0, 1
            exit
            """;

    @ParameterizedTest
    @EnumSource
    void ringBufferKeepsOrderSkipsDiscardedRecordsAndWraps(Engine engine) {
        var ring = map(MapDefinition.RINGBUF, 0, 0, 4096);
        var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, RING, ring);
        var skb = new SkBuff().reset(FRAME, 0, FRAME.length);
        var got = new ArrayList<Long>();
        for (int i = 0; i < 1000; i++) {
            assertEquals(i & 1, program.run(skb.cb(0, i)));
            if (i % 100 == 99)
                assertEquals(50, ring.drain(record -> {
                    assertEquals(16, record.length);
                    got.add(Memory.load(record, 0, 8));
                }));
        }
        assertEquals(500, got.size());
        for (int i = 0; i < 500; i++) assertEquals(2L * i, got.get(i));
    }

    @ParameterizedTest
    @EnumSource
    void recordsThatAFaultLeftOpenAreDiscarded(Engine engine) {
        var ring = map(MapDefinition.RINGBUF, 0, 0, 4096);
        // Reserves two records, submits the second, then loops for ever if cb[0] is not 0.
        var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                mov %r6, %r1
                lddw %r1, map 0
                mov %r2, 16
                mov %r3, 0
                call 131
                jeq %r0, 0, full
                mov %r7, %r0
                lddw %r1, map 0
                mov %r2, 16
                mov %r3, 0
                call 131
                jeq %r0, 0, full
                stdw [%r0+0], 2
                mov %r1, %r0
                mov %r2, 0
                call 132
                again:
                ldxw %r1, [%r6+48]
                jne %r1, 0, again
                stdw [%r7+0], 1
                mov %r1, %r7
                mov %r2, 0
                call 132
                mov %r0, 0
                exit
                full:
                mov %r0, 1
                exit
                """, ring);
        var skb = new SkBuff().reset(FRAME, 0, FRAME.length);
        var got = new ArrayList<Long>();
        for (int i = 0; i < 200; i++) {
            assertThrows(EbpfFault.class, () -> program.run(skb.cb(0, 1)));
            assertEquals(1, ring.drain(record -> got.add(Memory.load(record, 0, 8))));
        }
        assertEquals(0, program.run(skb.cb(0, 0)));
        assertEquals(2, ring.drain(record -> got.add(Memory.load(record, 0, 8))));
        assertEquals(202, got.size());
        assertEquals(List.of(2L, 1L, 2L), got.subList(199, 202));
    }

    @ParameterizedTest
    @EnumSource
    void onlyAReservedRecordIsSubmittedAndOnce(Engine engine) {
        var ring = map(MapDefinition.RINGBUF, 0, 0, 4096);
        String source = """
                lddw %r1, map 0
                mov %r2, 16
                mov %r3, 0
                call 131
                mov %r6, %r0
                add %r6, OFFSET
                mov %r1, %r6
                mov %r2, 0
                call 132
                mov %r1, %r6
                mov %r2, 0
                call 132
                exit
                """;
        for (String offset : List.of("0", "8")) {
            var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, source.replace("OFFSET", offset), ring);
            assertThrows(EbpfFault.class, () -> program.run(FRAME));
            assertEquals(offset.equals("0") ? 1 : 0, ring.drain(record -> {}));
        }
    }

    @Test
    void fullRingBufferRefuses() {
        var ring = map(MapDefinition.RINGBUF, 0, 0, 4096);
        int records = 0;
        while (run(Engine.COMPILED, RING, ring, 0) == 0) records++;
        assertEquals(4096 / 24, records);
        assertEquals(records, ring.drain(record -> {}));
        assertEquals(0, run(Engine.COMPILED, RING, ring, 0));
    }

    @ParameterizedTest
    @EnumSource
    void mapOfMapsShowsTheMapThatIsInIt(Engine engine) {
        for (int type : new int[] {MapDefinition.ARRAY_OF_MAPS, MapDefinition.HASH_OF_MAPS}) {
            var first = map(MapDefinition.ARRAY, 4, 8, 1);
            var second = map(MapDefinition.ARRAY, 4, 8, 1);
            var outer = map(type, 4, 4, 2, first.definition());
            var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                    stw [%r10-4], 0
                    stw [%r10-8], 1
                    lddw %r1, map 0
                    mov %r2, %r10
                    add %r2, -8
                    call 1
                    jne %r0, 0, found
                    mov %r0, -1
                    exit
                    found:
                    mov %r1, %r0
                    mov %r2, %r10
                    add %r2, -4
                    call 1
                    jeq %r0, 0, exit
                    ldxdw %r0, [%r0+0]
                    exit
                    """, outer);
            first.update(u32(0), u64(11));
            second.update(u32(0), u64(22));
            assertEquals(-1, program.run(FRAME));
            outer.update(u32(1), first);
            assertEquals(11, program.run(FRAME));
            outer.update(u32(1), second);
            var skb = new SkBuff().reset(FRAME, 0, FRAME.length);
            assertEquals(22, program.run(skb));
            assertFalse(Arrays.asList(skb.run.maps).contains(second), "kept beyond the run");
            assertTrue(outer.delete(u32(1)));
            assertEquals(-1, program.run(FRAME));
            var other = map(MapDefinition.ARRAY, 4, 16, 1);
            assertThrows(IllegalArgumentException.class, () -> outer.update(u32(1), other));
            // Programs were let write to what they find in the slot.
            var readOnly = assertDoesNotThrow(() -> VmMap.create(new MapDefinition(
                    "constants", MapDefinition.ARRAY, 4, 8, 1, MapDefinition.READ_ONLY_FOR_PROGRAMS, null)));
            assertThrows(IllegalArgumentException.class, () -> outer.update(u32(1), readOnly));
            assertThrows(UnsupportedOperationException.class, () -> outer.lookup(u32(1)));
        }
    }

    @ParameterizedTest
    @EnumSource
    void callbackSeesEveryElement(Engine engine) {
        for (int type : new int[] {MapDefinition.ARRAY, MapDefinition.HASH}) {
            var values = map(type, 4, 8, 5);
            for (int i = 0; i < 5; i++) values.update(u32(i), u64(10 + i));
            var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                    stdw [%r10-8], 0
                    lddw %r1, map 0
                    lddw %r2, func sum
                    mov %r3, %r10
                    add %r3, -8
                    mov %r4, 0
                    call 164
                    jne %r0, 5, wrong
                    ldxdw %r0, [%r10-8]
                    exit
                    wrong:
                    mov %r0, -1
                    exit
                    sum:
                    ldxw %r0, [%r2+0]
                    ldxdw %r1, [%r3+0]
                    add %r0, %r1
                    ldxdw %r1, [%r4+0]
                    add %r1, %r0
                    stxdw [%r4+0], %r1
                    mov %r0, 0
                    exit
                    """, values);
            assertEquals(10 + 60, program.run(FRAME));
        }
    }

    @Test
    void refusesWhatItCannotBe() {
        var tooLarge = new MapDefinition("huge", MapDefinition.ARRAY, 4, 1 << 20, 1 << 20, 0, null);
        assertTrue(assertThrows(BpfException.class, () -> VmMap.create(tooLarge))
                .getMessage()
                .contains("'huge'"));
        var unknown = new MapDefinition("trie", 11, 8, 4, 1, 1, null);
        assertThrows(BpfException.class, () -> VmMap.create(unknown));
        var badRing = new MapDefinition("ring", MapDefinition.RINGBUF, 0, 0, 5000, 0, null);
        assertThrows(BpfException.class, () -> VmMap.create(badRing));
    }

    @Test
    void sizesThatOverflowAreRefused() {
        int[] sizes = {0x7FFF_FFFF, 0x7FFF_FFF9, 0x7FFF_FFF8, 1 << 30, 1 << 29, 1 << 28};
        for (int type : new int[] {
            MapDefinition.ARRAY, MapDefinition.PERCPU_ARRAY, MapDefinition.HASH, MapDefinition.LRU_PERCPU_HASH
        }) {
            for (int valueBytes : sizes) {
                // The largest: with a number of CPUs that is a power of two, sizes multiply to 2^64, which is 0.
                for (int entries : new int[] {8, 9, 1 << 20, 1 << 30, 0x7FFF_FFEF}) {
                    var definition = new MapDefinition("huge", type, 4, valueBytes, entries, 0, null);
                    var refused = assertThrows(BpfException.class, () -> VmMap.create(definition));
                    assertTrue(refused.getMessage().contains("'huge'"), refused.getMessage());
                }
            }
        }
        // One value is more than a buffer holds, rounded up to 8 bytes.
        var value = new MapDefinition("huge", MapDefinition.ARRAY, 4, 0x7FFF_FFFF, 1, 0, null);
        assertThrows(BpfException.class, () -> VmMap.create(value));
    }

    @Test
    void globalVariablesBeginWithTheirContents() throws BpfException {
        var data = VmMap.create(
                new MapDefinition(".data", MapDefinition.ARRAY, 4, 4, 1, 0, null, new byte[] {1, 2, 3, 4}));
        assertArrayEquals(new byte[] {1, 2, 3, 4}, data.lookup(u32(0)));
    }
}
