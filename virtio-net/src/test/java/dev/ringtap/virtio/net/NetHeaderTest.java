// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.hex;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.NetHeader.TxFault;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NetHeaderTest {
    private static final long EVERYTHING = -1;

    /** Header fields, placed by this test's own reading of the structure. */
    private static MemorySegment header(
            int flags, int gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset) {
        ByteBuffer bytes = ByteBuffer.allocate(3 + 12).order(ByteOrder.LITTLE_ENDIAN);
        bytes.position(3);
        bytes.put((byte) flags).put((byte) gsoType);
        bytes.putShort((short) hdrLen).putShort((short) gsoSize);
        bytes.putShort((short) csumStart).putShort((short) csumOffset).putShort((short) 0);
        return MemorySegment.ofArray(bytes.array());
    }

    private static TxFault check(MemorySegment header, long frameBytes, long features) {
        return NetHeader.check(header, 3, frameBytes, features);
    }

    private static long without(NetFeature feature) {
        return EVERYTHING & ~feature.mask();
    }

    @Test
    void fieldsAreWhereTheSpecificationHasThem() {
        byte[] golden = hex("01 81 3600 b405 2200 1000 0300 44332211 0800 0000");
        ByteBuffer fields = ByteBuffer.wrap(golden).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(golden).hasSize(NetHeader.SIZE_WITH_HASH);
        assertThat(fields.get(NetHeader.FLAGS)).isEqualTo((byte) NetHeader.F_NEEDS_CSUM);
        assertThat(fields.get(NetHeader.GSO_TYPE)).isEqualTo((byte) (NetHeader.GSO_ECN | NetHeader.GSO_TCPV4));
        assertThat(fields.getShort(NetHeader.HDR_LEN)).isEqualTo((short) 54);
        assertThat(fields.getShort(NetHeader.GSO_SIZE)).isEqualTo((short) 1460);
        assertThat(fields.getShort(NetHeader.CSUM_START)).isEqualTo((short) 34);
        assertThat(fields.getShort(NetHeader.CSUM_OFFSET)).isEqualTo((short) 16);
        assertThat(fields.getShort(NetHeader.NUM_BUFFERS)).isEqualTo((short) 3);
        assertThat(fields.getInt(NetHeader.HASH_VALUE)).isEqualTo(0x11223344);
        assertThat(fields.getShort(NetHeader.HASH_REPORT)).isEqualTo((short) HashReport.TCPV6_EX);
        assertThat(fields.getShort(NetHeader.PADDING)).isZero();
        assertThat(NetHeader.check(MemorySegment.ofArray(golden), 0, 2000, EVERYTHING))
                .isEqualTo(TxFault.NONE);
    }

    @Test
    void lengthFollowsFromTheFeatures() {
        assertThat(NetHeader.bytes(0)).isEqualTo(10);
        assertThat(NetHeader.bytes(NetFeature.MAC.mask())).isEqualTo(10);
        assertThat(NetHeader.bytes(NetFeature.MRG_RXBUF.mask())).isEqualTo(12);
        assertThat(NetHeader.bytes(VirtioFeature.VERSION_1.mask())).isEqualTo(12);
        assertThat(NetHeader.bytes(VirtioFeature.VERSION_1.mask() | NetFeature.RSS.mask()))
                .isEqualTo(12);
    }

    /** QEMU took 12 bytes off packets to transmit whose header had 20. */
    @Test
    void cve_2023_6693_headerToTransmitHasTheHashFieldsToo() {
        assertThat(NetHeader.bytes(VirtioFeature.VERSION_1.mask() | NetFeature.HASH_REPORT.mask()))
                .isEqualTo(20);
        assertThat(NetHeader.bytes(EVERYTHING)).isEqualTo(20);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0x00, 0, 0, 0, 0, 14",
        "1, 0x00, 0, 0, 34, 16, 60",
        "1, 0x01, 54, 1460, 34, 16, 65549",
        "1, 0x81, 54, 1460, 34, 16, 3000",
        "1, 0x04, 74, 1440, 54, 16, 3000",
        "1, 0x84, 74, 1440, 54, 16, 3000",
        "1, 0x03, 42, 1480, 34, 6, 3000",
        "1, 0x05, 42, 1472, 34, 6, 3000",
    })
    void acceptsWhatADriverMaySend(
            int flags, String gsoType, int hdrLen, int gsoSize, int csumStart, int csumOffset, long frameBytes) {
        MemorySegment header = header(flags, Integer.decode(gsoType), hdrLen, gsoSize, csumStart, csumOffset);
        assertThat(check(header, frameBytes, EVERYTHING)).isEqualTo(TxFault.NONE);
    }

    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, -1, 0, 1, 13})
    void frameNeedsAnEthernetHeader(long frameBytes) {
        assertThat(check(header(0, 0, 0, 0, 0, 0), frameBytes, EVERYTHING)).isEqualTo(TxFault.FRAME_TOO_SHORT);
    }

    @Test
    void partialChecksumNeedsItsFeature() {
        assertThat(check(header(1, 0, 0, 0, 34, 16), 60, without(NetFeature.CSUM)))
                .isEqualTo(TxFault.CSUM_NOT_NEGOTIATED);
    }

    @ParameterizedTest
    @CsvSource({
        "34, 16, 52, NONE",
        "34, 16, 51, CSUM_BEYOND_FRAME",
        "52, 0, 54, NONE",
        "53, 0, 54, CSUM_BEYOND_FRAME",
        "0, 58, 60, NONE",
        "0, 59, 60, CSUM_BEYOND_FRAME",
        "65535, 65535, 60, CSUM_BEYOND_FRAME",
        "32768, 32768, 60, CSUM_BEYOND_FRAME",
        "65535, 1, 60, CSUM_BEYOND_FRAME",
        "65535, 65535, 131072, NONE",
    })
    void cve_2024_11614_checksumFieldLiesInsideTheFrame(int start, int offset, long frameBytes, TxFault expected) {
        assertThat(check(header(1, 0, 0, 0, start, offset), frameBytes, EVERYTHING))
                .isEqualTo(expected);
    }

    @Test
    void checksumFieldsMeanNothingWithoutTheFlag() {
        assertThat(check(header(0, 0, 0, 0, 65535, 65535), 60, EVERYTHING)).isEqualTo(TxFault.NONE);
    }

    @ParameterizedTest
    @CsvSource({
        "0x01, HOST_TSO4",
        "0x81, HOST_TSO4",
        "0x04, HOST_TSO6",
        "0x84, HOST_TSO6",
        "0x03, HOST_UFO",
        "0x05, HOST_USO"
    })
    void segmentationNeedsItsFeature(String gsoType, NetFeature feature) {
        assertThat(check(header(1, Integer.decode(gsoType), 54, 1000, 34, 6), 3000, without(feature)))
                .isEqualTo(TxFault.GSO_NOT_NEGOTIATED);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x81, 0x84})
    void ecnNeedsItsFeature(int gsoType) {
        assertThat(check(header(1, gsoType, 54, 1000, 34, 16), 3000, without(NetFeature.HOST_ECN)))
                .isEqualTo(TxFault.ECN_NOT_NEGOTIATED);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x80, 0x83, 0x85})
    void ecnIsForTcp(int gsoType) {
        assertThat(check(header(1, gsoType, 54, 1000, 34, 6), 3000, EVERYTHING)).isEqualTo(TxFault.ECN_WITHOUT_TCP);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x02, 0x06, 0x07, 0x08, 0x10, 0x21, 0x24, 0x41, 0x61, 0x20, 0x7F, 0xFF, 0xA1})
    void unknownTypesAndTunnelsAreRefused(int gsoType) {
        assertThat(check(header(1, gsoType, 54, 1000, 34, 16), 3000, EVERYTHING))
                .isEqualTo(TxFault.GSO_TYPE_UNKNOWN);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x01, 0x81, 0x03, 0x04, 0x05})
    void segmentationNeedsAPartialChecksum(int gsoType) {
        assertThat(check(header(0, gsoType, 54, 1000, 34, 16), 3000, EVERYTHING))
                .isEqualTo(TxFault.GSO_WITHOUT_CSUM);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x01, 0x81, 0x03, 0x04, 0x05})
    void segmentsHaveASize(int gsoType) {
        assertThat(check(header(1, gsoType, 54, 0, 34, 16), 3000, EVERYTHING)).isEqualTo(TxFault.GSO_SIZE_ZERO);
    }

    @ParameterizedTest
    @CsvSource({"3000, NONE", "3001, HDR_LEN_BEYOND_FRAME", "65535, HDR_LEN_BEYOND_FRAME"})
    void headersToRepeatLieInsideTheFrame(int hdrLen, TxFault expected) {
        assertThat(check(header(1, 1, hdrLen, 1000, 34, 16), 3000, EVERYTHING)).isEqualTo(expected);
    }

    @Test
    void headerLengthIsAHintWithoutSegmentation() {
        assertThat(check(header(0, 0, 65535, 0, 0, 0), 60, EVERYTHING)).isEqualTo(TxFault.NONE);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8, 16, 0x80, 0xFE})
    void flagsOfOthersAreIgnored(int flags) {
        assertThat(check(header(flags, 0, 0, 0, 65535, 65535), 60, 0)).isEqualTo(TxFault.NONE);
    }

    @Test
    void keepsWhatADeviceMayUseAndClearsTheRest() {
        byte[] bytes = hex("a5 ff 00 1111 2222 3333 4444 5555 a5");
        NetHeader.keepMeaningful(MemorySegment.ofArray(bytes), 1);
        assertThat(bytes).isEqualTo(hex("a5 01 00 0000 0000 3333 4444 0000 a5"));

        bytes = hex("fe 00 1111 2222 3333 4444 5555");
        NetHeader.keepMeaningful(MemorySegment.ofArray(bytes), 0);
        assertThat(bytes).isEqualTo(hex("00 00 0000 0000 0000 0000 0000"));

        bytes = hex("01 81 3600 b405 2200 1000 0000");
        NetHeader.keepMeaningful(MemorySegment.ofArray(bytes), 0);
        assertThat(bytes).isEqualTo(hex("01 81 3600 b405 2200 1000 0000"));
    }

    @Test
    void randomHeadersAreJudgedWithoutException() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        byte[] bytes = new byte[10];
        MemorySegment header = MemorySegment.ofArray(bytes);
        for (int i = 0; i < 20_000; i++) {
            random.nextBytes(bytes);
            int frameBytes = random.nextInt(70_000);
            long features = random.nextLong();
            TxFault fault = NetHeader.check(header, 0, frameBytes, features);
            if (fault == TxFault.NONE && bytes[NetHeader.GSO_TYPE] != 0) {
                int gsoSize = Short.toUnsignedInt(header.get(
                        ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), NetHeader.GSO_SIZE));
                assertThat(gsoSize).as("seed %d", seed).isPositive();
                assertThat(NetFeature.CSUM.in(features)).as("seed %d", seed).isTrue();
            }
        }
    }
}
