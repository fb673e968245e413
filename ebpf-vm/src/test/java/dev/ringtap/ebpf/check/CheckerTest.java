// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.ebpf.isa.Code;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.ebpf.object.ProgramType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Programs that must be refused, each with the instruction at fault and the reason, and their neighbours that must not. */
class CheckerTest {
    static final Map<String, MapDefinition> MAPS = Map.of(
            "flows", new MapDefinition("flows", MapDefinition.HASH, 4, 16, 64, 0, null),
            "array", new MapDefinition("array", MapDefinition.ARRAY, 4, 64, 4, 0, null),
            "constants",
                    new MapDefinition(
                            "constants", MapDefinition.ARRAY, 4, 16, 1, MapDefinition.READ_ONLY_FOR_PROGRAMS, null),
            "events", new MapDefinition("events", MapDefinition.RINGBUF, 0, 0, 4096, 0, null),
            "outer",
                    new MapDefinition(
                            "outer",
                            MapDefinition.ARRAY_OF_MAPS,
                            4,
                            4,
                            1,
                            0,
                            new MapDefinition("outer.inner", MapDefinition.ARRAY, 4, 8, 1, 0, null)));

    private static final KfuncTable KFUNCS = new KfuncTable() {
        @Override
        public Optional<List<Argument>> arguments(String name, int version) {
            return name.equals("report") && version == 2
                    ? Optional.of(List.of(Argument.CONTEXT, Argument.NUMBER))
                    : Optional.empty();
        }

        @Override
        public List<Integer> versions(String name) {
            return name.equals("report") ? List.of(2) : List.of();
        }
    };
    private static final CheckOptions OPTIONS =
            CheckOptions.defaults().withKfuncs(KFUNCS).withInstructionsMax(100_000);

    private static final String LOOKUP = """
            *(u32 *)(r10 - 4) = 0
            r2 = r10
            r2 += -4
            r1 = map %s
            call 1
            """;
    private static final String FOUND = LOOKUP + """
            if r0 != 0 goto found
            exit
            found:
            """;

    /** Instructions of {@link #LOOKUP}, by slots. */
    private static final int AFTER_LOOKUP = 6;

    private static final int AFTER_FOUND = 8;

    private static final String PACKET = """
            r2 = *(u32 *)(r1 + 76)
            r3 = *(u32 *)(r1 + 80)
            """;
    private static final String RESERVED = """
            r1 = map events
            r2 = 16
            r3 = 0
            call 131
            if r0 != 0 goto reserved
            r0 = 0
            exit
            reserved:
            """;
    private static final int AFTER_RESERVED = 8;

    private record Bad(String name, ProgramType type, String source, int slot, String reason) {}

    private static Bad socket(String name, String source, int slot, String reason) {
        return new Bad(name, ProgramType.SOCKET_FILTER, source, slot, reason);
    }

    private static Bad tc(String name, String source, int slot, String reason) {
        return new Bad(name, ProgramType.SCHED_CLS, source, slot, reason);
    }

