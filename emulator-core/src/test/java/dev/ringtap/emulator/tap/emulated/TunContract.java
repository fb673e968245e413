// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static dev.ringtap.emulator.tap.emulated.TestFrames.ETHERNET;
import static dev.ringtap.emulator.tap.emulated.TestFrames.TCP;
import static dev.ringtap.emulator.tap.emulated.TestFrames.UDP;
import static dev.ringtap.emulator.tap.emulated.TestFrames.be16;
import static dev.ringtap.emulator.tap.emulated.TestFrames.be32;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TunOffload;
import dev.ringtap.virtio.net.NetHeader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a user sees of a TAP. The same tests run against the kernel's and the emulated one: this is what "behaves as tun.c
 * does" means.
 */
abstract class TunContract {
    private static final int FIN_PSH_ACK_CWR = 0x99;
    private static final int ACK = 0x10;
    private static final int NETWORK = ETHERNET;
    private static final int TRANSPORT_4 = NETWORK + 20;
    private static final int TRANSPORT_6 = NETWORK + 40;
    private static final int TCP_BYTES = 32;
    private static final int SEQUENCE = 0xFFFF_FF00;
    private static final int ALL_TSO = TunOffload.CSUM | TunOffload.TSO4 | TunOffload.TSO6 | TunOffload.TSO_ECN;
    private static final int ALL_USO = TunOffload.CSUM | TunOffload.USO4 | TunOffload.USO6;

    /** A device of this kind, up, silent, without offloads. */
    abstract TapBed open(int queues, int queueLength, int headerBytes) throws Exception;

    private TapBed open(int queues) throws Exception {
        return open(queues, 100, NetHeader.SIZE);
    }

    // ---- reading

    @ParameterizedTest
    @ValueSource(ints = {12, 20})
    void readsHeaderAndFrameScatteredOverPieces(int headerBytes) throws Exception {
        try (var bed = open(1, 100, headerBytes)) {
            assertThat(bed.send(TestFrames.plain(1))).isZero();
            var read = bed.read(0, 5, headerBytes, 30, 1000);
            assertThat(read.result()).isEqualTo(headerBytes + 60);
            assertThat(read.frame(headerBytes)).isEqualTo(TestFrames.plain(1));
            // The two bytes of num_buffers are the reader's, and kernels before 6.15 leave what is behind them alone.
            assertThat(read.header(10)).containsOnly(0);
        }
    }

    @Test
    void framesComeInTheOrderOfSendingAndThenEagain() throws Exception {
        try (var bed = open(1)) {
            for (int i = 0; i < 20; i++)
                assertThat(bed.send(TestFrames.plain(i))).isZero();
            for (int i = 0; i < 20; i++) assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(i));
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void shortBufferGetsTheBeginningAndTheRestIsLost() throws Exception {
        try (var bed = open(1)) {
            bed.send(TestFrames.plain(1));
            bed.send(TestFrames.plain(2));
            var read = bed.read(0, 12, 20);
            assertThat(read.result()).isEqualTo(32);
            assertThat(read.frame(12)).isEqualTo(Arrays.copyOf(TestFrames.plain(1), 20));
            assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(2));
            // Counted as a whole all the same.
            assertThat(bed.counted().txBytes()).isEqualTo(120);
        }
    }

