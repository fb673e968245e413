// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HelpersTest {
    private static final int IP_CHECKSUM = 14 + 10;
    private static final int UDP_CHECKSUM = 34 + 6;

    /** UDP over IPv4, with right checksums. */
    private static byte[] udp(int sourcePort, int destinationPort, int source, int destination) {
        var frame = ByteBuffer.allocate(64);
        frame.position(12);
        frame.putShort((short) 0x0800).put((byte) 0x45).put((byte) 0).putShort((short) 50);
        frame.putInt(0x12340000)
                .put((byte) 64)
                .put((byte) 17)
                .putShort((short) 0)
                .putInt(source)
                .putInt(destination);
        frame.putShort((short) sourcePort)
                .putShort((short) destinationPort)
                .putShort((short) 30)
                .putShort((short) 0);
        for (int i = frame.position(); i < 64; i++) frame.put(i, (byte) (i * 37));
        frame.putShort(IP_CHECKSUM, (short) ~sum(frame.array(), 14, 20, 0));
        frame.putShort(UDP_CHECKSUM, (short) ~sum(frame.array(), 34, 30, pseudo(frame.array())));
        return frame.array();
    }

    private static int pseudo(byte[] frame) {
        return sum(frame, 26, 8, 17 + 30);
    }

    private static int sum(byte[] bytes, int offset, int length, int start) {
        int sum = start;
        for (int i = 0; i < length; i += 2) sum += (bytes[offset + i] & 0xFF) << 8 | bytes[offset + i + 1] & 0xFF;
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return sum;
    }

    private static byte[] packet(SkBuff skb) {
        return Arrays.copyOfRange(skb.data(), skb.offset(), skb.offset() + skb.length());
    }

    private static long tc(Engine engine, SkBuff skb, String source) {
        return new TestProgram(ProgramType.SCHED_CLS, engine, source).run(skb);
    }

    private static SkBuff skb(byte[] frame) {
        return new SkBuff().reset(frame, 0, frame.length);
    }

    @ParameterizedTest
    @EnumSource
    void loadBytesZeroesWhatIsNotThere(Engine engine) {
        byte[] frame = udp(4001, 777, 0x0A090001, 0x0A090002);
        String source = """
                stdw [%r10-8], -1
                mov %r2, OFFSET
                mov %r3, %r10
                add %r3, -8
                mov %r4, 4
                call 26
                ldxdw %r1, [%r10-8]
                stxdw [%r10-16], %r1
                jne %r0, 0, exit
                be64 %r1
                rsh %r1, 32
                mov %r0, %r1
                exit
                """;
        assertEquals(0x0A090001, tc(engine, skb(frame), source.replace("OFFSET", "26")));
        assertEquals(-Errno.EFAULT, tc(engine, skb(frame), source.replace("OFFSET", "61")));
        assertEquals(-Errno.EFAULT, tc(engine, skb(frame), source.replace("OFFSET", "-1")));
        assertEquals(
                0xFFFFFFFF,
                tc(
                        engine,
                        skb(frame),
                        source.replace("OFFSET", "61")
                                .replace("jne %r0, 0, exit", "ldxdw %r0, [%r10-16]\narsh %r0, 32\nexit")));
        assertEquals(
                0x0A090002,
                tc(engine, skb(frame), source.replace("OFFSET", "16").replace("call 26", "mov %r5, 1\ncall 68")));
    }

    @ParameterizedTest
    @EnumSource
    void checksumsStayRightWhenAnAddressIsReplaced(Engine engine) {
        var skb = skb(udp(4001, 777, 0x0A090001, 0x0A090002));
        long result = tc(engine, skb, """
                mov %r6, %r1
                mov32 %r7, 0x0100090a
                mov32 %r8, 0x63c0a8c0
                stxw [%r10-4], %r8
                mov %r2, 24
                mov %r3, %r7
                mov %r4, %r8
                mov %r5, 4
                call 10
                jne %r0, 0, exit
                mov %r1, %r6
                mov %r2, 40
                mov %r3, %r7
                mov %r4, %r8
                mov %r5, 0x34
                call 11
                jne %r0, 0, exit
                mov %r1, %r6
                mov %r2, 26
                mov %r3, %r10
                add %r3, -4
                mov %r4, 4
                mov %r5, 0
                call 9
                exit
                """);
        assertEquals(0, result);
        byte[] frame = packet(skb);
        assertEquals(0xC0A8C063, ByteBuffer.wrap(frame).getInt(26));
        assertEquals(0xFFFF, sum(frame, 14, 20, 0));
        assertEquals(0xFFFF, sum(frame, 34, 30, pseudo(frame)));
    }

    @ParameterizedTest
    @EnumSource
    void differenceOfSumsRepairsAChecksum(Engine engine) {
        var skb = skb(udp(4001, 777, 0x0A090001, 0x0A090002));
        long result = tc(engine, skb, """
                mov %r6, %r1
                mov32 %r1, 0x0200090a
                stxw [%r10-4], %r1
                mov32 %r1, 0x07060504
                stxw [%r10-8], %r1
                mov %r1, %r10
                add %r1, -4
                mov %r2, 4
                mov %r3, %r10
                add %r3, -8
                mov %r4, 4
                mov %r5, 0
                call 28
                mov %r4, %r0
                mov %r1, %r6
                mov %r2, 24
                mov %r3, 0
                mov %r5, 0
                call 10
                jne %r0, 0, exit
                mov %r1, %r6
                mov %r2, 30
                mov %r3, %r10
                add %r3, -8
                mov %r4, 4
                mov %r5, 0
                call 9
                exit
                """);
        assertEquals(0, result);
        assertEquals(0xFFFF, sum(packet(skb), 14, 20, 0));
    }

    @ParameterizedTest
    @EnumSource
    void headGrowsBeyondTheRoomThereIs(Engine engine) {
        byte[] frame = udp(4001, 777, 1, 2);
        String source = """
                mov %r6, %r1
                mov %r2, 16
                mov %r3, 0
                call 43
                jne %r0, 0, exit
                mov %r1, %r6
                ldxw %r2, [%r1+76]
                ldxw %r3, [%r1+80]
                mov %r4, %r2
                add %r4, 30
                jgt %r4, %r3, short
                sth [%r2+12], 0x5678
                ldxh %r0, [%r2+28]
                exit
                short:
                mov %r0, -1
                exit
                """;
        for (var skb : List.of(skb(frame), new SkBuff().wrap(frame.clone(), 0, frame.length))) {
            assertEquals(0x0008, tc(engine, skb, source));
            assertEquals(80, skb.length());
            byte[] grown = packet(skb);
            assertEquals(
                    "000000000000000000000000785600000",
                    HexFormat.of().formatHex(grown, 0, 17).substring(0, 33));
            assertArrayEquals(frame, Arrays.copyOfRange(grown, 16, 80));
        }
        assertEquals(-Errno.EINVAL, tc(engine, skb(new byte[16 << 10]), source));
    }

    @ParameterizedTest
    @EnumSource
    void tailIsCutAndGrowsWithZeros(Engine engine) {
        byte[] frame = udp(4001, 777, 1, 2);
        String source = "mov %r2, LENGTH\nmov %r3, 0\ncall 38\nexit";
        var skb = skb(frame).gsoSize(1000).gsoSegs(2);
        assertEquals(0, tc(engine, skb, source.replace("LENGTH", "20")));
        assertArrayEquals(Arrays.copyOf(frame, 20), packet(skb));
        assertEquals(0, skb.gsoSize());
        assertEquals(0, tc(engine, skb, source.replace("LENGTH", "9000")));
        assertArrayEquals(Arrays.copyOf(Arrays.copyOf(frame, 20), 9000), packet(skb));
        assertEquals(-Errno.EINVAL, tc(engine, skb, source.replace("LENGTH", "13")));
        assertEquals(0, tc(engine, skb, "mov %r2, 9000\ncall 39\nexit"));
        assertEquals(-Errno.ENOMEM, tc(engine, skb, "mov %r2, 9001\ncall 39\nexit"));
    }

    @ParameterizedTest
    @EnumSource
    void noPacketGrowsBeyondWhatATunnelNeeds(Engine engine) {
        byte[] frame = new byte[64 << 10];
        String source = "mov %r2, ROOM\nmov %r3, 0\ncall 43\nexit";
        var segmented = skb(frame).gsoSize(1448);
        assertEquals(0, tc(engine, segmented, source.replace("ROOM", "100")));
        assertEquals(frame.length + 100, segmented.length());
        assertEquals(-Errno.EINVAL, tc(engine, segmented, source.replace("ROOM", "16384")));
        assertEquals(-Errno.EINVAL, tc(engine, segmented, source.replace("ROOM", "1000000000")));
        assertEquals(-Errno.EINVAL, tc(engine, segmented, source.replace("ROOM", "-1")));
        assertEquals(frame.length + 100, segmented.length());

        var tagged = skb(frame);
        // Adds tags until that is refused.
        assertEquals(-Errno.ENOMEM, tc(engine, tagged, """
                mov %r6, %r1
                again:
                mov %r1, %r6
                mov %r2, 0x0081
                mov %r3, 7
                call 18
                jeq %r0, 0, again
                exit
                """));
        assertEquals(80 << 10, tagged.length());
    }

    @ParameterizedTest
    @EnumSource
    void tagsMoveBetweenFrameAndContext(Engine engine) {
        byte[] frame = udp(4001, 777, 1, 2);
        var skb = skb(frame);
        String push = "mov %r2, 0xA888\nmov %r3, 100\ncall 18\nexit";
        assertEquals(0, tc(engine, skb, push));
        assertEquals(0x88A8, skb.vlanProto());
        assertEquals(100, skb.vlanTci());
        assertArrayEquals(frame, packet(skb));
        assertEquals(0, tc(engine, skb, "mov %r2, 0x0081\nmov %r3, 7\ncall 18\nexit"));
        assertEquals(0x8100, skb.vlanProto());
        assertEquals(0x88A8, skb.protocol());
        assertEquals(frame.length + 4, skb.length());
        assertEquals(0x88A80064, ByteBuffer.wrap(packet(skb)).getInt(12));
        assertEquals(0, tc(engine, skb, "call 19\nexit"));
        assertEquals(100, skb.vlanTci());
        assertEquals(0x0800, skb.protocol());
        assertArrayEquals(frame, packet(skb));
        assertEquals(0, tc(engine, skb, "call 19\nexit"));
        assertEquals(false, skb.vlanPresent());
        assertArrayEquals(frame, packet(skb));
    }

    @ParameterizedTest
    @EnumSource
    void hashIsThatOfTheFlowUntilItIsSet(Engine engine) {
        String recalc = "call 34\nexit";
        long there = tc(engine, skb(udp(4001, 777, 1, 2)), recalc);
        assertEquals(there, tc(engine, skb(udp(777, 4001, 2, 1)), recalc));
        assertNotEquals(there, tc(engine, skb(udp(4002, 777, 1, 2)), recalc));
        var skb = skb(udp(4001, 777, 1, 2));
        assertEquals(0x1234, tc(engine, skb, "mov %r6, %r1\nmov %r2, 0x1234\ncall 48\nmov %r1, %r6\ncall 34\nexit"));
        assertEquals(0x1234, skb.hash());
        assertEquals(there, tc(engine, skb, "mov %r6, %r1\ncall 41\nmov %r1, %r6\ncall 34\nexit"));
    }

    @ParameterizedTest
    @EnumSource
    void loopCallsUntilItIsToldToStop(Engine engine) {
        String source = """
                stdw [%r10-8], 0
                mov %r1, 10
                lddw %r2, func body
                mov %r3, %r10
                add %r3, -8
                mov %r4, 0
                call 181
                lsh %r0, 8
                ldxdw %r1, [%r10-8]
                add %r0, %r1
                exit
                body:
                stdw [%r10-8], 77
                ldxdw %r3, [%r2+0]
                add %r3, %r1
                stxdw [%r2+0], %r3
                mov %r0, 0
                jlt %r1, LAST, exit
                mov %r0, 1
                exit
                """;
        assertEquals(10 << 8 | 45, tc(engine, skb(new byte[64]), source.replace("LAST", "99")));
        assertEquals(4 << 8 | 6, tc(engine, skb(new byte[64]), source.replace("LAST", "3")));
    }

    @ParameterizedTest
    @EnumSource
    void printsLines(Engine engine) {
        var program = new TestProgram(ProgramType.SOCKET_FILTER, engine, """
                lddw %r1, 0x2064252078252071
                stxdw [%r10-16], %r1
                lddw %r1, 0x0000000000753025
                stxdw [%r10-8], %r1
                mov %r1, %r10
                add %r1, -16
                mov %r2, 16
                mov %r3, 255
                mov %r4, -2
                mov %r5, 9
                call 6
                exit
                """);
        program.run(new byte[64]);
        assertEquals(List.of("q ff -2 9"), program.trace);
    }

    @ParameterizedTest
    @EnumSource
    void printsStringsOfMapsOnly(Engine engine) {
        var words = TestProgram.map(MapDefinition.ARRAY, 4, 8, 1);
        words.update(new byte[4], "word\0\0\0\0".getBytes(StandardCharsets.US_ASCII));
        String source = """
                stdw [%r10-8], 0
                mov %r2, %r10
                add %r2, -8
                lddw %r1, map 0
                call 1
                mov %r3, %r0
                CHANGE
                stw [%r10-4], 0x7325
                mov %r1, %r10
                add %r1, -4
                mov %r2, 4
                call 6
                mov %r0, 0
                exit
                """;
        for (String change :
                new String[] {"", "mov %r3, 77", "add %r3, 100", "mov %r3, %r10", "lddw %r3, 0x6300000000"}) {
            var program = new TestProgram(ProgramType.SCHED_CLS, engine, source.replace("CHANGE", change), words);
            assertEquals(0, program.run(new byte[64]));
            assertEquals(List.of(change.isEmpty() ? "word" : "(fault)"), program.trace, change);
        }
    }

    @ParameterizedTest
    @EnumSource
    void clockGoesOnAndNumbersDiffer(Engine engine) {
        assertEquals(1, tc(engine, skb(new byte[64]), """
                        call 5
                        mov %r6, %r0
                        call 7
                        mov %r7, %r0
                        call 7
                        jeq %r7, %r0, same
                        call 5
                        jlt %r0, %r6, same
                        mov %r0, 1
                        exit
                        same:
                        mov %r0, 0
                        exit
                        """));
    }

    @ParameterizedTest
    @EnumSource
    void classicLoadsAreInNetworkOrderAndEndTheProgramOutside(Engine engine) throws Exception {
        byte[] frame = udp(4001, 777, 0x0A090001, 0x0A090002);
        // r6 = r1; r0 = *(u16 *)skb[12]; exit
        byte[] absolute = HexFormat.of().parseHex("bf16000000000000" + "280000000c000000" + "9500000000000000");
        // r1 = 20; r0 = *(u32 *)skb[r1 + 10]; exit
        byte[] indirect = HexFormat.of().parseHex("b701000014000000" + "401000000a000000" + "9500000000000000");
        // r0 = 7; r0 = *(u8 *)skb[64]; r0 = 9; exit
        byte[] outside = HexFormat.of()
                .parseHex("b700000007000000" + "3000000040000000" + "b700000009000000" + "9500000000000000");
        // r0 = *(u8 *)skb[net + 9]; exit
        byte[] network = HexFormat.of().parseHex("300000000900f0ff" + "9500000000000000");
        assertEquals(0x0800, run(engine, absolute, frame));
        assertEquals(0x0A090002, run(engine, indirect, frame));
        assertEquals(0, run(engine, outside, frame));
        assertEquals(17, run(engine, network, frame));
    }

    private static long run(Engine engine, byte[] code, byte[] frame) throws Exception {
        return EbpfVm.memoryProgram("classic", code, VmOptions.defaults().withEngine(engine))
                .run(new SkBuff().reset(frame, 0, frame.length));
    }

    @ParameterizedTest
    @EnumSource
    void pointersIntoThePacketCompareWithItsEnd(Engine engine) {
        String source = """
                ldxw %r2, [%r1+76]
                ldxw %r3, [%r1+80]
                mov %r0, %r2
                add %r0, 64
                jle %r0, %r3, fits
                mov %r0, -1
                exit
                fits:
                mov %r0, %r3
                sub %r0, %r2
                exit
                """;
        assertEquals(64, tc(engine, skb(new byte[64]), source));
        assertEquals(-1, tc(engine, skb(new byte[63]), source));
        assertTrue(tc(engine, skb(new byte[1000]), source) == 1000);
    }
}
