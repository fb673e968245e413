// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.SynchronousBurst;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.emulator.tap.PortQueue;
import dev.ringtap.linux.bpf.InBandPrefix;
import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.virtio.memory.GuestMemory;
import dev.ringtap.virtio.net.HashReport;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import dev.ringtap.virtio.net.NetDeviceState;
import dev.ringtap.virtio.net.NetFeature;
import dev.ringtap.virtio.net.PacketHasher;
import dev.ringtap.virtio.net.Toeplitz;
import dev.ringtap.virtio.queue.SplitVirtqueue;
import io.netty.channel.IoEventLoop;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What a driver gets of packets with an in-band prefix and without, however its buffers are cut: never the prefix. */
class InBandReceiveTest {
    private static final long NONCE = 0x1122_3344_5566_7788L;
    private static final byte[] NONCE_BYTES =
            ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(NONCE).array();
    private static final int HASH = 0xCAFE_F00D;
    private static final byte[] GUEST_MAC = {0x02, 0, 0, 0, 0, 0x01};
    private static final byte[] KEY = new byte[40];
    private static final byte UNTOUCHED = (byte) 0xa5;

    private static final int RING = 256;
    private static final int BASE = 65_534;
    private static final long DESCRIPTORS = 0;
    private static final long AVAILABLE = 8192;
    private static final long USED = 12 * 1024;
    private static final long DATA = 64 * 1024;
    private static final int DESC_NEXT = 1;
    private static final int DESC_WRITE = 2;
    private static final int HEADER = 20;

    private static final int NEEDS_CSUM = 1;
    private static final int GSO_TCPV4 = 1;

    private static final ValueLayout.OfShort LE16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment memory = arena.allocate(4 << 20, 4096);
    private final Deque<byte[]> tap = new ArrayDeque<>();
    private final PairCounters counters = new PairCounters();
    private final List<Throwable> faults = new ArrayList<>();
    private final InBandHashSource hashSource = new InBandHashSource(0, NONCE);
    private EventFd kick;
    private ReceivePath path;
    private int descriptors;
    private int availableChains;
    private int availableIndex = BASE;
    private int usedIndex = BASE;
    private long data = DATA;

    /** How a packet comes out of the TAP. */
    private enum Shape {
        PREFIXED,
        /** With a tag that the kernel carried beside the frame. */
        TAGGED,
        BARE;

        private byte[] packet(byte[] frame) {
            return switch (this) {
                case PREFIXED -> join(prefix(NONCE), frame);
                case TAGGED -> {
                    // tun.c puts the tag at offset 12 of what it has, whatever that is.
                    byte[] untagged = join(Arrays.copyOf(frame, 12), Arrays.copyOfRange(frame, 16, frame.length));
                    byte[] whole = join(prefix(NONCE), untagged);
                    yield join(
                            Arrays.copyOf(whole, 12),
                            Arrays.copyOfRange(frame, 12, 16),
                            Arrays.copyOfRange(whole, 12, whole.length));
                }
                case BARE -> frame;
            };
        }
    }

    /** Sizes of a chain's pieces; chains of one size list are made until there is room. */
    private static final List<List<Integer>> CUTS = List.of(
            List.of(4096),
            List.of(20, 4096),
            List.of(12, 8, 4096),
            List.of(24, 8, 7, 4, 11, 4096),
            List.of(28, 16, 16, 1500),
            List.of(33, 5, 3000),
            List.of(36, 4096),
            List.of(100),
            List.of(30),
            List.of(21));

    @BeforeEach
    void open() throws Exception {
        memory.asSlice(DATA).fill(UNTOUCHED);
        memory.set(LE16, AVAILABLE + 2, (short) BASE);
        memory.set(LE16, USED + 2, (short) BASE);
        kick = EventFd.create();
        GuestMemory guest = GuestMemory.of(List.of(new GuestMemory.Region(0, 0, memory)));
        SplitVirtqueue queue = new SplitVirtqueue(
                guest,
                RING,
                guest.slice(DESCRIPTORS, 16 * RING),
                guest.slice(AVAILABLE, 6 + 2 * RING),
                guest.slice(USED, 6 + 8 * RING),
                0,
                BASE);
        PairEvents events = new PairEvents() {
            @Override
            public void driverFault(int vring, Throwable cause) {
                faults.add(cause);
            }

            @Override
            public void tapGone() {
                faults.add(new IllegalStateException("TAP gone"));
            }
        };
        path = new ReceivePath(new Loop(), arena, new Tap(), hashSource, counters, events);
        path.contract(contract(true, HEADER));
        path.start(new Vring(0, queue, kick.fd(), null));
        hashSource.prepare(new HashRules(new Toeplitz(KEY), HashType.ALL, null));
        hashSource.commit();
        path.run();
    }