    @TestFactory
    Stream<DynamicTest> refuses() {
        return Stream.of(
                        socket("a program without an end", "r0 = 0", 0, "last instruction is neither exit nor a jump"),
                        socket("a fall out of a function", "call f\nexit\nf:\nr0 = 0", 2, "neither exit nor a jump"),
                        socket(
                                "a jump outside the program",
                                "r0 = 0\nif r0 == 0 goto +7\nexit",
                                1,
                                "jumps to instruction 9, outside the program"),
                        socket(
                                "a jump before the program",
                                "r0 = 0\ngoto -3",
                                1,
                                "jumps to instruction -1, outside the program"),
                        socket(
                                "a jump into a constant",
                                "r0 = 0\nif r0 == 0 goto +1\nr1 = 5 ll\nexit",
                                1,
                                "the middle of a 64-bit constant"),
                        socket(
                                "a jump into another function",
                                "call f\nexit\nf:\nr0 = 0\ngoto -3",
                                3,
                                "in another function"),
                        socket(
                                "an instruction that is never reached",
                                "r0 = 0\nexit\nr0 = 1\nexit",
                                2,
                                "can never be reached"),
                        socket("an unknown instruction", "raw ff 00 0 0\nexit", 0, ""),
                        socket("a reserved field that is set", "raw b7 10 0 0\nexit", 0, ""),
                        socket("what is reached if a pointer that was moved too far is 0", """
                                r6 = r1
                                r0 = skb[16]
                                r7 = r0
                                r7 <<= 32
                                r0 = skb[20]
                                r7 |= r0
                                r4 = r10
                                r4 += r7
                                r0 = 0
                                if r4 == 0 goto bad
                                exit
                                bad:
                                r3 = 12884901888 ll
                                r0 = *(u32 *)(r3 + 8)
                                exit
                                """, 13, "not a pointer"),
                        tc(
                                "an offset in the packet that overflows with the size",
                                """
                                r2 = *(u32 *)(r1 + 76)
                                r3 = 0x7ffffffffffffff8 ll
                                r2 += r3
                                *(u64 *)(r2 + 0) = 1
                                r0 = 0
                                exit
                                """,
                                4,
                                "has not been checked against the packet's end"),
                        tc(
                                "a size for the packet that overflows with the offset",
                                """
                                r3 = *(u64 *)(r1 + 152)
                                r1 = *(u32 *)(r1 + 76)
                                r1 += 60
                                r3 <<= 1
                                r3 >>= 1
                                r2 = r3
                                r3 = 0
                                r4 = 0
                                r5 = 0
                                call 28
                                exit
                                """,
                                9,
                                "has not been checked against the packet's end"),
                        socket(
                                "a pointer that was overwritten in part",
                                "*(u64 *)(r10 - 8) = r10\n*(u8 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\nexit",
                                2,
                                "the one at r10-7 was never written"),
                        socket(
                                "a pointer that may have been overwritten",
                                """
                                r3 = *(u32 *)(r1 + 48)
                                r3 &= 8
                                *(u64 *)(r10 - 8) = r10
                                *(u64 *)(r10 - 16) = 0
                                r2 = r10
                                r2 += -16
                                r2 += r3
                                *(u64 *)(r2 + 0) = 5
                                r0 = *(u64 *)(r10 - 8)
                                exit
                                """,
                                8,
                                "the one at r10-8 was never written"),
                        socket("an atomic operation on a pointer", """
                                *(u64 *)(r10 - 8) = r10
                                r2 = 0
                                lock *(u64 *)(r10 - 8) fetch+= r2
                                r0 = 0
                                exit
                                """, 2, "atomic operation on a pointer"),
                        socket(
                                "half of a pointer, where a path with a number went before",
                                """
                                r1 = *(u32 *)(r1 + 0)
                                *(u64 *)(r10 - 8) = r10
                                if r1 == 1 goto meet
                                *(u64 *)(r10 - 8) = 7
                                meet:
                                *(u32 *)(r10 - 8) = 0
                                r0 = *(u32 *)(r10 - 4)
                                exit
                                """,
                                5,
                                "the one at r10-4 was never written"),
                        socket("a key that outlives its callback", """
                                *(u64 *)(r10 - 16) = 0
                                *(u64 *)(r10 - 8) = r10
                                r1 = map array
                                r2 = func f
                                r3 = r10
                                r3 += -16
                                r4 = 0
                                call 164
                                r1 = *(u64 *)(r10 - 16)
                                r0 = 0
                                if r1 == 0 goto out
                                r1 = *(u64 *)(r10 - 8)
                                r0 = *(u32 *)(r1 + 0)
                                out:
                                exit
                                f:
                                *(u64 *)(r4 + 8) = r2
                                *(u64 *)(r4 + 0) = 1
                                r0 = 1
                                exit
                                """, 16, "left behind in a caller's stack"),
                        socket(
                                "an element deleted from a map that is only read",
                                "*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map constants\ncall 3\nexit",
                                5,
                                "bpf_map_delete_elem of map 'constants', which programs only read"),
                        socket("recursion", "call f\nexit\nf:\ncall f\nexit", 2, "recursion"),
                        socket(
                                "recursion over two functions",
                                "call f\nexit\nf:\ncall g\nexit\ng:\ncall f\nexit",
                                4,
                                "recursion"),
                        socket("calls nested too deep", deepCalls(9), 14, "deeper than 8 functions"),
                        socket("calls nested as deep as the program is long", deepCalls(4_000), 14, "deeper than 8"),
                        socket("an uninitialized result", "exit", 0, "R0 was never written"),
                        socket("an uninitialized register", "r0 = r7\nexit", 0, "R7 was never written"),
                        socket("an uninitialized register on one path", """
                                r0 = *(u32 *)(r1 + 0)
                                if r0 == 0 goto out
                                r6 = 1
                                out:
                                r0 = r6
                                exit
                                """, 3, "R6 was never written"),
                        socket(
                                "an argument after a call",
                                "call 5\nr0 = *(u32 *)(r1 + 0)\nexit",
                                1,
                                "R1 was lost in the call at instruction 0"),
                        socket("a write to the frame pointer", "raw bf 1a 0 0\nexit", 0, ""),
                        socket(
                                "a pointer as result",
                                "r0 = r10\nexit",
                                1,
                                "R0 points at the stack: the program's result is a number"),
                        socket("a shift by the width", "r0 = 1\nr0 <<= 64\nexit", 1, "shifts by 64 bits"),
                        socket("a shift by 32 of 32 bits", "r0 = 1\nw0 >>= 32\nexit", 1, "shifts by 32 bits"),
                        // The stack.
                        socket(
                                "a read below the stack",
                                "r0 = *(u64 *)(r10 - 520)\nexit",
                                0,
                                "not inside its 512 bytes"),
                        socket(
                                "a write above the stack",
                                "*(u32 *)(r10 - 2) = 0\nr0 = 0\nexit",
                                0,
                                "offset -2 are not inside"),
                        socket(
                                "a read of the stack that was never written",
                                "*(u32 *)(r10 - 8) = 0\nr0 = *(u64 *)(r10 - 8)\nexit",
                                1,
                                "the one at r10-4 was never written"),
                        socket("an unbounded index into the stack", """
                                *(u64 *)(r10 - 8) = 0
                                r2 = *(u32 *)(r1 + 0)
                                r3 = r10
                                r3 += r2
                                r0 = *(u8 *)(r3 - 8)
                                exit
                                """, 4, "are not inside its 512 bytes below r10"),
                        socket(
                                "an index into the stack that is one too large",
                                """
                                *(u64 *)(r10 - 8) = 0
                                r2 = *(u32 *)(r1 + 0)
                                if r2 > 8 goto out
                                r3 = r10
                                r3 += r2
                                r0 = *(u8 *)(r3 - 8)
                                exit
                                out:
                                r0 = 0
                                exit
                                """,
                                5,
                                "1 bytes at offset in [-8, 0] are not inside"),
                        socket(
                                "a part of a pointer on the stack",
                                "*(u64 *)(r10 - 8) = r1\nr0 = *(u32 *)(r10 - 8)\nexit",
                                1,
                                "where a pointer is kept"),
                        socket("a pointer stored askew", "*(u64 *)(r10 - 12) = r1\nr0 = 0\nexit", 0, "a multiple of 8"),
                        socket("more stack than there is", """
                                *(u64 *)(r10 - 400) = 0
                                call f
                                exit
                                f:
                                *(u64 *)(r10 - 200) = 0
                                r0 = 0
                                exit
                                """, 0, "need 640 bytes of stack together"),
                        socket(
                                "a pointer to a stack that has ended",
                                "call f\nr0 = *(u64 *)(r0 + 0)\nexit\nf:\nr0 = r10\nexit",
                                4,
                                "ends with the function"),
                        socket("a pointer left behind in a caller's stack", """
                                r1 = r10
                                r1 += -8
                                call f
                                r0 = 0
                                exit
                                f:
                                *(u64 *)(r1 + 0) = r10
                                r0 = 0
                                exit
                                """, 5, "left behind in a caller's stack"),
                        // The context.
                        socket(
                                "a write to the context",
                                "*(u32 *)(r1 + 8) = 0\nr0 = 0\nexit",
                                0,
                                "writes mark of the context, which programs of type 'socket' must not"),
                        socket(
                                "direct access of the packet",
                                "r0 = *(u32 *)(r1 + 76)\nexit",
                                0,
                                "reads data of the context"),
                        socket(
                                "a context field that does not exist",
                                "r0 = *(u32 *)(r1 + 192)\nexit",
                                0,
                                "reads vnet_hash_value"),
                        socket("beyond the context", "r0 = *(u32 *)(r1 + 400)\nexit", 0, "no field at offset 400"),
                        socket("a read over two fields", "r0 = *(u64 *)(r1 + 0)\nexit", 0, "reach beyond len"),
                        socket(
                                "arithmetic on the context",
                                "r1 += 4\nr0 = *(u32 *)(r1 + 0)\nexit",
                                0,
                                "R1 points at the context: no arithmetic"),
                        tc(
                                "half of a field written",
                                "*(u16 *)(r1 + 8) = 0\nr0 = 0\nexit",
                                0,
                                "mark of the context, which is accessed as a whole"),
                        // Maps.
                        socket(
                                "a missing null check",
                                LOOKUP.formatted("flows") + "r0 = *(u64 *)(r0 + 0)\nexit",
                                AFTER_LOOKUP,
                                "R0 is null or points at a value of map 'flows' (16 bytes): used without a check"),
                        socket(
                                "a null check the wrong way round",
                                LOOKUP.formatted("flows")
                                        + "if r0 != 0 goto out\nr0 = *(u64 *)(r0 + 0)\nout:\nr0 = 0\nexit",
                                AFTER_LOOKUP + 1,
                                "R0 is the number 0, not a pointer"),
                        socket(
                                "arithmetic before the null check",
                                LOOKUP.formatted("flows") + "r0 += 8\nr0 = 0\nexit",
                                AFTER_LOOKUP,
                                "arithmetic on it"),
                        socket(
                                "a read behind a map value",
                                FOUND.formatted("flows") + "r0 = *(u64 *)(r0 + 12)\nexit",
                                AFTER_FOUND,
                                "an access of 8 bytes at offset 12 ends up to 4 bytes behind it"),
                        socket(
                                "a read before a map value",
                                FOUND.formatted("flows") + "r0 = *(u64 *)(r0 - 8)\nexit",
                                AFTER_FOUND,
                                "begins up to 8 bytes before it"),
                        socket(
                                "an index that may be too large",
                                FOUND.formatted("array") + """
                                r2 = *(u8 *)(r0 + 0)
                                r2 &= 63
                                r0 += r2
                                r0 = *(u16 *)(r0 + 0)
                                exit
                                """,
                                AFTER_FOUND + 3,
                                "an access of 2 bytes at offset in [0, 63] ends up to 1 bytes behind it"),
                        socket(
                                "an index that may be negative",
                                FOUND.formatted("array") + """
                                r2 = *(s8 *)(r0 + 0)
                                if r2 s> 15 goto out
                                r0 += r2
                                r0 = *(u16 *)(r0 + 0)
                                exit
                                out:
                                r0 = 0
                                exit
                                """,
                                AFTER_FOUND + 3,
                                "begins up to 128 bytes before it"),
                        socket(
                                "an index that is compared with 32 bits only",
                                FOUND.formatted("array") + """
                                r2 = *(u64 *)(r0 + 0)
                                if w2 > 7 goto out
                                r0 += r2
                                r0 = *(u8 *)(r0 + 0)
                                exit
                                out:
                                r0 = 0
                                exit
                                """,
                                AFTER_FOUND + 3,
                                "R0 points at a value of map 'array'"),
                        socket(
                                "a pointer stored to a map",
                                FOUND.formatted("flows") + "*(u64 *)(r0 + 0) = r10\nr0 = 0\nexit",
                                AFTER_FOUND,
                                "would leak a pointer"),
                        socket("a pointer made a number", "w0 = w10\nexit", 0, "would make a number of it"),
                        socket(
                                "arithmetic on a map",
                                "r1 = map flows\nr1 += 8\nr0 = 0\nexit",
                                2,
                                "R1 points at map 'flows': no arithmetic"),
                        socket(
                                "a read of a map itself",
                                "r1 = map flows\nr0 = *(u64 *)(r1 + 0)\nexit",
                                2,
                                "no memory of the program's"),
                        socket(
                                "a multiplied pointer",
                                "r2 = r10\nr2 *= 2\nr0 = 0\nexit",
                                1,
                                "no such arithmetic on pointers"),
                        socket(
                                "a write to a read-only map",
                                FOUND.formatted("constants") + "*(u64 *)(r0 + 0) = 1\nr0 = 0\nexit",
                                AFTER_FOUND,
                                "programs only read"),
                        socket(
                                "a write to a constant",
                                "r1 = value constants + 4\n*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit",
                                2,
                                "programs only read"),
                        socket(
                                "an address in a map that is no array",
                                "r1 = value flows + 0\nr0 = 0\nexit",
                                0,
                                "loads an address in map 'flows' of type hash"),
                        socket(
                                "a global variable outside its map",
                                "r1 = value array + 64\nr0 = 0\nexit",
                                0,
                                "outside the 64 bytes"),
                        socket(
                                "a misaligned atomic operation",
                                FOUND.formatted("flows") + "r1 = 1\nlock *(u64 *)(r0 + 4) += r1\nr0 = 0\nexit",
                                AFTER_FOUND + 1,
                                "not aligned"),
                        socket(
                                "an atomic operation on the context",
                                "r2 = 1\nlock *(u32 *)(r1 + 48) += r2\nr0 = 0\nexit",
                                1,
                                "no atomic operations on it"),
                        socket(
                                "an inner map without a null check",
                                LOOKUP.formatted("outer") + "r1 = r0\nr2 = r10\nr2 += -4\ncall 1\nr0 = 0\nexit",
                                AFTER_LOOKUP + 3,
                                "R1 is null or points at map 'outer.inner'"),
                        socket(
                                "a number as a pointer",
                                "r1 = 4096\nr0 = *(u32 *)(r1 + 0)\nexit",
                                1,
                                "R1 is the number 4096, not a pointer"),
                        // Helpers.
                        socket("a helper that is not known", "call 9999\nexit", 0, "calls helper unknown#9999"),
                        socket(
                                "a helper of another program type",
                                "r2 = 16\nr3 = 0\ncall 43\nexit",
                                2,
                                "bpf_skb_change_head#43, which programs of type 'socket' must not"),
                        socket(
                                "a key that was never written",
                                "r2 = r10\nr2 += -4\nr1 = map flows\ncall 1\nr0 = 0\nexit",
                                4,
                                "was never written"),
                        socket(
                                "a key that is cut off",
                                "*(u16 *)(r10 - 2) = 0\nr2 = r10\nr2 += -2\nr1 = map flows\ncall 1\nr0 = 0\nexit",
                                5,
                                "4 bytes at offset -2 are not inside"),
                        socket(
                                "a number instead of a map",
                                "r1 = 5\nr2 = r10\ncall 1\nr0 = 0\nexit",
                                2,
                                "wants a map there"),
                        socket(
                                "a missing context",
                                "r1 = 0\nr2 = 0\nr3 = r10\nr3 += -8\nr4 = 8\ncall 26\nexit",
                                5,
                                "bpf_skb_load_bytes wants the context there"),
                        socket(
                                "a missing argument",
                                "r2 = 0\nr3 = r10\nr3 += -8\ncall 26\nexit",
                                3,
                                "R4 was never written"),
                        socket(
                                "a size that may be zero",
                                "r2 = 0\nr4 = *(u32 *)(r1 + 0)\nr4 &= 7\n*(u64 *)(r10 - 8) = 0\nr3 = r10\nr3 += -8\ncall 26\nexit",
                                6,
                                "as a size it may be zero"),
                        socket(
                                "a size that may be negative",
                                "r2 = 0\nr4 = *(u32 *)(r1 + 0)\nr4 = (s8) r4\n*(u64 *)(r10 - 8) = 0\nr3 = r10\nr3 += -8\ncall 26\nexit",
                                6,
                                "it may be negative"),
                        socket(
                                "a buffer that is too small",
                                "r2 = 0\nr4 = 9\nr3 = r10\nr3 += -8\ncall 26\nexit",
                                4,
                                "9 bytes at offset -8 are not inside"),
                        socket("a buffer that is only partly filled and then read", """
                                r2 = 0
                                r4 = *(u32 *)(r1 + 0)
                                r4 &= 7
                                r4 += 1
                                r3 = r10
                                r3 += -8
                                call 26
                                r0 = *(u64 *)(r10 - 8)
                                exit
                                """, 6, "never written"),
                        socket("a pointer handed out in a value", """
                                *(u64 *)(r10 - 24) = r10
                                *(u64 *)(r10 - 16) = 0
                                *(u32 *)(r10 - 4) = 0
                                r2 = r10
                                r2 += -4
                                r3 = r10
                                r3 += -24
                                r4 = 0
                                r1 = map flows
                                call 2
                                r0 = 0
                                exit
                                """, 10, "where a pointer is kept"),
                        socket(
                                "an update of a read-only map",
                                "*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -16\nr4 = 0\nr1 = map constants\ncall 2\nexit",
                                9,
                                "bpf_map_update_elem of map 'constants', which programs only read"),
                        socket(
                                "a lookup in a ring buffer",
                                LOOKUP.formatted("events") + "r0 = 0\nexit",
                                AFTER_LOOKUP - 1,
                                "does not work on map 'events' of type ringbuf"),
                        // Packets.
                        tc(
                                "a packet that is not checked",
                                PACKET + "r0 = *(u8 *)(r2 + 0)\nexit",
                                2,
                                "has not been checked against the packet's end"),
                        tc(
                                "a packet checked too short",
                                PACKET + """
                                r4 = r2
                                r4 += 14
                                if r4 > r3 goto out
                                r0 = *(u16 *)(r2 + 13)
                                out:
                                r0 = 0
                                exit
                                """,
                                5,
                                "goes beyond the 14 bytes that are known to be there"),
                        tc("a packet checked the wrong way", PACKET + """
                                r4 = r2
                                r4 += 14
                                if r4 <= r3 goto out
                                r0 = *(u16 *)(r2 + 12)
                                out:
                                r0 = 0
                                exit
                                """, 5, "has not been checked"),
                        tc("before the packet", PACKET + """
                                r4 = r2
                                r4 += 14
                                if r4 > r3 goto out
                                r0 = *(u16 *)(r2 - 2)
                                out:
                                r0 = 0
                                exit
                                """, 5, "may begin before the packet"),
                        tc("a packet offset that grows after the check", PACKET + """
                                r4 = r2
                                r4 += 14
                                if r4 > r3 goto out
                                r5 = *(u8 *)(r2 + 0)
                                r2 += r5
                                r0 = *(u8 *)(r2 + 0)
                                out:
                                r0 = 0
                                exit
                                """, 7, "has not been checked"),
                        tc(
                                "a read of the packet's end",
                                PACKET + "r0 = *(u8 *)(r3 + 0)\nexit",
                                2,
                                "points at the end of the packet"),
                        tc("arithmetic on the packet's end", PACKET + "r3 += 1\nr0 = 0\nexit", 2, "no arithmetic"),
                        tc(
                                "the packet after its head changed",
                                """
                                r6 = r1
                                r7 = *(u32 *)(r6 + 76)
                                r8 = *(u32 *)(r6 + 80)
                                r2 = 16
                                r3 = 0
                                call 43
                                r1 = r7
                                r1 += 1
                                if r1 > r8 goto out
                                r0 = *(u8 *)(r7 + 0)
                                out:
                                r0 = 0
                                exit
                                """,
                                6,
                                "R7 pointed at the packet, which bpf_skb_change_head at instruction 5 may have moved"),
                        tc(
                                "a packet pointer on the stack after the head changed",
                                """
                                r6 = r1
                                r7 = *(u32 *)(r6 + 76)
                                *(u64 *)(r10 - 8) = r7
                                r2 = 16
                                r3 = 0
                                call 43
                                r7 = *(u64 *)(r10 - 8)
                                r0 = 0
                                exit
                                """,
                                6,
                                "which bpf_skb_change_head at instruction 5 may have moved"),
                        new Bad(
                                "a write to the packet by a program that only hashes",
                                ProgramType.VNET_HASH,
                                PACKET + """
                                r4 = r2
                                r4 += 1
                                if r4 > r3 goto out
                                *(u8 *)(r2 + 0) = 1
                                out:
                                r0 = 0
                                exit
                                """,
                                5,
                                "writes the packet, which programs of type 'vnet_hash' must not"),
                        // Ring buffers.
                        socket(
                                "a record that is kept",
                                RESERVED + "r0 = 0\nexit",
                                AFTER_RESERVED + 1,
                                "reserved at instruction 4 has been neither submitted nor discarded"),
                        socket(
                                "a record given back twice",
                                RESERVED
                                        + "r6 = r0\nr1 = r6\nr2 = 0\ncall 132\nr1 = r6\nr2 = 0\ncall 133\nr0 = 0\nexit",
                                AFTER_RESERVED + 4,
                                "R6 pointed at a ring buffer record, which bpf_ringbuf_submit at instruction 11 gave back"),
                        socket(
                                "a record used after it was given back",
                                RESERVED + "r6 = r0\nr1 = r0\nr2 = 0\ncall 132\n*(u64 *)(r6 + 0) = 1\nr0 = 0\nexit",
                                AFTER_RESERVED + 4,
                                "gave back"),
                        socket(
                                "a record that is too short",
                                RESERVED + "r6 = r0\n*(u64 *)(r6 + 12) = 1\nr1 = r6\nr2 = 0\ncall 132\nr0 = 0\nexit",
                                AFTER_RESERVED + 1,
                                "behind it"),
                        socket(
                                "a record given back from its middle",
                                RESERVED + "r1 = r0\nr1 += 8\nr2 = 0\ncall 132\nr0 = 0\nexit",
                                AFTER_RESERVED + 3,
                                "wants the record's beginning"),
                        socket(
                                "a record of unknown size",
                                "r2 = *(u32 *)(r1 + 0)\nr1 = map events\nr3 = 0\ncall 131\nr0 = 0\nexit",
                                4,
                                "a positive constant"),
                        socket(
                                "no result of a submit",
                                RESERVED + "r1 = r0\nr2 = 0\ncall 132\nexit",
                                AFTER_RESERVED + 3,
                                "bpf_ringbuf_submit at instruction 10 gives no result"),
                        socket(
                                "a record without a null check",
                                "r1 = map events\nr2 = 16\nr3 = 0\ncall 131\n*(u64 *)(r0 + 0) = 1\nr0 = 0\nexit",
                                5,
                                "used without a check"),
                        // Ends.
                        socket("a loop without an end", "r0 = 0\nagain:\ngoto again", 1, "a loop without an end"),
                        socket(
                                "a loop that changes nothing",
                                "r6 = *(u32 *)(r1 + 0)\nr7 = r1\nagain:\nr8 = *(u32 *)(r7 + 4)\nif r8 != r6 goto again\nr0 = 0\nexit",
                                2,
                                "a loop without an end"),
                        socket(
                                "a loop without a bound",
                                "r6 = *(u32 *)(r1 + 0)\nr0 = 0\nagain:\nr0 += 1\nif r0 != r6 goto again\nexit",
                                -1,
                                "given up after 100000 instructions"),
                        // Functions of the kernel.
                        socket(
                                "a kernel function that is not exported",
                                "r2 = 0\nkcall redirect 1\nexit",
                                1,
                                "needs kernel function redirect version 1, which this runtime does not export"),
                        socket(
                                "a kernel function of another version",
                                "r2 = 0\nkcall report 1\nexit",
                                1,
                                "needs kernel function report version 1; this runtime exports version 2"),
                        socket(
                                "a kernel function with a wrong argument",
                                "r1 = 0\nr2 = 0\nkcall report 2\nexit",
                                2,
                                "report version 2 wants the context there"),
                        // Callbacks.
                        socket(
                                "a callback that answers with any number",
                                "r1 = 5\nr2 = func f\nr3 = 0\nr4 = 0\ncall 181\nr0 = 0\nexit\nf:\nr0 = r1\nexit",
                                9,
                                "a callback answers with 0"),
                        socket(
                                "a callback that reads past a map value",
                                "r1 = map flows\nr2 = func f\nr3 = 0\nr4 = 0\ncall 164\nr0 = 0\nexit\nf:\nr0 = *(u64 *)(r3 + 16)\nr0 = 0\nexit",
                                9,
                                "behind it"),
                        socket(
                                "a callback that moves an index from round to round",
                                """
                                *(u64 *)(r10 - 8) = 0
                                r1 = 100
                                r2 = func f
                                r3 = r10
                                r3 += -8
                                r4 = 0
                                call 181
                                r0 = 0
                                exit
                                f:
                                r6 = r2
                                r7 = *(u64 *)(r6 + 0)
                                r1 = value array + 0
                                r1 += r7
                                r0 = *(u8 *)(r1 + 0)
                                r7 += 8
                                *(u64 *)(r6 + 0) = r7
                                r0 = 0
                                exit
                                """,
                                15,
                                "R1 points at a value of map 'array' (64 bytes)"),
                        socket(
                                "a load from the packet in a function",
                                "r6 = r1\ncall f\nexit\nf:\nr6 = r1\nr0 = skb[0]\nexit",
                                4,
                                "may end the program"))
                .map(bad -> DynamicTest.dynamicTest(bad.name, () -> assertRefused(bad)));
    }