    @Test
    void bufferWithoutRoomForTheHeaderIsRefusedAndTheFrameLost() throws Exception {
        try (var bed = open(1)) {
            bed.send(TestFrames.plain(1));
            bed.send(TestFrames.plain(2));
            assertThat(bed.read(0, 11).result()).isEqualTo(-Errno.EINVAL);
            assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(2));
            assertThat(bed.counted().txPackets()).isEqualTo(1);
        }
    }

    @Test
    void emptyBufferReadsNothingAndTheFrameStays() throws Exception {
        try (var bed = open(1)) {
            bed.send(TestFrames.plain(1));
            assertThat(bed.read(0, 0).result()).isZero();
            assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(1));
        }
    }

    // ---- the ring

    @Test
    void fullQueueDropsTheNewestAndCounts() throws Exception {
        try (var bed = open(1, 8, NetHeader.SIZE)) {
            for (int i = 0; i < 11; i++) bed.send(TestFrames.plain(i));
            for (int i = 0; i < 8; i++) assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(i));
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
            var counted = bed.counted();
            assertThat(counted.txDropped()).isEqualTo(3);
            assertThat(counted.txPackets()).isEqualTo(8);
            assertThat(counted.txBytes()).isEqualTo(8 * 60);
        }
    }

    @Test
    void withoutAttachedQueuesFramesAreDroppedAndCounted() throws Exception {
        try (var bed = open(2)) {
            bed.setAttachedQueues(0);
            bed.send(TestFrames.plain(1));
            assertThat(bed.counted().txDropped()).isEqualTo(1);
            bed.setAttachedQueues(1);
            bed.send(TestFrames.plain(2));
            assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(2));
        }
    }

    // ---- writing

    @ParameterizedTest
    @ValueSource(ints = {12, 20})
    void writtenFrameReachesTheHostAndIsCounted(int headerBytes) throws Exception {
        try (var bed = open(1, 100, headerBytes)) {
            byte[] frame = TestFrames.plain(7);
            int result = bed.write(0, TestFrames.join(new byte[headerBytes], frame), 3, headerBytes, 20);
            assertThat(result).isEqualTo(headerBytes + 60);
            assertReceived(bed.awaitAtHost(), frame, 0, 0, 0, 0, 0);
            var counted = bed.counted();
            assertThat(counted.rxPackets()).isEqualTo(1);
            assertThat(counted.rxBytes()).isEqualTo(60);
        }
    }

    /** What is in a header, and what becomes of it: 0 for accepted, else an errno. */
    private record Case(String what, byte[] header, byte[] frame, int errno) {}

    private static Case header(
            String what,
            int flags,
            int gsoType,
            int headers,
            int size,
            int start,
            int offset,
            byte[] frame,
            int errno) {
        byte[] header = TestFrames.header(12, flags, gsoType, headers, size, start, offset);
        return new Case(what, header, frame, errno);
    }

    private static Case early(String what, int flags, int gsoType, int headers, int start, int offset, byte[] frame) {
        byte[] header = TestFrames.header(12, flags, gsoType, headers, 0, start, offset);
        return new Case(what, header, frame, Errno.EINVAL);
    }

    private static List<Case> headerCases() {
        byte[] tcp = TestFrames.tcp4(ACK, 3000);
        byte[] tcp6 = TestFrames.tcp6(ACK, 3000, false);
        byte[] udp = TestFrames.udp4(5, 9, 3000);
        byte[] small = TestFrames.udp4(5, 9, 10);
        int inval = Errno.EINVAL;
        List<Case> cases = new ArrayList<>();
        cases.add(early("no frame", 0, 0, 0, 0, 0, new byte[0]));
        cases.add(early("13 bytes", 0, 0, 0, 0, 0, new byte[13]));
        cases.add(header("14 bytes", 0, 0, 0, 0, 0, 0, Arrays.copyOf(TestFrames.plain(1), 14), 0));
        cases.add(early("headers beyond the frame", 0, 0, 100, 0, 0, small));
        cases.add(early("headers below an Ethernet header", 0, 0, 13, 0, 0, small));
        cases.add(early("checksum beyond the frame", 1, 0, 0, 34, 50, small));
        cases.add(header("checksum in the last bytes", 1, 0, 0, 0, 34, small.length - 36, small, 0));
        cases.add(header("checksum from within the network header", 1, 0, 0, 0, 19, 6, small, inval));
        cases.add(header("checksum right behind the shortest network header", 1, 0, 0, 0, 20, 6, small, 0));
        cases.add(header("flags nobody knows", 0xFE, 0, 0, 0, 0, 0, small, 0));
        cases.add(header("a segmentation type nobody knows", 1, 2, 66, 1000, 34, 16, tcp, inval));
        cases.add(header("nothing but ECN", 1, 0x80, 66, 1000, 34, 16, tcp, inval));
        cases.add(header("segments of no size", 1, 1, 66, 0, 34, 16, tcp, inval));
        cases.add(header("segments of a size that means something else", 1, 1, 66, 0xFFFF, 34, 16, tcp, inval));
        cases.add(header("TCPv4", 1, 1, 66, 1000, 34, 16, tcp, 0));
        cases.add(header("TCPv4 with ECN", 1, 0x81, 66, 1000, 34, 16, tcp, 0));
        cases.add(header("TCPv4 with UDP's checksum", 1, 1, 66, 1000, 34, 6, tcp, inval));
        cases.add(header("TCPv4 without checksum", 0, 1, 66, 1000, 0, 0, tcp, 0));
        cases.add(header("TCPv6", 1, 4, 86, 1000, 54, 16, tcp6, 0));
        cases.add(header("TCPv6 from within the network header", 1, 4, 86, 1000, 34, 16, tcp6, inval));
        cases.add(header("UDP segments", 1, 5, 42, 1000, 34, 6, udp, 0));
        cases.add(header("UDP segments without checksum", 0, 5, 42, 1000, 0, 0, udp, inval));
        cases.add(header("UDP segments with TCP's checksum", 1, 5, 42, 1000, 34, 16, udp, inval));
        cases.add(header("UDP segments with ECN", 1, 0x85, 42, 1000, 34, 6, udp, inval));
        cases.add(header("UDP fragments", 1, 3, 42, 1000, 34, 6, udp, 0));
        cases.add(header("UDP fragments without checksum", 0, 3, 42, 1000, 0, 0, udp, 0));
        cases.add(header("one segment at most", 1, 1, 66, 4000, 34, 16, tcp, 0));
        return cases;
    }

    @Test
    void headersAreCheckedOneByOne() throws Exception {
        try (var bed = open(1)) {
            var softly = new SoftAssertions();
            for (Case each : headerCases()) {
                long before = bed.counted().rxPackets();
                int result = bed.write(0, TestFrames.join(each.header(), each.frame()), 12);
                int expected = each.errno() == 0 ? 12 + each.frame().length : -each.errno();
                softly.assertThat(result).as(each.what()).isEqualTo(expected);
                softly.assertThat(bed.counted().rxPackets() - before)
                        .as(each.what())
                        .isEqualTo(each.errno() == 0 ? 1 : 0);
            }
            softly.assertAll();
        }
    }

    @Test
    void lessThanAHeaderIsRefused() throws Exception {
        try (var bed = open(1)) {
            assertThat(bed.write(0, new byte[11])).isEqualTo(-Errno.EINVAL);
        }
    }

    @Test
    void hostLearnsWhatIsLeftToDo() throws Exception {
        try (var bed = open(1)) {
            byte[] udp = TestFrames.udp4(5, 9, 100);
            bed.write(0, TestFrames.join(TestFrames.header(12, 1, 0, 0, 0, 34, 6), udp), 12);
            assertReceived(bed.awaitAtHost(), udp, 1, 0, 0, 34, 6);
            byte[] tcp = TestFrames.tcp4(ACK, 3000);
            bed.write(0, TestFrames.join(TestFrames.header(12, 1, 1, 66, 1000, 34, 16), tcp), 12);
            assertReceived(bed.awaitAtHost(), tcp, 1, 1, 1000, 34, 16);
            // Too small to be cut: no segments any more.
            bed.write(0, TestFrames.join(TestFrames.header(12, 1, 1, 66, 4000, 34, 16), tcp), 12);
            assertReceived(bed.awaitAtHost(), tcp, 1, 0, 0, 34, 16);
        }
    }

    private static void assertReceived(
            TapBed.Received received, byte[] frame, int flags, int type, int size, int start, int offset) {
        assertThat(received.frame()).isEqualTo(frame);
        assertThat(new int[] {
                    received.flags(),
                    received.gsoType(),
                    received.gsoSize(),
                    received.checksumStart(),
                    received.checksumOffset()
                })
                .containsExactly(flags, type, size, start, offset);
    }

    // ---- the interface

    @Test
    void interfaceThatIsDownRefusesTheGuestsFrames() throws Exception {
        try (var bed = open(1)) {
            bed.setUp(false);
            assertThat(bed.write(0, TestFrames.join(new byte[12], TestFrames.plain(1)), 12))
                    .isEqualTo(-Errno.EIO);
            assertThat(bed.send(TestFrames.plain(1))).isEqualTo(-Errno.ENETDOWN);
            assertThat(bed.counted().rxDropped()).isEqualTo(1);
            bed.setUp(true);
            assertThat(bed.write(0, TestFrames.join(new byte[12], TestFrames.plain(1)), 12))
                    .isEqualTo(72);
        }
    }

    @Test
    void removedDeviceAnswersThatItIsGone() throws Exception {
        try (var bed = open(2)) {
            bed.setAttachedQueues(1);
            bed.send(TestFrames.plain(1));
            assertThat(bed.present(0)).isTrue();
            bed.remove();
            for (int queue = 0; queue < 2; queue++) {
                assertThat(bed.present(queue)).isFalse();
                assertThat(bed.read(queue).result()).isEqualTo(-Errno.EBADFD);
                assertThat(bed.write(queue, TestFrames.join(new byte[12], TestFrames.plain(1)), 12))
                        .isEqualTo(-Errno.EBADFD);
            }
            assertThat(bed.send(TestFrames.plain(1))).isEqualTo(-Errno.ENXIO);
        }
    }

    // ---- attaching and detaching

    @Test
    void detachedQueueReadsAsEmptyAndStillReachesTheHost() throws Exception {
        try (var bed = open(2)) {
            bed.steerTo(1);
            bed.send(TestFrames.plain(1));
            bed.setAttachedQueues(1);
            assertThat(bed.read(1).result()).isEqualTo(-Errno.EAGAIN);
            assertThat(bed.write(1, TestFrames.join(new byte[12], TestFrames.plain(5)), 12))
                    .isEqualTo(72);
            assertThat(bed.awaitAtHost().frame()).isEqualTo(TestFrames.plain(5));
            // What it held is gone for good.
            bed.setAttachedQueues(2);
            assertThat(bed.read(1).result()).isEqualTo(-Errno.EAGAIN);
            bed.send(TestFrames.plain(2));
            assertThat(bed.read(1).frame(12)).isEqualTo(TestFrames.plain(2));
        }
    }

    @Test
    void lastQueueTakesTheNumberOfADetachedOne() throws Exception {
        try (var bed = open(4)) {
            bed.detachQueue(1);
            bed.steerTo(1);
            bed.send(TestFrames.plain(1));
            assertThat(bed.read(3).frame(12)).isEqualTo(TestFrames.plain(1));
            bed.attachQueue(1);
            bed.steerTo(3);
            bed.send(TestFrames.plain(2));
            assertThat(bed.read(1).frame(12)).isEqualTo(TestFrames.plain(2));
        }
    }

    // ---- programs

    @Test
    void steeringProgramsAnswerCountsInItsLow16BitsModuloTheQueues() throws Exception {
        try (var bed = open(3)) {
            int[][] answersAndQueues = {{0, 0}, {2, 2}, {5, 2}, {0x10001, 1}, {-1, 0xFFFF % 3}};
            for (int[] each : answersAndQueues) {
                bed.steerTo(each[0]);
                bed.send(TestFrames.plain(each[0]));
                assertThat(bed.read(each[1]).result()).as("answer %x", each[0]).isEqualTo(72);
            }
            bed.setAttachedQueues(2);
            bed.steerTo(5);
            bed.send(TestFrames.plain(1));
            assertThat(bed.read(1).result()).isEqualTo(72);
        }
    }

    @Test
    void filterDropsCutsOrKeeps() throws Exception {
        try (var bed = open(1)) {
            bed.filter(0);
            bed.send(TestFrames.plain(1));
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
            assertThat(bed.counted().txDropped()).isEqualTo(1);
            bed.filter(20);
            bed.send(TestFrames.plain(2));
            assertThat(bed.read(0).frame(12)).isEqualTo(Arrays.copyOf(TestFrames.plain(2), 20));
            for (int all : new int[] {60, 1000, -1}) {
                bed.filter(all);
                bed.send(TestFrames.plain(3));
                assertThat(bed.read(0).frame(12)).isEqualTo(TestFrames.plain(3));
            }
            assertThat(bed.counted().txBytes()).isEqualTo(20 + 3 * 60);
        }
    }

    @Test
    void filterSeesSegmentsNotTheFrame() throws Exception {
        try (var bed = open(1)) {
            bed.filter(70);
            bed.send(TestFrames.tcp4(ACK, 2500), gso(NetHeader.GSO_TCPV4, 1000, TRANSPORT_4, 16));
            for (int i = 0; i < 3; i++) assertThat(bed.read(0).result()).isEqualTo(12 + 70);
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
        }
    }

    // ---- offloads

    @Test
    void impossibleOffloadsAreRefused() throws Exception {
        try (var bed = open(1)) {
            int[] refused = {
                TunOffload.TSO4,
                TunOffload.UFO,
                TunOffload.CSUM | TunOffload.TSO_ECN,
                TunOffload.CSUM | TunOffload.USO4,
                TunOffload.CSUM | TunOffload.USO6,
                0x100
            };
            for (int flags : refused) {
                int errno = 0;
                try {
                    bed.setOffloads(flags);
                } catch (NativeException e) {
                    errno = e.errno();
                }
                assertThat(errno).as(TunOffload.describe(flags)).isEqualTo(Errno.EINVAL);
            }
            bed.setOffloads(TunOffload.CSUM | TunOffload.UFO);
            bed.setOffloads(ALL_TSO | ALL_USO | TunOffload.UFO);
        }
    }

    @Test
    void missingChecksumIsMadeUnlessTheReaderMakesIt() throws Exception {
        try (var bed = open(1)) {
            byte[] frame = TestFrames.udp4(5, 9, 101);
            var info = new FrameInfo().needsChecksum(TRANSPORT_4, 6);
            bed.send(frame, info);
            var made = bed.read(0);
            assertThat(made.header(10)).containsOnly(0);
            assertThat(TestFrames.transportSumRight(made.frame(12), NETWORK, TRANSPORT_4, UDP))
                    .isTrue();
            bed.setOffloads(TunOffload.CSUM);
            bed.send(frame, info);
            var left = bed.read(0);
            assertThat(left.header(10)).isEqualTo(TestFrames.header(10, 1, 0, 0, 0, TRANSPORT_4, 6));
            assertThat(left.frame(12)).isEqualTo(frame);
        }
    }

    @Test
    void checksumOfZeroIsWrittenAsAllOnes() throws Exception {
        try (var bed = open(1)) {
            byte[] frame = TestFrames.udp4(5, 9, 100);
            // Two bytes of payload that bring the sum to all ones, whose inverse is zero.
            int sum = TestFrames.sum(frame, TRANSPORT_4, frame.length - TRANSPORT_4, 0);
            int wanted = TestFrames.sum(new byte[] {frame[50], frame[51]}, 0, 2, ~sum & 0xFFFF);
            frame[50] = (byte) (wanted >> 8);
            frame[51] = (byte) wanted;
            bed.send(frame, new FrameInfo().needsChecksum(TRANSPORT_4, 6));
            assertThat(be16(bed.read(0).frame(12), TRANSPORT_4 + 6)).isEqualTo(0xFFFF);
        }
    }

    private static FrameInfo gso(int type, int size, int transport, int checksum) {
        return new FrameInfo().needsChecksum(transport, checksum).segments(type, size, transport + 20);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, TunOffload.CSUM, TunOffload.CSUM | TunOffload.TSO6})
    void tcpOverIpv4IsCutForAReaderWhoCannot(int offloads) throws Exception {
        try (var bed = open(1)) {
            bed.setOffloads(offloads);
            byte[] whole = TestFrames.tcp4(FIN_PSH_ACK_CWR, 2500);
            bed.send(whole, gso(NetHeader.GSO_TCPV4, 1000, TRANSPORT_4, 16));
            for (int i = 0; i < 3; i++) {
                var read = bed.read(0);
                byte[] segment = read.frame(12);
                checkTcpSegment(read, segment, whole, TRANSPORT_4, i, 3, (offloads & TunOffload.CSUM) != 0);
                assertThat(be16(segment, NETWORK + 2)).isEqualTo(segment.length - NETWORK);
                assertThat(be16(segment, NETWORK + 4)).isEqualTo(0x1234 + i);
                assertThat(TestFrames.headerSumRight(segment, NETWORK)).isTrue();
            }
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
            assertThat(bed.counted().txPackets()).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void tcpOverIpv6IsCutForAReaderWhoCannot(boolean hopByHop) throws Exception {
        try (var bed = open(1)) {
            int transport = TRANSPORT_6 + (hopByHop ? 8 : 0);
            byte[] whole = TestFrames.tcp6(FIN_PSH_ACK_CWR, 2500, hopByHop);
            bed.send(whole, gso(NetHeader.GSO_TCPV6, 1000, transport, 16));
            for (int i = 0; i < 3; i++) {
                var read = bed.read(0);
                byte[] segment = read.frame(12);
                checkTcpSegment(read, segment, whole, transport, i, 3, false);
                assertThat(be16(segment, NETWORK + 4)).isEqualTo(segment.length - TRANSPORT_6);
            }
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
        }
    }

    private static void checkTcpSegment(
            TapBed.Read read, byte[] segment, byte[] whole, int transport, int i, int count, boolean sumLeft) {
        int headers = transport + TCP_BYTES;
        int begin = headers + i * 1000;
        int end = Math.min(begin + 1000, whole.length);
        assertThat(Arrays.copyOfRange(segment, headers, segment.length))
                .isEqualTo(Arrays.copyOfRange(whole, begin, end));
        assertThat(be32(segment, transport + 4)).isEqualTo(SEQUENCE + i * 1000);
        int flags = FIN_PSH_ACK_CWR & ~(i == count - 1 ? 0 : 0x09) & ~(i == 0 ? 0 : 0x80);
        assertThat(segment[transport + 13] & 0xFF).isEqualTo(flags);
        if (sumLeft) {
            assertThat(read.header(10)).isEqualTo(TestFrames.header(10, 1, 0, 0, 0, transport, 16));
            byte[] finished = segment.clone();
            int sum = ~TestFrames.sum(segment, transport, segment.length - transport, 0);
            finished[transport + 16] = (byte) (sum >> 8);
            finished[transport + 17] = (byte) sum;
            assertThat(TestFrames.transportSumRight(finished, NETWORK, transport, TCP))
                    .isTrue();
        } else {
            assertThat(read.header(10)).containsOnly(0);
            assertThat(TestFrames.transportSumRight(segment, NETWORK, transport, TCP))
                    .isTrue();
        }
    }

    @Test
    void readerWhoCutsGetsTheWholeFrame() throws Exception {
        try (var bed = open(1)) {
            bed.setOffloads(ALL_TSO | ALL_USO);
            byte[][] frames = {
                TestFrames.tcp4(ACK, 2500),
                TestFrames.tcp6(ACK, 2500, false),
                TestFrames.udp4(5, 9, 2500),
                TestFrames.udp6(5, 9, 2500)
            };
            int[][] what = {
                {NetHeader.GSO_TCPV4, TRANSPORT_4, 16}, {NetHeader.GSO_TCPV6, TRANSPORT_6, 16},
                {NetHeader.GSO_UDP_L4, TRANSPORT_4, 6}, {NetHeader.GSO_UDP_L4, TRANSPORT_6, 6}
            };
            for (int i = 0; i < frames.length; i++) {
                bed.send(frames[i], gso(what[i][0], 1000, what[i][1], what[i][2]));
                var read = bed.read(0);
                assertThat(read.frame(12)).isEqualTo(frames[i]);
                byte[] header = read.header(10);
                // How long the headers are is a hint, which the kernel gives as it likes.
                int hint = header[2] & 0xFF | (header[3] & 0xFF) << 8;
                assertThat(hint).isBetween(what[i][1], frames[i].length);
                assertThat(header).isEqualTo(TestFrames.header(10, 1, what[i][0], hint, 1000, what[i][1], what[i][2]));
            }
        }
    }

    @Test
    void congestionMarkNeedsAReaderWhoKnowsIt() throws Exception {
        try (var bed = open(1)) {
            int type = NetHeader.GSO_TCPV4 | NetHeader.GSO_ECN;
            byte[] whole = TestFrames.tcp4(FIN_PSH_ACK_CWR, 2500);
            bed.setOffloads(TunOffload.CSUM | TunOffload.TSO4);
            bed.send(whole, gso(type, 1000, TRANSPORT_4, 16));
            for (int i = 0; i < 3; i++) {
                var read = bed.read(0);
                checkTcpSegment(read, read.frame(12), whole, TRANSPORT_4, i, 3, true);
            }
            bed.setOffloads(ALL_TSO);
            bed.send(whole, gso(type, 1000, TRANSPORT_4, 16));
            var read = bed.read(0);
            assertThat(read.frame(12)).isEqualTo(whole);
            assertThat(read.buffer()[1] & 0xFF).isEqualTo(type);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void udpIsCutIntoDatagramsForAReaderWhoCannot(boolean version6) throws Exception {
        try (var bed = open(1)) {
            int transport = version6 ? TRANSPORT_6 : TRANSPORT_4;
            int headers = transport + 8;
            byte[] whole = version6 ? TestFrames.udp6(5, 9, 2500) : TestFrames.udp4(5, 9, 2500);
            bed.send(whole, gso(NetHeader.GSO_UDP_L4, 1000, transport, 6));
            for (int i = 0; i < 3; i++) {
                var read = bed.read(0);
                byte[] segment = read.frame(12);
                int begin = headers + i * 1000;
                assertThat(read.header(10)).containsOnly(0);
                assertThat(Arrays.copyOfRange(segment, headers, segment.length))
                        .isEqualTo(Arrays.copyOfRange(whole, begin, Math.min(begin + 1000, whole.length)));
                assertThat(be16(segment, transport + 4)).isEqualTo(segment.length - transport);
                assertThat(TestFrames.transportSumRight(segment, NETWORK, transport, UDP))
                        .isTrue();
                if (!version6) {
                    assertThat(be16(segment, NETWORK + 2)).isEqualTo(segment.length - NETWORK);
                    assertThat(be16(segment, NETWORK + 4)).isEqualTo(0x1234 + i);
                    assertThat(TestFrames.headerSumRight(segment, NETWORK)).isTrue();
                } else {
                    assertThat(be16(segment, NETWORK + 4)).isEqualTo(segment.length - TRANSPORT_6);
                }
            }
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void udpOverIpv4IsCutIntoFragmentsWhateverTheReaderCan() throws Exception {
        try (var bed = open(1)) {
            bed.setOffloads(ALL_TSO | ALL_USO | TunOffload.UFO);
            byte[] whole = TestFrames.udp4(5, 9, 2500);
            bed.send(whole, gso(NetHeader.GSO_UDP, 1000, TRANSPORT_4, 6));
            byte[] datagram = new byte[0];
            for (int i = 0; i < 3; i++) {
                var read = bed.read(0);
                byte[] fragment = read.frame(12);
                // A piece has no checksum that anybody could check.
                assertThat(read.header(10)).isEqualTo(TestFrames.header(10, NetHeader.F_DATA_VALID, 0, 0, 0, 0, 0));
                assertThat(be16(fragment, NETWORK + 2)).isEqualTo(fragment.length - NETWORK);
                assertThat(be16(fragment, NETWORK + 4)).isEqualTo(0x1234);
                assertThat(be16(fragment, NETWORK + 6)).isEqualTo((i < 2 ? 0x2000 : 0) | i * 1000 / 8);
                assertThat(TestFrames.headerSumRight(fragment, NETWORK)).isTrue();
                datagram = TestFrames.join(datagram, Arrays.copyOfRange(fragment, TRANSPORT_4, fragment.length));
            }
            assertDatagram(datagram, whole, TRANSPORT_4);
        }
    }

    @Test
    void udpOverIpv6IsCutIntoFragmentsWithAHeaderOfTheirOwn() throws Exception {
        try (var bed = open(1)) {
            byte[] whole = TestFrames.udp6(5, 9, 2500);
            bed.send(whole, gso(NetHeader.GSO_UDP, 1000, TRANSPORT_6, 6));
            byte[] datagram = new byte[0];
            int identification = 0;
            for (int i = 0; i < 3; i++) {
                var read = bed.read(0);
                byte[] fragment = read.frame(12);
                assertThat(read.header(10)).isEqualTo(TestFrames.header(10, NetHeader.F_DATA_VALID, 0, 0, 0, 0, 0));
                assertThat(fragment[NETWORK + 6]).isEqualTo((byte) 44);
                assertThat(be16(fragment, NETWORK + 4)).isEqualTo(fragment.length - TRANSPORT_6);
                assertThat(be16(fragment, TRANSPORT_6)).isEqualTo(UDP << 8);
                assertThat(be16(fragment, TRANSPORT_6 + 2)).isEqualTo(i * 1000 | (i < 2 ? 1 : 0));
                if (i > 0) assertThat(be32(fragment, TRANSPORT_6 + 4)).isEqualTo(identification);
                identification = be32(fragment, TRANSPORT_6 + 4);
                datagram = TestFrames.join(datagram, Arrays.copyOfRange(fragment, TRANSPORT_6 + 8, fragment.length));
            }
            assertDatagram(datagram, whole, TRANSPORT_6);
        }
    }

    // The datagram put together again is the one sent, with its checksum.
    private static void assertDatagram(byte[] datagram, byte[] whole, int transport) {
        byte[] expected = Arrays.copyOfRange(whole, transport, whole.length);
        byte[] together = TestFrames.join(Arrays.copyOf(whole, transport), datagram);
        assertThat(TestFrames.transportSumRight(together, NETWORK, transport, UDP))
                .isTrue();
        expected[6] = datagram[6];
        expected[7] = datagram[7];
        assertThat(datagram).isEqualTo(expected);
    }

    @Test
    void tagInTheFrameStaysInEverySegment() throws Exception {
        try (var bed = open(1)) {
            byte[] whole = TestFrames.tagged(TestFrames.tcp4(ACK, 2500), 42);
            bed.send(whole, gso(NetHeader.GSO_TCPV4, 1000, TRANSPORT_4 + 4, 16));
            for (int i = 0; i < 3; i++) {
                byte[] segment = bed.read(0).frame(12);
                assertThat(Arrays.copyOf(segment, 18)).isEqualTo(Arrays.copyOf(whole, 18));
                assertThat(TestFrames.transportSumRight(segment, NETWORK + 4, TRANSPORT_4 + 4, TCP))
                        .isTrue();
            }
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
        }
    }

    @Test
    void frameThatCannotBeCutIsDroppedAndCounted() throws Exception {
        try (var bed = open(1)) {
            // Says TCP and is UDP.
            byte[] udp = TestFrames.udp4(5, 9, 2500);
            bed.send(udp, gso(NetHeader.GSO_TCPV4, 1000, TRANSPORT_4, 16));
            // A TCP header shorter than it can be.
            byte[] tcp = TestFrames.tcp4(ACK, 2500);
            tcp[TRANSPORT_4 + 12] = 0x40;
            bed.send(tcp, gso(NetHeader.GSO_TCPV4, 1000, TRANSPORT_4, 16));
            assertThat(bed.read(0).result()).isEqualTo(-Errno.EAGAIN);
            assertThat(bed.counted().txDropped()).isEqualTo(2);
        }
    }

    @Test
    void senderWhoContradictsHimselfIsTold() throws Exception {
        try (var bed = open(1)) {
            byte[] tcp = TestFrames.tcp4(ACK, 2500);
            assertThat(bed.send(tcp, gso(2, 1000, TRANSPORT_4, 16))).isEqualTo(-Errno.EINVAL);
            assertThat(bed.send(tcp, gso(NetHeader.GSO_TCPV4, 0, TRANSPORT_4, 16)))
                    .isEqualTo(-Errno.EINVAL);
            assertThat(bed.send(tcp, new FrameInfo().needsChecksum(3000, 16))).isEqualTo(-Errno.EINVAL);
            assertThat(bed.send(new byte[13])).isEqualTo(-Errno.EINVAL);
        }
    }

    // ---- automatic steering

    @Test
    void flowGoesWhereItsFramesComeFrom() throws Exception {
        try (var bed = open(4)) {
            for (int queue : new int[] {2, 0, 3, 1}) {
                learn(bed, 1000, queue);
                assertThat(queueOf(bed, 1000)).isEqualTo(queue);
            }
        }
    }

    @Test
    void unknownFlowsAreSpreadAndKeepTheirQueue() throws Exception {
        try (var bed = open(4, 200, NetHeader.SIZE)) {
            int[] flows = new int[4];
            for (int port = 1; port <= 200; port++) {
                int queue = queueOf(bed, port);
                flows[queue]++;
                assertThat(queueOf(bed, port)).isEqualTo(queue);
            }
            // Fewer than that on one queue has a chance of one in many billions.
            assertThat(Arrays.stream(flows).min().orElseThrow()).isGreaterThan(10);
        }
    }

    @Test
    void learnedFlowWithoutItsQueueGoesToQueueZero() throws Exception {
        try (var bed = open(4)) {
            learn(bed, 1, 3);
            learn(bed, 2, 2);
            bed.setAttachedQueues(3);
            assertThat(queueOf(bed, 1)).isZero();
            assertThat(queueOf(bed, 2)).isEqualTo(2);
            learn(bed, 1, 1);
            assertThat(queueOf(bed, 1)).isEqualTo(1);
        }
    }

    @Test
    void programSteersInsteadOfLearnedFlowsAndNothingIsLearnedMeanwhile() throws Exception {
        try (var bed = open(4)) {
            learn(bed, 1, 2);
            bed.steerTo(3);
            assertThat(queueOf(bed, 1)).isEqualTo(3);
            learn(bed, 1, 1);
            bed.clearSteering();
            assertThat(queueOf(bed, 1)).isEqualTo(2);
        }
    }

    @Test
    void flowOfWhichNothingIsHeardIsForgotten() throws Exception {
        try (var bed = open(4)) {
            int byHash = queueOf(bed, 1);
            int learned = (byHash + 1) % 4;
            learn(bed, 1, learned);
            assertThat(queueOf(bed, 1)).isEqualTo(learned);
            // What the host sends does not keep the flow alive.
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (queueOf(bed, 1) != byHash) {
                assertThat(System.nanoTime()).as("still remembered").isLessThan(deadline);
                Thread.sleep(100);
            }
        }
    }

    @Test
    void detachedQueueTeachesNothing() throws Exception {
        try (var bed = open(4)) {
            bed.setAttachedQueues(3);
            learn(bed, 1, 1);
            learn(bed, 1, 3);
            assertThat(queueOf(bed, 1)).isEqualTo(1);
        }
    }

    @Test
    void fragmentsAreAFlowWithoutPorts() throws Exception {
        try (var bed = open(4)) {
            byte[] fragment = TestFrames.udp4Back(1, 9, 100);
            fragment[NETWORK + 6] = 0x20;
            bed.write(3, TestFrames.join(new byte[12], fragment), 12);
            for (int port = 1; port < 20; port++) {
                byte[] other = TestFrames.udp4(port, 9, 100);
                other[NETWORK + 6] = 0x20;
                bed.send(other);
                assertThat(drain(bed)).isEqualTo(3);
            }
        }
    }

    @Test
    void portsOfIpv6TellFlowsApartWhateverTheirLabels() throws Exception {
        try (var bed = open(4)) {
            int[] queues = {3, 1, 2, 0, 1, 3};
            for (int port = 0; port < queues.length; port++) {
                byte[] labelled = TestFrames.udp6(port, 9, 20);
                labelled[NETWORK + 3] = (byte) port;
                bed.write(queues[port], TestFrames.join(new byte[12], labelled), 12);
            }
            for (int port = 0; port < queues.length; port++) {
                byte[] labelled = TestFrames.udp6(port, 9, 20);
                labelled[NETWORK + 3] = 77;
                bed.send(labelled);
                assertThat(drain(bed)).isEqualTo(queues[port]);
            }
        }
    }

    @Test
    void framesThatAreNotIpAreOneFlow() throws Exception {
        try (var bed = open(4)) {
            bed.write(2, TestFrames.join(new byte[12], TestFrames.plain(0)), 12);
            for (int i = 1; i < 20; i++) {
                bed.send(TestFrames.plain(i));
                assertThat(drain(bed)).isEqualTo(2);
            }
        }
    }

    @Test
    void segmentsOfAFrameGoToOneQueue() throws Exception {
        try (var bed = open(4)) {
            byte[] frame = TestFrames.udp4(1, 9, 2500);
            learn(bed, 1, 2);
            bed.send(frame, gso(NetHeader.GSO_UDP_L4, 1000, TRANSPORT_4, 6));
            for (int i = 0; i < 3; i++) assertThat(bed.read(2).result()).isPositive();
        }
    }

    /** The guest answers a flow from a queue. */
    private static void learn(TapBed bed, int port, int queue) throws Exception {
        bed.write(queue, TestFrames.join(new byte[12], TestFrames.udp4Back(port, 9, 20)), 12);
    }

    /** The queue that a flow's next frame comes to. */
    private static int queueOf(TapBed bed, int port) throws Exception {
        bed.send(TestFrames.udp4(port, 9, 20));
        return drain(bed);
    }

    // Where the one frame is that waits.
    private static int drain(TapBed bed) {
        for (int queue = 0; queue < 4; queue++) {
            if (bed.read(queue).result() > 0) return queue;
        }
        throw new AssertionError("no queue has the frame");
    }
}