    @AfterEach
    void close() {
        path.close();
        kick.close();
        arena.close();
        assertThat(faults).isEmpty();
    }

    private static DriverContract contract(boolean mergeable, int headerBytes) {
        long features = NetFeature.GUEST_CSUM.mask() | NetFeature.GUEST_TSO4.mask();
        NetDeviceConfig config =
                new NetDeviceConfig(GUEST_MAC, 1, 1500, 128, HashType.ALL, NetDeviceConfig.SPEED_UNKNOWN);
        return new DriverContract(
                features,
                headerBytes,
                mergeable,
                features,
                65_557,
                1514,
                NetDeviceState.initial(config, 0).filter());
    }

    static Stream<Arguments> twoPacketsInARow() {
        return Stream.of(Shape.values())
                .flatMap(first -> Stream.of(Shape.values())
                        .flatMap(second -> CUTS.stream().map(cut -> arguments(first, second, cut))));
    }

    /** The path expects of a packet what the one before was. */
    @ParameterizedTest
    @MethodSource("twoPacketsInARow")
    void driverGetsTheFrameAndItsHash(Shape first, Shape second, List<Integer> cut) {
        for (int bytes : new int[] {60, 200, 1514}) {
            for (Shape shape : List.of(first, second)) {
                byte[] frame = frame(bytes, shape == Shape.TAGGED);
                makeAvailable(cut, bytes);
                send(header(0, 0, 0, 0), shape.packet(frame));
                Received received = receive();
                assertThat(received.frame()).isEqualTo(frame);
                if (shape == Shape.BARE) {
                    PacketHasher hasher = new PacketHasher(new Toeplitz(KEY), HashType.ALL);
                    hasher.hash(MemorySegment.ofArray(frame), 0, frame.length);
                    assertThat(received.report()).isEqualTo(hasher.report()).isEqualTo(HashReport.UDPV4);
                    assertThat(received.hash()).isEqualTo(hasher.value());
                } else {
                    assertThat(received.hash()).isEqualTo(HASH);
                    assertThat(received.report()).isEqualTo(HashReport.TCPV6);
                }
                assertNothingOfAPrefixInMemory();
            }
        }
        long bare = Stream.of(first, second).filter(Shape.BARE::equals).count();
        assertThat(counters.get(Counter.RX_UNPREFIXED)).isEqualTo(3 * bare);
    }

    @Test
    void shortestFrameOfAll() {
        for (Shape shape : List.of(Shape.BARE, Shape.BARE, Shape.PREFIXED, Shape.PREFIXED, Shape.BARE)) {
            byte[] frame = Arrays.copyOf(frame(60, false), 14);
            makeAvailable(List.of(64), 14);
            send(header(0, 0, 0, 0), shape.packet(frame));
            assertThat(receive().frame()).isEqualTo(frame);
        }
    }

    @ParameterizedTest
    @MethodSource("twoPacketsInARow")
    void whatTheTapCountsFromThePrefixIsCountedFromTheFrame(Shape first, Shape second, List<Integer> cut) {
        for (Shape shape : List.of(first, second)) {
            byte[] frame = frame(4000, shape == Shape.TAGGED);
            int before = shape == Shape.BARE ? 0 : InBandPrefix.BYTES;
            int tag = shape == Shape.TAGGED ? 4 : 0;
            makeAvailable(cut, frame.length);
            send(header(NEEDS_CSUM, GSO_TCPV4, 54 + before, 34 + tag + before), shape.packet(frame));
            Received received = receive();
            assertThat(received.frame()).isEqualTo(frame);
            assertThat(received.u16(2)).as("hdr_len").isEqualTo(54);
            assertThat(received.u16(6)).as("csum_start").isEqualTo(34 + tag);
            assertThat(received.u16(8)).as("csum_offset").isEqualTo(16);
        }
    }

