// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.ringtap.ebpf.object.ProgramType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ContextTest {
    private final SkBuff skb = new SkBuff();

    @BeforeEach
    void packetWithEveryFieldSet() {
        byte[] frame = new byte[100];
        frame[12] = (byte) 0x86;
        frame[13] = (byte) 0xDD;
        skb.reset(frame, 0, frame.length)
                .pktType(1)
                .mark(0xCAFEBABE)
                .queueMapping(0x1234)
                .vlanTag(0x88A8, 0x2345)
                .priority(6)
                .ingressIfindex(3)
                .ifindex(4)
                .tcIndex(5)
                .hash(0x89ABCDEF)
                .tcClassid(9)
                .napiId(10)
                .tstamp(0x1122334455667788L)
                .hwtstamp(0x99)
                .wireLen(140)
                .gsoSegs(2)
                .gsoSize(1448)
                .vnetHashValue(0xA6C2F7FA)
                .vnetHashReport(5)
                .vnetRssQueue(11);
        for (int i = 0; i < SkBuff.CB_WORDS; i++) skb.cb(i, 0x01020304 * (i + 1));
    }

    private long load(Engine engine, String size, int offset) {
        String load = "ldx" + size + " %r0, [%r1+" + offset + "]\nexit";
        long direct = result(engine, load);
        // In a function the compiler does not know that r1 is the context.
        assertEquals(direct, result(engine, "call local f\nexit\nf:\n" + load));
        return direct;
    }

    /** All 64 bits of r0. */
    private long result(Engine engine, String source) {
        var program = new TestProgram(ProgramType.SCHED_CLS, engine, source).program;
        skb.run.begin(program);
        return program.code().call(skb.run, 0, Run.STACK_BYTES, Address.of(Address.CONTEXT, 0), 0, 0, 0, 0);
    }

    @ParameterizedTest
    @EnumSource
    void fieldsAreWhereTheKernelHasThem(Engine engine) {
        assertEquals(100, load(engine, "w", 0));
        assertEquals(1, load(engine, "w", 4));
        assertEquals(0xCAFEBABEL, load(engine, "w", 8));
        assertEquals(0x1234, load(engine, "w", 12));
        assertEquals(0xDD86, load(engine, "w", 16));
        assertEquals(1, load(engine, "w", 20));
        assertEquals(0x2345, load(engine, "w", 24));
        assertEquals(0xA888, load(engine, "w", 28));
        assertEquals(6, load(engine, "w", 32));
        assertEquals(3, load(engine, "w", 36));
        assertEquals(4, load(engine, "w", 40));
        assertEquals(5, load(engine, "w", 44));
        assertEquals(0x01020304, load(engine, "w", 48));
        assertEquals(0x01020304L * 5, load(engine, "w", 64));
        assertEquals(0x89ABCDEFL, load(engine, "w", 68));
        assertEquals(9, load(engine, "w", 72));
        assertEquals(10, load(engine, "w", 84));
        assertEquals(0x1122334455667788L, load(engine, "dw", 152));
        assertEquals(140, load(engine, "w", 160));
        assertEquals(2, load(engine, "w", 164));
        assertEquals(1448, load(engine, "w", 176));
        assertEquals(0x99, load(engine, "dw", 184));
        assertEquals(0xA6C2F7FAL, load(engine, "w", 192));
        assertEquals(5, load(engine, "h", 196));
        assertEquals(11, load(engine, "h", 198));
    }

    @ParameterizedTest
    @EnumSource
    void partsOfAFieldAreRead(Engine engine) {
        assertEquals(0xBE, load(engine, "b", 8));
        assertEquals(0xCA, load(engine, "b", 11));
        assertEquals(0xCAFE, load(engine, "h", 10));
        assertEquals((byte) 0xCA, load(engine, "sb", 11));
        assertEquals((short) 0xBABE, load(engine, "sh", 8));
        assertEquals(0x0204060801020304L, load(engine, "dw", 48));
        assertEquals(0x03, load(engine, "b", 49));
    }

    @ParameterizedTest
    @EnumSource
    void writesReachThePacket(Engine engine) {
        var program = new TestProgram(ProgramType.SCHED_CLS, engine, """
                mov32 %r2, 0x81234567
                stxw [%r1+8], %r2
                stxw [%r1+12], %r2
                stxw [%r1+32], %r2
                stw [%r1+44], 77
                stb [%r1+51], 0x55
                stxw [%r1+64], %r2
                lddw %r3, 0x0102030405060708
                stxdw [%r1+152], %r3
                stw [%r1+192], -2
                sth [%r1+196], 0x1F2
                sth [%r1+198], 3
                mov %r0, 0
                exit
                """);
        program.run(skb);
        assertEquals(0x81234567, skb.mark());
        assertEquals(0x1234, skb.queueMapping(), "what is no queue number leaves it as it was");
        assertEquals(0x81234567, skb.priority());
        assertEquals(77, skb.tcIndex());
        assertEquals(0x55020304, skb.cb(0));
        assertEquals(0x81234567, skb.cb(4));
        assertEquals(0x0102030405060708L, skb.tstamp());
        assertEquals(-2, skb.vnetHashValue());
        assertEquals(0x1F2, skb.vnetHashReport());
        assertEquals(3, skb.vnetRssQueue());
    }

    @ParameterizedTest
    @EnumSource
    void queueIsSet(Engine engine) {
        new TestProgram(ProgramType.SCHED_CLS, engine, "stw [%r1+12], 0xFFFE\nmov %r0, 0\nexit").run(skb);
        assertEquals(0xFFFE, skb.queueMapping());
        new TestProgram(ProgramType.SCHED_CLS, engine, "stw [%r1+12], 0xFFFF\nmov %r0, 0\nexit").run(skb);
        assertEquals(0xFFFE, skb.queueMapping());
    }

    @ParameterizedTest
    @EnumSource
    void resultOfAPacketProgramHasThirtyTwoBits(Engine engine) {
        assertEquals(-1, new TestProgram(ProgramType.SOCKET_FILTER, engine, "lddw %r0, 0x5ffffffff\nexit").run(skb));
    }

    @ParameterizedTest
    @EnumSource
    void resetForgetsThePacketBefore(Engine engine) {
        skb.reset(new byte[20], 0, 20);
        for (int offset : new int[] {4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 64, 68, 72, 84, 164, 176, 192})
            assertEquals(0, load(engine, "w", offset), "offset " + offset);
        assertEquals(20, load(engine, "w", 160));
    }
}
