// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InstructionTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    07 02 00 00 b4 ff ff ff | (07) r2 += -76
                    b4 00 00 00 05 00 00 00 | (b4) w0 = 5
                    bf 17 00 00 00 00 00 00 | (bf) r7 = r1
                    1c 24 00 00 00 00 00 00 | (1c) w4 -= w2
                    3f 12 01 00 00 00 00 00 | (3f) r2 s/= r1
                    97 02 01 00 03 00 00 00 | (97) r2 s%= 3
                    bf 21 08 00 00 00 00 00 | (bf) r1 = (s8)r2
                    bc 21 10 00 00 00 00 00 | (bc) w1 = (s16)w2
                    bf 21 20 00 00 00 00 00 | (bf) r1 = (s32)r2
                    87 03 00 00 00 00 00 00 | (87) r3 = -r3
                    c7 03 00 00 04 00 00 00 | (c7) r3 s>>= 4
                    dc 01 00 00 10 00 00 00 | (dc) r1 = be16 r1
                    d4 01 00 00 20 00 00 00 | (d4) r1 = le32 r1
                    d7 01 00 00 40 00 00 00 | (d7) r1 = bswap64 r1
                    61 61 10 04 00 00 00 00 | (61) r1 = *(u32 *)(r6 +1040)
                    91 21 ff ff 00 00 00 00 | (91) r1 = *(s8 *)(r2 -1)
                    7b 8a 80 ff 00 00 00 00 | (7b) *(u64 *)(r10 -128) = r8
                    6a 01 02 00 07 00 00 00 | (6a) *(u16 *)(r1 +2) = 7
                    db 2a f8 ff 00 00 00 00 | (db) lock *(u64 *)(r10 -8) += r2
                    c3 21 04 00 41 00 00 00 | (c3) r2 = atomic_fetch_or((u32 *)(r1 +4), r2)
                    db 21 00 00 e1 00 00 00 | (db) r2 = atomic64_xchg((u64 *)(r1 +0), r2)
                    db 21 00 00 f1 00 00 00 | (db) r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)
                    28 00 00 00 0c 00 00 00 | (28) r0 = *(u16 *)skb[12]
                    50 10 00 00 02 00 00 00 | (50) r0 = *(u8 *)skb[r1 + 2]
                    05 00 fe ff 00 00 00 00 | (05) goto pc-2
                    06 00 00 00 00 00 01 00 | (06) gotol pc+65536
                    55 01 c0 02 01 00 00 00 | (55) if r1 != 0x1 goto pc+704
                    6e 21 03 00 00 00 00 00 | (6e) if w1 s> w2 goto pc+3
                    85 00 00 00 01 00 00 00 | (85) call bpf_map_lookup_elem#1
                    85 10 00 00 05 00 00 00 | (85) call pc+5
                    85 20 00 00 07 00 00 00 | (85) call kfunc#7
                    95 00 00 00 00 00 00 00 | (95) exit
                    """)
    void printsAsTheVerifierLogDoes(String bytes, String line) throws InvalidInstructionException {
        assertEquals(line, decode(bytes).at(0).toString());
    }

    @Test
    void constantsOfSixtyFourBitsTakeTwoSlots() throws InvalidInstructionException {
        var code = decode("18 01 00 00 f0 de bc 9a 00 00 00 00 78 56 34 12 95 00 00 00 00 00 00 00");
        assertEquals(3, code.length());
        assertEquals("0: (18) r1 = 0x123456789abcdef0", code.line(0));
        assertTrue(code.isStart(0) && !code.isStart(1) && code.isStart(2) && !code.isStart(3));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    8d 00 00 00 00 00 00 00 | callx
                    e5 00 00 00 00 00 00 00 | unknown operation
                    b7 0b 00 00 00 00 00 00 | register r11
                    b7 0a 00 00 00 00 00 00 | frame pointer
                    b7 01 05 00 00 00 00 00 | variant 5
                    bf 21 00 00 01 00 00 00 | unused immediate
                    99 21 00 00 00 00 00 00 | unknown operation
                    d3 21 00 00 00 00 00 00 | atomic operation on 8 bits
                    db 21 00 00 60 00 00 00 | unknown atomic operation
                    dc 01 00 00 08 00 00 00 | bytes of 8 bits
                    18 01 00 00 00 00 00 00 | second half
                    95 00 00 00 01 00 00 00 | unused immediate
                    85 30 00 00 01 00 00 00 | call of unknown kind
                    95 00 00 00             | whole number
                    """)
    void refusesWhatIsNoInstruction(String bytes, String reason) {
        var refused = assertThrows(InvalidInstructionException.class, () -> decode(bytes));
        assertTrue(refused.getMessage().contains(reason), refused.getMessage());
    }

    private static Code decode(String bytes) throws InvalidInstructionException {
        return Code.decode(HexFormat.ofDelimiter(" ").parseHex(bytes.strip()));
    }
}