    @Test
    void headerFieldsThatMeanNothingStayZero() {
        byte[] frame = frame(100, false);
        makeAvailable(List.of(2048), 100);
        send(header(0, 0, 0, 0), Shape.PREFIXED.packet(frame));
        Received received = receive();
        assertThat(received.u16(2)).isZero();
        assertThat(received.u16(6)).isZero();
    }

    @Test
    void longestFrameGoesThroughTheSpillEitherWay() {
        for (Shape shape : List.of(Shape.BARE, Shape.PREFIXED, Shape.PREFIXED, Shape.TAGGED, Shape.BARE, Shape.BARE)) {
            byte[] frame = frame(65_549, shape == Shape.TAGGED);
            makeAvailable(List.of(1600), frame.length);
            send(header(NEEDS_CSUM, GSO_TCPV4, 0, 50), shape.packet(frame));
            assertThat(receive().frame()).as(shape.name()).isEqualTo(frame);
        }
        assertThat(counters.get(Counter.RX_SPILLED)).isPositive();
    }

    @Test
    void frameThatLooksLikeAPrefixButForTheNonceIsAFrame() {
        for (int round = 0; round < 2; round++) {
            byte[] forged = join(prefix(NONCE + 1), frame(200, false));
            makeAvailable(List.of(2048), forged.length);
            send(header(0, 0, 0, 0), round == 0 ? forged : join(prefix(NONCE), forged));
            assertThat(receive().frame()).isEqualTo(forged);
        }
    }

    /** Somebody behind the program rewrote what he took for a frame. The guest is not handed the nonce for one. */
    @Test
    void prefixThatWasTamperedWithIsThrownAway() {
        makeAvailable(List.of(2048), 1024);
        send(header(0, 0, 0, 0), join(NONCE_BYTES, frame(200, false)));
        byte[] frame = frame(60, false);
        send(header(0, 0, 0, 0), frame);
        assertThat(receive().frame()).isEqualTo(frame);
        assertThat(counters.get(Counter.RX_STALE)).isEqualTo(1);
    }

    /** The last bytes of a prefix with a tag lie in the guest's buffers for a moment. */
    @Test
    void guestThatRewritesWhatItSeesOfAPrefixLearnsNothing() {
        for (int round = 0; round < 2; round++) {
            byte[] frame = frame(200, true);
            byte[] packet = Shape.TAGGED.packet(frame);
            packet[16] = 0x08;
            packet[17] = 0x00;
            makeAvailable(List.of(2048), packet.length);
            send(header(0, 0, 0, 0), packet);
            Received received = receive();
            assertThat(received.frame()).isEqualTo(frame);
            assertThat(received.report()).isZero();
            assertNothingOfAPrefixInMemory();
        }
    }

    @Test
    void prefixWithoutAFrameIsDropped() {
        makeAvailable(List.of(2048), 60);
        send(header(0, 0, 0, 0), prefix(NONCE));
        assertThat(counters.get(Counter.RX_STALE)).isEqualTo(1);
        byte[] frame = frame(60, false);
        send(header(0, 0, 0, 0), Shape.PREFIXED.packet(frame));
        assertThat(receive().frame()).isEqualTo(frame);
    }

    @Test
    void reportThatDoesNotExistIsNone() {
        byte[] packet = Shape.PREFIXED.packet(frame(60, false));
        packet[14] = 99;
        makeAvailable(List.of(2048), 60);
        send(header(0, 0, 0, 0), packet);
        Received received = receive();
        assertThat(received.report()).isZero();
        assertThat(received.hash()).isZero();
    }

    /** A driver that gave up hash reports, while prefixed packets are still on their way. */
    @ParameterizedTest
    @MethodSource("twoPacketsInARow")
    void withoutHashReportsThePrefixIsTakenOffToo(Shape first, Shape second, List<Integer> cut) {
        path.contract(contract(true, 12));
        for (Shape shape : List.of(first, second)) {
            byte[] frame = frame(300, shape == Shape.TAGGED);
            makeAvailable(cut, frame.length);
            send(header(0, 0, 0, 0), shape.packet(frame));
            assertThat(receive(12).frame()).isEqualTo(frame);
            assertNothingOfAPrefixInMemory();
        }
        assertThat(counters.get(Counter.RX_UNPREFIXED)).isZero();
    }