    private static void assertRefused(Bad bad) {
        var program = Assembly.program(bad.type, bad.source);
        var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
        assertTrue(refused.getMessage().contains(bad.reason), refused::getMessage);
        if (bad.slot >= 0) assertEquals(bad.slot, refused.slot(), refused::getMessage);
        assertTrue(
                refused.getMessage().startsWith("program 'test' (section '" + bad.type.title() + "'), instruction "));
    }

    private static String deepCalls(int functions) {
        var source = new StringBuilder();
        for (int i = 0; i < functions; i++) {
            source.append("f").append(i).append(":\n");
            source.append(i + 1 < functions ? "call f" + (i + 1) : "r0 = 0").append("\nexit\n");
        }
        return source.toString();
    }

    private static CheckedProgram accept(ProgramType type, String source) throws ProgramRefusedException {
        return Checker.check(Assembly.program(type, source), MAPS, OPTIONS);
    }

    @TestFactory
    Stream<DynamicTest> accepts() {
        return Stream.of(
                        socket("calls nested as deep as allowed", deepCalls(8), 0, ""),
                        socket(
                                "a pointer near its region's beginning, which is not 0",
                                "r4 = r10\nr4 += -8\nr0 = 0\nif r4 == 0 goto bad\nexit\nbad:\nr0 = r3\nexit",
                                0,
                                ""),
                        socket(
                                "numbers where a pointer was overwritten",
                                "*(u64 *)(r10 - 8) = r10\n*(u32 *)(r10 - 8) = 1\nr0 = *(u32 *)(r10 - 8)\n*(u32 *)(r10 - 4) = 2\nr0 = *(u64 *)(r10 - 8)\nexit",
                                0,
                                ""),
                        socket(
                                "half of a number that was overwritten",
                                "*(u64 *)(r10 - 8) = 7\n*(u32 *)(r10 - 8) = 1\nr0 = *(u32 *)(r10 - 4)\nexit",
                                0,
                                ""),
                        socket("a key kept while its callback runs", """
                                r1 = map array
                                r2 = func f
                                r3 = 0
                                r4 = 0
                                call 164
                                r0 = 0
                                exit
                                f:
                                *(u64 *)(r10 - 8) = r2
                                r1 = r10
                                r1 += -8
                                call g
                                exit
                                g:
                                r1 = *(u64 *)(r1 + 0)
                                r0 = *(u32 *)(r1 + 0)
                                r0 &= 1
                                exit
                                """, 0, ""),
                        socket("division by zero, which gives zero", "r0 = 1\nr2 = 0\nr0 /= r2\nr0 %= 0\nexit", 0, ""),
                        socket(
                                "a null check of a copy",
                                LOOKUP.formatted("flows")
                                        + "r6 = r0\nif r6 == 0 goto out\nr0 = *(u64 *)(r0 + 8)\nexit\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket(
                                "a null check of a pointer on the stack",
                                LOOKUP.formatted("flows")
                                        + "*(u64 *)(r10 - 16) = r0\nif r0 == 0 goto out\nr1 = *(u64 *)(r10 - 16)\nr0 = *(u64 *)(r1 + 8)\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket(
                                "an index checked in a copy",
                                FOUND.formatted("array")
                                        + "r2 = *(u32 *)(r0 + 0)\nr3 = r2\nif r3 > 56 goto out\nr0 += r2\nr0 = *(u64 *)(r0 + 0)\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket(
                                "an index checked with signs",
                                FOUND.formatted("array")
                                        + "r2 = *(u64 *)(r0 + 0)\nif r2 s> 56 goto out\nif r2 s< 0 goto out\nr0 += r2\nr0 = *(u64 *)(r0 + 0)\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket(
                                "an index of 32 bits",
                                FOUND.formatted("array")
                                        + "r2 = *(u64 *)(r0 + 0)\nw2 = w2\nif w2 > 56 goto out\nr0 += r2\nr0 = *(u64 *)(r0 + 0)\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket(
                                "an index by its bits",
                                FOUND.formatted("array")
                                        + "r2 = *(u64 *)(r0 + 0)\nr2 &= 0x38\nr0 += r2\nr0 = *(u64 *)(r0 + 0)\nexit",
                                0,
                                ""),
                        socket(
                                "an index kept on the stack",
                                FOUND.formatted("array")
                                        + "r2 = *(u64 *)(r0 + 0)\nr2 &= 0x38\n*(u64 *)(r10 - 16) = r2\nr3 = *(u64 *)(r10 - 16)\nr0 += r3\nr0 = *(u64 *)(r0 + 0)\nexit",
                                0,
                                ""),
                        socket(
                                "an aligned index of an atomic operation",
                                FOUND.formatted("array")
                                        + "r2 = *(u64 *)(r0 + 0)\nr2 &= 0x38\nr0 += r2\nr1 = 1\nlock *(u64 *)(r0 + 0) fetch+= r1\nr0 = r1\nexit",
                                0,
                                ""),
                        socket(
                                "a bit that was tested",
                                FOUND.formatted("array")
                                        + "r2 = *(u64 *)(r0 + 0)\nr2 &= 0x7f\nif r2 & 0x40 goto out\nr0 += r2\nr0 = *(u8 *)(r0 + 0)\nexit\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket(
                                "a variable index into the stack",
                                "*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\nr2 = *(u32 *)(r1 + 0)\nr2 &= 15\nr3 = r10\nr3 += r2\n*(u8 *)(r3 - 16) = 7\nr0 = *(u8 *)(r3 - 16)\nexit",
                                0,
                                ""),
                        socket(
                                "an inner map",
                                LOOKUP.formatted("outer")
                                        + "if r0 == 0 goto out\nr1 = r0\nr2 = r10\nr2 += -4\ncall 1\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 + 0)\nexit\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        socket("a counted loop", "r0 = 0\nagain:\nr0 += 1\nif r0 < 1000 goto again\nexit", 0, ""),
                        socket(
                                "a loop counted on the stack",
                                "*(u64 *)(r10 - 8) = 0\nagain:\nr0 = *(u64 *)(r10 - 8)\nr0 += 1\n*(u64 *)(r10 - 8) = r0\nif r0 != 100 goto again\nexit",
                                0,
                                ""),
                        socket(
                                "a loop counted up to a limit that is bounded",
                                "r6 = *(u32 *)(r1 + 0)\nr6 &= 255\nr0 = 0\nagain:\nif r0 >= r6 goto out\nr0 += 1\ngoto again\nout:\nexit",
                                0,
                                ""),
                        socket(
                                "a record on all paths",
                                RESERVED
                                        + "r6 = r0\n*(u64 *)(r6 + 8) = 1\nr1 = r6\nr2 = 0\nr3 = *(u64 *)(r6 + 8)\nif r3 == 1 goto submit\ncall 133\nr0 = 0\nexit\nsubmit:\ncall 132\nr0 = 0\nexit",
                                0,
                                ""),
                        socket("a kernel function", "r2 = 7\nkcall report 2\nexit", 0, ""),
                        socket("a callback that sums", """
                                *(u64 *)(r10 - 8) = 0
                                r1 = 100
                                r2 = func f
                                r3 = r10
                                r3 += -8
                                r4 = 0
                                call 181
                                r0 = *(u64 *)(r10 - 8)
                                exit
                                f:
                                r3 = *(u64 *)(r2 + 0)
                                r3 += r1
                                *(u64 *)(r2 + 0) = r3
                                r0 = 0
                                if r3 > 100 goto stop
                                exit
                                stop:
                                r0 = 1
                                exit
                                """, 0, ""),
                        socket("classic loads", "r6 = r1\nr0 = skb[12]\nexit", 0, ""),
                        socket(
                                "cb of the context",
                                "*(u8 *)(r1 + 49) = 1\n*(u64 *)(r1 + 56) = 2\nr0 = *(u16 *)(r1 + 48)\nexit",
                                0,
                                ""),
                        tc(
                                "a checked packet",
                                PACKET
                                        + "r4 = r2\nr4 += 14\nif r4 > r3 goto out\nr0 = *(u16 *)(r2 + 12)\n*(u8 *)(r2 + 13) = 5\nexit\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        tc("a packet with a header of variable length", PACKET + """
                                r4 = r2
                                r4 += 34
                                if r4 > r3 goto out
                                r5 = *(u8 *)(r2 + 14)
                                r5 &= 15
                                r5 <<= 2
                                r2 += r5
                                r4 = r2
                                r4 += 18
                                if r4 > r3 goto out
                                r0 = *(u32 *)(r2 + 14)
                                exit
                                out:
                                r0 = 0
                                exit
                                """, 0, ""),
                        tc("a packet's length", PACKET + "r3 -= r2\nr0 = r3\nexit", 0, ""),
                        tc(
                                "the packet loaded again after its head changed",
                                "r6 = r1\nr2 = 16\nr3 = 0\ncall 43\nr1 = r6\n" + PACKET
                                        + "r4 = r2\nr4 += 1\nif r4 > r3 goto out\n*(u8 *)(r2 + 0) = 1\nout:\nr0 = 0\nexit",
                                0,
                                ""),
                        new Bad(
                                "the fields of the proposed type",
                                ProgramType.VNET_HASH,
                                "r2 = 5\n*(u32 *)(r1 + 192) = r2\n*(u16 *)(r1 + 196) = r2\n*(u16 *)(r1 + 198) = r2\nr0 = *(u16 *)(r1 + 198)\nexit",
                                0,
                                ""))
                .map(good -> DynamicTest.dynamicTest(good.name, () -> accept(good.type, good.source)));
    }

    @Test
    void numbersThatNobodyNeedsDoNotMultiplyPaths() throws ProgramRefusedException {
        var source = new StringBuilder("r0 = 0\nr6 = *(u32 *)(r1 + 0)\n");
        for (int i = 0; i < 30; i++) {
            source.append("if r6 & ").append(1 << i).append(" goto l").append(i).append('\n');
            source.append("r0 += ").append(1 << i).append("\nl").append(i).append(":\n");
        }
        var checked = accept(ProgramType.SOCKET_FILTER, source + "exit");
        assertTrue(checked.instructionsProcessed() < 200, () -> checked.instructionsProcessed() + " instructions");
    }

    @Test
    void numbersThatAreNeededLaterDoMultiplyPaths() {
        // Only the path with r6 = 64 leaves the value, and it comes to the meeting point last.
        String source = FOUND.formatted("array") + """
                r6 = 0
                r1 = *(u32 *)(r0 + 0)
                if r1 == 1 goto meet
                r6 = 64
                meet:
                r0 += r6
                r0 = *(u8 *)(r0 + 0)
                exit
                """;
        var program = Assembly.program(ProgramType.SOCKET_FILTER, source);
        var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
        assertEquals(AFTER_FOUND + 5, refused.slot());
    }

    @Test
    void whatLimitedACopyIsNeededWithIt() {
        // r4 is limited by r7 through its copy r3. The path with r7 = 100 comes to the meeting point last.
        String source = FOUND.formatted("array") + """
                r1 = *(u32 *)(r0 + 0)
                r7 = 100
                if r1 == 1 goto meet
                r7 = 8
                meet:
                r3 = *(u32 *)(r0 + 4)
                r4 = r3
                if r3 > r7 goto out
                r0 += r4
                r0 = *(u8 *)(r0 + 0)
                exit
                out:
                r0 = 0
                exit
                """;
        var program = Assembly.program(ProgramType.SOCKET_FILTER, source);
        var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
        assertEquals(AFTER_FOUND + 8, refused.slot());
    }

    @Test
    void theNumberThatAPointerIsComparedWithIsNeeded() {
        // With r7 = 0 the comparison is a check for null. The path with r7 = 5 comes to the meeting point last.
        String source = "r6 = *(u32 *)(r1 + 0)\n" + LOOKUP.formatted("flows") + """
                r7 = 5
                if r6 == 1 goto meet
                r7 = 0
                meet:
                if r0 == r7 goto out
                r0 = *(u64 *)(r0 + 0)
                out:
                r0 = 0
                exit
                """;
        var program = Assembly.program(ProgramType.SOCKET_FILTER, source);
        var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
        assertEquals(1 + AFTER_LOOKUP + 3, refused.slot());
    }

    @Test
    void whatMatteredIsPassedOnWhereAPathEndsInAKeptState() {
        // Three paths: one to late; one over early to late, which ends there; one over early with 100, which must not
        // end.
        String inRegister = FOUND.formatted("array") + """
                r1 = *(u32 *)(r0 + 0)
                r7 = 100
                if r1 == 1 goto early
                r7 = 8
                if r1 == 2 goto early
                goto late
                early:
                r5 = 0
                late:
                r0 += r7
                r0 = *(u8 *)(r0 + 0)
                exit
                """;
        String onStack = inRegister
                .replace("r7 = 100", "*(u64 *)(r10 - 16) = 100")
                .replace("r7 = 8", "*(u64 *)(r10 - 16) = 8")
                .replace("r0 += r7", "r7 = *(u64 *)(r10 - 16)\nr0 += r7");
        for (var source : List.of(inRegister, onStack)) {
            var program = Assembly.program(ProgramType.SOCKET_FILTER, source);
            var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
            assertTrue(refused.reason().contains("at offset 100 ends"), refused::getMessage);
        }
    }

    @Test
    void waysToAFunctionThatNoPathTakesAreNotCounted() throws ProgramRefusedException {
        // 24 calls of the next of 8 functions: 24^7 ways.
        var source = new StringBuilder();
        for (int function = 0; function < 8; function++) {
            source.append("f" + function + ":\nr0 = 0\nif r0 == 0 goto out" + function + "\n");
            for (int i = 0; i < 24 && function < 7; i++) source.append("call f" + (function + 1) + "\n");
            source.append("out" + function + ":\nexit\n");
        }
        accept(ProgramType.SOCKET_FILTER, source.toString());
    }

    @Test
    void registersAreFollowedThroughALongChainOfJumps() throws Exception {
        // r6 = 7, a jump to the last link, r0 = r6, exit, and links that jump to the one before.
        int links = 120_000;
        var code = ByteBuffer.allocate(8 * (4 + links)).order(ByteOrder.LITTLE_ENDIAN);
        code.putLong(0x7_0000_06B7L)
                .putLong((links + 1L) << 32 | 0x06)
                .putLong(0x60BF)
                .putLong(0x95);
        code.putLong(-3L << 32 | 0x06);
        while (code.hasRemaining()) code.putLong(-2L << 32 | 0x06);
        var decoded = Code.decode(code.array());
        var liveness = new Liveness(decoded);
        assertTrue(liveness.isLive(1, 6));
        assertTrue(liveness.isLive(3 + links, 6));
        assertFalse(liveness.isLive(0, 6));
        Checker.checkOnMemory("chain", decoded, 8, CheckOptions.defaults());
    }

    @Test
    void whatIsRememberedOfALongLoopIsLimited() throws ProgramRefusedException {
        var source = new StringBuilder();
        for (int slot = 1; slot <= 64; slot++) source.append("*(u64 *)(r10 - " + 8 * slot + ") = 1\n");
        source.append("r1 = 0\nagain:\nr1 += 1\nif r1 != ROUNDS goto again\nr0 = 0\nexit\n");
        var many = Assembly.program(ProgramType.SOCKET_FILTER, source.toString().replace("ROUNDS", "40000"));
        var options = OPTIONS.withInstructionsMax(1_000_000);
        var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(many, MAPS, options));
        assertTrue(refused.reason().contains("to remember"), refused::getMessage);
        accept(ProgramType.SOCKET_FILTER, source.toString().replace("ROUNDS", "20000"));
        // With little on the stack, the number of instructions is the limit.
        String small = "r1 = 0\nagain:\nr1 += 1\nif r1 != 400000 goto again\nr0 = 0\nexit\n";
        Checker.check(Assembly.program(ProgramType.SOCKET_FILTER, small), MAPS, options);
    }

    @Test
    void aLoopAroundACallThatCallsBackMustEndByItself() {
        // The callback sets what the loop waits to be zero, and the loop sets it to zero again.
        String endless = """
                *(u64 *)(r10 - 8) = 0
                again:
                r1 = 1
                r2 = func f
                r3 = r10
                r3 += -8
                r4 = 0
                call 181
                r1 = *(u64 *)(r10 - 8)
                r0 = 0
                if r1 == 0 goto out
                *(u64 *)(r10 - 8) = 0
                goto again
                out:
                exit
                f:
                *(u64 *)(r2 + 0) = 1
                r0 = 0
                exit
                """;
        // The same in the callback's second round. The first, of the first pass, ends in the state before the
        // call, which knows less. The first of the second pass is like it, so it comes to a complete state on its
        // way: "meet".
        String inASecondRound = """
                r6 = *(u32 *)(r1 + 48)
                r6 &= 1
                *(u64 *)(r10 - 8) = r6
                *(u64 *)(r10 - 16) = 0
                again:
                r1 = 2
                r2 = func f
                r3 = r10
                r3 += -16
                r4 = 0
                call 181
                r1 = *(u64 *)(r10 - 16)
                r0 = 0
                if r1 == 0 goto out
                *(u64 *)(r10 - 8) = 0
                *(u64 *)(r10 - 16) = 0
                goto again
                out:
                exit
                f:
                r3 = *(u64 *)(r2 + 8)
                r0 = 0
                if r3 != 0 goto second
                *(u64 *)(r2 + 8) = 1
                if r1 == 7 goto meet
                meet:
                exit
                second:
                *(u64 *)(r2 + 0) = 1
                exit
                """;
        for (var source : List.of(endless, inASecondRound)) {
            var program = Assembly.program(ProgramType.SOCKET_FILTER, source);
            var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
            assertTrue(refused.reason().contains("given up"), refused::getMessage);
        }
    }

    @Test
    void aLoopAroundACallThatCallsBackIsFollowedToItsEnd() throws ProgramRefusedException {
        // Each pass begins with another number, and the callback adds numbers that are not known.
        var checked = accept(ProgramType.SOCKET_FILTER, """
                *(u64 *)(r10 - 8) = 0
                r6 = 0
                again:
                r1 = 100
                r2 = func f
                r3 = r10
                r3 += -8
                r4 = 0
                call 181
                r6 += 1
                if r6 != 50 goto again
                r0 = *(u64 *)(r10 - 8)
                exit
                f:
                r3 = *(u64 *)(r2 + 0)
                if r1 == 1 goto one
                r3 += r1
                one:
                if r3 > 1000 goto much
                r3 += 1
                much:
                *(u64 *)(r2 + 0) = r3
                r0 = 0
                exit
                """);
        assertTrue(checked.instructionsProcessed() < 20_000, () -> checked.instructionsProcessed() + " instructions");
    }

    @Test
    void saysWhatItFoundOut() throws ProgramRefusedException {
        var checked = accept(
                ProgramType.SOCKET_FILTER,
                FOUND.formatted("flows")
                        + "r7 = *(u64 *)(r0 + 0)\n*(u64 *)(r10 - 24) = r7\nr6 = r10\nif r7 == 0 goto other\nr6 = r0\nother:\n"
                        + "*(u32 *)(r6 - 0) = 1\nr0 = 0\nexit".replace("r6 - 0", "r10 - 8"));
        assertEquals(Optional.of(BaseKind.STACK), checked.base(0));
        assertEquals(Optional.empty(), checked.base(1));
        assertEquals(Optional.of(BaseKind.MAP_VALUE), checked.base(AFTER_FOUND));
        assertEquals(1, checked.functions());
        assertEquals(24, checked.stackBytes(0));
        assertTrue(checked.isReached(AFTER_FOUND));
    }

    @Test
    void basesThatDependOnThePathAreNotSaid() throws ProgramRefusedException {
        var checked = accept(
                ProgramType.SOCKET_FILTER,
                FOUND.formatted("flows")
                        + "r6 = r10\nr6 += -16\nr7 = *(u64 *)(r0 + 0)\nif r7 == 0 goto other\nr6 = r0\nother:\n"
                        + "*(u32 *)(r6 + 0) = 1\nr0 = 0\nexit");
        assertEquals(Optional.empty(), checked.base(AFTER_FOUND + 5));
    }

    @Test
    void theMessageSaysInstructionReasonWayOutAndPath() {
        var program = Assembly.program(
                ProgramType.SOCKET_FILTER,
                FOUND.formatted("flows")
                        + "r2 = *(u32 *)(r0 + 0)\nif r2 > 24 goto out\nr0 += r2\nr0 = *(u64 *)(r0 + 0)\nout:\nr0 = 0\nexit");
        var refused = assertThrows(ProgramRefusedException.class, () -> Checker.check(program, MAPS, OPTIONS));
        assertEquals(
                List.of(
                        "program 'test' (section 'socket'), instruction 11: (79) r0 = *(u64 *)(r0 +0): R0 points at a value of "
                                + "map 'flows' (16 bytes), and an access of 8 bytes at offset in [0, 24] ends up to 16 bytes "
                                + "behind it; compare the index with its limits before",
                        "  by 6: (55) if r0 != 0x0 goto pc+1: taken, to 8",
                        "  by 9: (25) if r2 > 0x18 goto pc+2: not taken"),
                refused.getMessage().lines().toList());
    }

    @Test
    void memoryOfAProgramWithoutAPacketIsChecked() throws Exception {
        var code = Code.decode(Assembly.program(ProgramType.SOCKET_FILTER, "r0 = *(u32 *)(r1 + 4)\nexit")
                .instructions());
        Checker.checkOnMemory("test", code, 8, OPTIONS);
        assertThrows(ProgramRefusedException.class, () -> Checker.checkOnMemory("test", code, 7, OPTIONS));
    }

    @Test
    void everyHelperHasFiveArgumentsAtMost() {
        assertTrue(HelperPrototype.numbers().stream()
                .allMatch(number -> HelperPrototype.of(number).arguments().size() <= 5));
        assertTrue(Arrays.stream(ProgramType.values())
                .allMatch(type -> HelperPrototype.of(1).types().contains(type)));
    }
}
