// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static dev.ringtap.ebpf.vm.TestProgram.map;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AllocationTest {
    private static final int RUNS = 5_000;

    @ParameterizedTest
    @EnumSource
    void runsAllocateNothing(Engine engine) {
        var hash = map(MapDefinition.HASH, 4, 8, 16);
        var inner = map(MapDefinition.ARRAY, 4, 8, 1);
        var outer = map(MapDefinition.ARRAY_OF_MAPS, 4, 4, 1, inner.definition());
        outer.update(new byte[4], inner);
        // Packet, hash map, map of maps, atomic operation, function, loop.
        var program = new TestProgram(ProgramType.SCHED_CLS, engine, """
                mov %r6, %r1
                mov %r2, 14
                mov %r3, %r10
                add %r3, -8
                mov %r4, 8
                call 26
                stw [%r10-12], 0
                ldxw %r1, [%r10-8]
                and %r1, 7
                stxw [%r10-16], %r1
                lddw %r1, map 0
                mov %r2, %r10
                add %r2, -16
                mov %r3, %r10
                add %r3, -8
                mov %r4, 0
                call 2
                lddw %r1, map 1
                mov %r2, %r10
                add %r2, -12
                call 1
                jeq %r0, 0, exit
                mov %r1, %r0
                mov %r2, %r10
                add %r2, -12
                call 1
                jeq %r0, 0, exit
                mov %r1, 1
                lock fetch add [%r0+0], %r1
                mov %r7, 5
                again:
                mov %r1, %r7
                call local square
                add %r7, -1
                jne %r7, 0, again
                ldxw %r0, [%r6+0]
                exit
                square:
                mov %r0, %r1
                mul %r0, %r1
                exit
                """, hash, outer);
        var ofAnotherVm = new TestProgram(ProgramType.SOCKET_FILTER, engine, "mov %r0, 1\nexit");
        byte[] frame = new byte[64];
        var skb = new SkBuff();
        // The first runs link what the code refers to.
        for (int i = 0; i < RUNS; i++) {
            assertEquals(64, program.run(skb.reset(frame, 0, 64)));
            assertEquals(1, ofAnotherVm.run(skb));
        }
        var thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = thread.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < RUNS; i++) {
            program.run(skb.reset(frame, 0, 64));
            ofAnotherVm.run(skb);
        }
        long allocated = thread.getCurrentThreadAllocatedBytes() - before;
        // One small object in each run would be 16 bytes each.
        assertTrue(allocated < RUNS, allocated + " bytes in " + RUNS + " runs");
    }
}