    @Test
    void frameThatDoesNotFitOneBufferOfADriverWithoutMergeableOnesIsDropped() {
        path.contract(contract(false, HEADER));
        for (Shape shape : Shape.values()) {
            byte[] tooLong = frame(1600, shape == Shape.TAGGED);
            byte[] fits = frame(1580, shape == Shape.TAGGED);
            makeAvailable(List.of(1600), 1);
            send(header(0, 0, 0, 0), shape.packet(tooLong));
            send(header(0, 0, 0, 0), shape.packet(fits));
            assertThat(receive().frame()).isEqualTo(fits);
        }
        assertThat(counters.get(Counter.RX_TOO_LONG)).isEqualTo(3);
    }

    private static byte[] prefix(long nonce) {
        byte[] prefix = new byte[InBandPrefix.BYTES];
        InBandPrefix.write(MemorySegment.ofArray(prefix), 0, nonce, HASH, HashReport.TCPV6);
        return prefix;
    }

    @Test
    void prefixHasTheBytesThatTheProgramWrites() {
        assertThat(Arrays.copyOfRange(prefix(NONCE), 8, 16))
                .isEqualTo(HexFormat.of().parseHex("0df0feca" + "88b5" + "05" + "00"));
    }

    /** To the guest, UDP over IPv4 with every byte behind the ports its own. */
    private static byte[] frame(int bytes, boolean tagged) {
        byte[] frame = new byte[bytes];
        for (int i = 0; i < bytes; i++) {
            frame[i] = (byte) (i * 31 + 17);
        }
        System.arraycopy(GUEST_MAC, 0, frame, 0, 6);
        int at = 12;
        if (tagged) {
            System.arraycopy(HexFormat.of().parseHex("81000123"), 0, frame, at, 4);
            at += 4;
        }
        byte[] headers = HexFormat.of().parseHex("0800" + "4500002e00004000401100000a0000010a000002" + "1f902328");
        System.arraycopy(headers, 0, frame, at, Math.min(headers.length, bytes - at));
        return frame;
    }

    private static byte[] header(int flags, int gsoType, int hdrLen, int csumStart) {
        ByteBuffer header = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
        header.put((byte) flags).put((byte) gsoType).putShort((short) hdrLen).putShort((short)
                (gsoType == 0 ? 0 : 1448));
        return header.putShort((short) csumStart)
                .putShort((short) (flags == 0 ? 0 : 16))
                .array();
    }

