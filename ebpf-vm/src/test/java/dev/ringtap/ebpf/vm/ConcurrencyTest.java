// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static dev.ringtap.ebpf.vm.TestProgram.map;
import static dev.ringtap.ebpf.vm.TestProgram.number;
import static dev.ringtap.ebpf.vm.TestProgram.u32;
import static dev.ringtap.ebpf.vm.TestProgram.u64;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.util.ArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ConcurrencyTest {
    private static final int THREADS = 4;
    private static final int RUNS = 20_000;

    @ParameterizedTest
    @EnumSource
    void atomicOperationsLoseNothing(Engine engine) throws Exception {
        var array = map(MapDefinition.ARRAY, 4, 32, 1);
        var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                stw [%r10-4], 0
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -4
                call 1
                jeq %r0, 0, exit
                mov %r6, %r0
                mov %r1, 1
                lock add [%r6+0], %r1
                lock add32 [%r6+8], %r1
                lock fetch add32 [%r6+12], %r1
                again:
                ldxdw %r0, [%r6+16]
                mov %r1, %r0
                add %r1, 3
                mov %r2, %r0
                lock cmpxchg [%r6+16], %r1
                jne %r0, %r2, again
                mov %r0, 0
                exit
                """, array);
        inThreads(() -> {
            var skb = new SkBuff().reset(new byte[64], 0, 64);
            for (int i = 0; i < RUNS; i++) program.run(skb);
        });
        byte[] value = array.lookup(u32(0));
        long all = (long) THREADS * RUNS;
        assertEquals(all, Memory.load(value, 0, 8));
        assertEquals(all, Memory.load(value, 8, 4));
        assertEquals(all, Memory.load(value, 12, 4));
        assertEquals(3 * all, Memory.load(value, 16, 8));
    }

    @ParameterizedTest
    @EnumSource
    void runSeesTheOldMapOrTheNewOne(Engine engine) throws Exception {
        var first = map(MapDefinition.ARRAY, 4, 1024, 1);
        var outer = map(MapDefinition.ARRAY_OF_MAPS, 4, 4, 1, first.definition());
        outer.update(u32(0), first);
        // 1 if the first and the last word of the value differ.
        var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                stw [%r10-4], 0
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -4
                call 1
                jeq %r0, 0, exit
                mov %r1, %r0
                mov %r2, %r10
                add %r2, -4
                call 1
                jeq %r0, 0, exit
                ldxdw %r1, [%r0+0]
                ldxdw %r2, [%r0+1016]
                mov %r0, 0
                jeq %r1, %r2, exit
                mov %r0, 1
                exit
                """, outer);
        var stop = new AtomicBoolean();
        try (var executor = Executors.newFixedThreadPool(1)) {
            var swaps = executor.submit(() -> {
                int count = 0;
                for (; !stop.get(); count++) {
                    var next = VmMap.create(first.definition());
                    byte[] value = new byte[1024];
                    System.arraycopy(u64(count), 0, value, 0, 8);
                    System.arraycopy(u64(count), 0, value, 1016, 8);
                    next.update(u32(0), value);
                    outer.update(u32(0), next);
                }
                return count;
            });
            try {
                inThreads(() -> {
                    var skb = new SkBuff().reset(new byte[64], 0, 64);
                    for (int i = 0; i < RUNS; i++) assertEquals(0, program.run(skb));
                });
            } finally {
                stop.set(true);
            }
            assertTrue(swaps.get() > 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void hashMapSurvivesInsertsDeletesAndLookupsAtOnce(Engine engine) throws Exception {
        var hash = map(MapDefinition.HASH, 4, 8, 64);
        // Counts under the key cb[0]; inserts it first if it is not there.
        var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                ldxw %r2, [%r1+48]
                stxw [%r10-4], %r2
                stdw [%r10-16], 0
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -4
                mov %r3, %r10
                add %r3, -16
                mov %r4, 1
                call 2
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -4
                call 1
                jeq %r0, 0, exit
                mov %r1, 1
                lock add [%r0+0], %r1
                mov %r0, 1
                exit
                """, hash);
        inThreads(() -> {
            var skb = new SkBuff().reset(new byte[64], 0, 64);
            for (int i = 0; i < RUNS; i++) assertEquals(1, program.run(skb.cb(0, i % 16)));
        });
        long all = 0;
        for (int i = 0; i < 16; i++) all += number(hash.lookup(u32(i)));
        assertEquals((long) THREADS * RUNS, all);
    }

    /** Three slots for two keys: every slot becomes that of one key after the other. */
    @Test
    void keyLeadsToNoOtherKeysMap() throws Exception {
        var first = map(MapDefinition.ARRAY, 4, 8, 1);
        var second = map(MapDefinition.ARRAY, 4, 8, 1);
        first.update(u32(0), u64(1));
        second.update(u32(0), u64(2));
        var outer = map(MapDefinition.HASH_OF_MAPS, 4, 4, 2, first.definition());
        // 0 if there is no map under key 1, else what is in it.
        var program = new TestProgram(ProgramType.SOCKET_FILTER, Engine.COMPILED, """
                stw [%r10-4], 1
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -4
                call 1
                jeq %r0, 0, exit
                stw [%r10-4], 0
                mov %r1, %r0
                mov %r2, %r10
                add %r2, -4
                call 1
                jeq %r0, 0, exit
                ldxdw %r0, [%r0+0]
                exit
                """, outer);
        whileRunning(
                () -> {
                    outer.update(u32(1), first);
                    outer.delete(u32(1));
                    outer.update(u32(2), second);
                    outer.delete(u32(2));
                },
                // More threads than processors: one that loses its processor at the wrong moment finds another key's
                // map.
                () -> inThreads(() -> {
                    var skb = new SkBuff().reset(new byte[64], 0, 64);
                    for (int i = 0; i < 50 * RUNS; i++) assertNotEquals(2, program.run(skb));
                }));
    }

    @Test
    void ringBufferHoldsNoLessThanNothing() throws Exception {
        var ring = map(MapDefinition.RINGBUF, 0, 0, 4096);
        var program = new TestProgram(ProgramType.SOCKET_FILTER, Engine.COMPILED, """
                stdw [%r10-8], 0
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -8
                mov %r3, 8
                mov %r4, 0
                call 130
                mov %r0, 0
                exit
                """, ring);
        var skb = new SkBuff().reset(new byte[64], 0, 64);
        whileRunning(
                () -> {
                    program.run(skb);
                    ring.drain(record -> {});
                },
                () -> {
                    for (int i = 0; i < 100 * RUNS; i++) {
                        long available = ((RingBuffer) ring).query(0);
                        assertTrue(available >= 0, () -> available + " bytes");
                    }
                });
    }

    private interface Body {
        void run() throws Exception;
    }

    /** Does one thing again and again in another thread until {@code body} is done. */
    private static void whileRunning(Runnable again, Body body) throws Exception {
        var stop = new AtomicBoolean();
        try (var executor = Executors.newFixedThreadPool(1)) {
            var other = executor.submit(() -> {
                while (!stop.get()) again.run();
            });
            try {
                body.run();
            } finally {
                stop.set(true);
            }
            other.get();
        }
    }

    private static void inThreads(Runnable body) throws Exception {
        try (var executor = Executors.newFixedThreadPool(THREADS)) {
            var futures = new ArrayList<Future<?>>();
            for (int i = 0; i < THREADS; i++) futures.add(executor.submit(body));
            for (var future : futures) future.get();
        }
    }
}