    private static byte[] join(byte[]... parts) {
        int bytes = Stream.of(parts).mapToInt(part -> part.length).sum();
        ByteBuffer all = ByteBuffer.allocate(bytes);
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    private void send(byte[] header, byte[] packet) {
        tap.add(join(header, packet));
        path.run();
    }

    /** Makes chains of the given cut available, until a frame of that length or of the usual one has room. */
    private void makeAvailable(List<Integer> cut, int frameBytes) {
        int chainBytes = cut.stream().mapToInt(Integer::intValue).sum();
        while (availableChains * chainBytes < Math.max(frameBytes, 1514) + HEADER) {
            int head = descriptors % RING;
            for (int i = 0; i < cut.size(); i++) {
                long at = DESCRIPTORS + 16L * (descriptors % RING);
                boolean last = i == cut.size() - 1;
                memory.set(LE64, at, data);
                memory.set(LE32, at + 8, cut.get(i));
                memory.set(LE16, at + 12, (short) (last ? DESC_WRITE : DESC_WRITE | DESC_NEXT));
                memory.set(LE16, at + 14, (short) ((descriptors + 1) % RING));
                descriptors++;
                data += cut.get(i) + 16;
                if (data > memory.byteSize() - 128 * 1024) {
                    data = DATA;
                }
            }
            memory.set(LE16, AVAILABLE + 4 + 2L * (availableIndex % RING), (short) head);
            availableIndex = availableIndex + 1 & 0xFFFF;
            availableChains++;
        }
        memory.set(LE16, AVAILABLE + 2, (short) availableIndex);
    }

    private record Received(byte[] bytes, int headerBytes) {
        byte[] frame() {
            return Arrays.copyOfRange(bytes, headerBytes, bytes.length);
        }

        int u16(int at) {
            return Short.toUnsignedInt(MemorySegment.ofArray(bytes).get(LE16, at));
        }

        int hash() {
            return MemorySegment.ofArray(bytes).get(LE32, 12);
        }

        int report() {
            return u16(16);
        }
    }

    private Received receive() {
        return receive(HEADER);
    }

    /** The next frame of the used ring, gathered from its chains as a driver does. */
    private Received receive(int headerBytes) {
        assertThat(memory.get(LE16, USED + 2)).as("a frame").isNotEqualTo((short) usedIndex);
        byte[] whole = new byte[0];
        int buffers = 1;
        for (int i = 0; i < buffers; i++) {
            long entry = USED + 4 + 8L * (usedIndex % RING);
            usedIndex = usedIndex + 1 & 0xFFFF;
            availableChains--;
            byte[] part = chain(memory.get(LE32, entry), memory.get(LE32, entry + 4));
            whole = join(whole, part);
            if (i == 0) {
                buffers = Short.toUnsignedInt(MemorySegment.ofArray(whole).get(LE16, 10));
            }
        }
        return new Received(whole, headerBytes);
    }

    private byte[] chain(int head, int bytes) {
        ByteBuffer read = ByteBuffer.allocate(bytes);
        int at = head;
        while (read.hasRemaining()) {
            long descriptor = DESCRIPTORS + 16L * at;
            int part = Math.min(memory.get(LE32, descriptor + 8), read.remaining());
            read.put(memory.asSlice(memory.get(LE64, descriptor), part).asByteBuffer());
            at = Short.toUnsignedInt(memory.get(LE16, descriptor + 14));
        }
        return read.array();
    }

    private void assertNothingOfAPrefixInMemory() {
        long nonce = NONCE;
        for (long at = DATA; at < data + 128 * 1024 && at + 8 <= memory.byteSize(); at++) {
            if (memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at) == nonce) {
                throw new AssertionError("the nonce is in the guest's memory at " + at);
            }
        }
    }

    /** A TAP queue whose reads scatter one packet over their iovecs. */
    private final class Tap implements PortQueue {
        @Override
        public int headerBytes() {
            return 12;
        }

        @Override
        public Watch watch(IoLoop loop, Runnable whenReadable) {
            throw new AssertionError("the test runs the path itself");
        }

        @Override
        public Burst newBurst(IoLoop loop, int slots, BurstListener listener) {
            return new SynchronousBurst(slots, listener, new SynchronousBurst.Transfers() {
                @Override
                public int read(long iovecs, int count) {
                    byte[] packet = tap.poll();
                    return packet == null ? -Errno.EAGAIN : scatter(packet, iovecs, count);
                }

                @Override
                public int write(long iovecs, int count) {
                    throw new AssertionError("a receive path writes nothing");
                }
            });
        }

        @Override
        public boolean completesInSubmit(IoLoop loop) {
            return true;
        }

        @Override
        public boolean present() {
            return true;
        }
    }

    // Restricted, because it trusts the addresses: those that the path wrote down for the kernel.
    @SuppressWarnings("restricted")
    private static int scatter(byte[] packet, long iovecs, int count) {
        MemorySegment entries = MemorySegment.ofAddress(iovecs).reinterpret(16L * count);
        int done = 0;
        for (int i = 0; i < count && done < packet.length; i++) {
            long address = entries.get(ValueLayout.JAVA_LONG, 16L * i);
            int part = (int) Math.min(entries.get(ValueLayout.JAVA_LONG, 16L * i + 8), packet.length - done);
            MemorySegment to = MemorySegment.ofAddress(address).reinterpret(part);
            MemorySegment.copy(packet, done, to, ValueLayout.JAVA_BYTE, 0, part);
            done += part;
        }
        assertThat(done).as("room for the whole packet").isEqualTo(packet.length);
        return done;
    }

    /** A loop on which nothing is scheduled. */
    private static final class Loop implements IoLoop {
        @Override
        public IoEventLoop executor() {
            throw new AssertionError("nothing is put off here");
        }

        @Override
        public Watch watch(int fd, Runnable whenReadable) {
            throw new AssertionError("nothing is watched here");
        }

        @Override
        public Burst newBurst(int fd, int slots, BurstListener listener) {
            throw new AssertionError("bursts are the queue's");
        }

        @Override
        public boolean completesInSubmit() {
            return true;
        }
    }
}
