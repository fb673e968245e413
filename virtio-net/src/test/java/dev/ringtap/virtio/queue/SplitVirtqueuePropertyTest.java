// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.DriverDouble.INDIRECT;
import static dev.ringtap.virtio.queue.DriverDouble.NEXT;
import static dev.ringtap.virtio.queue.DriverDouble.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Random chains and random calls, against models that know bytes and lists only. */
class SplitVirtqueuePropertyTest {
    /** A buffer as the driver describes it. */
    private record Buffer(long address, int length, boolean writable) {}

    /** Where one byte of guest memory is. */
    private record Place(int region, int offset) {}

    @Property(tries = 600)
    void aChainIsExactlyTheBytesOfItsBuffers(@ForAll long seed) throws Exception {
        var random = new Random(seed);
        try (var driver = DriverDouble.startingAt(65_534, 16)) {
            // Small regions, most of them touching the one before: a map of every byte stays small as well.
            Map<Long, Place> bytes = new HashMap<>();
            long at = DriverDouble.DATA + 0x20_0000;
            List<Long> addresses = new ArrayList<>();
            int regions = 1 + random.nextInt(6);
            for (int r = 1; r <= regions; r++) {
                at += random.nextInt(4) == 0 ? 1 + random.nextInt(40) : 0;
                int size = 1 + random.nextInt(100);
                driver.region(at, size);
                for (int i = 0; i < size; i++) {
                    bytes.put(at + i, new Place(r, i));
                    addresses.add(at + i);
                    driver.data(r).put(i, (byte) random.nextInt());
                }
                at += size;
            }

            List<Buffer> buffers = new ArrayList<>();
            int count = 1 + random.nextInt(12);
            int firstWritable = random.nextInt(count + 1);
            for (int i = 0; i < count; i++) {
                long address = addresses.get(random.nextInt(addresses.size()));
                int length = random.nextInt(10) == 0 ? 0 : random.nextInt(random.nextInt(12) == 0 ? 200 : 30);
                buffers.add(new Buffer(address, length, i >= firstWritable));
            }
            int head = placeAtRandom(driver, random, buffers);

            boolean mapped = true;
            List<Place> readable = new ArrayList<>();
            List<Place> writable = new ArrayList<>();
            for (Buffer buffer : buffers) {
                for (int i = 0; i < buffer.length; i++) {
                    Place place = bytes.get(buffer.address + i);
                    mapped &= place != null;
                    (buffer.writable ? writable : readable).add(place);
                }
            }

            var queue = driver.deviceSide();
            var chain = new DescriptorChain(256);
            driver.makeAvailable(head).publish();
            assertThat(queue.pollHead()).isEqualTo(head);
            byte[] used = driver.usedRing();
            try {
                queue.readChain(head, chain);
                assertThat(mapped).as("every byte is mapped").isTrue();
            } catch (VirtqueueException e) {
                assertThat(e.reason()).isEqualTo(VirtqueueException.Reason.UNMAPPED);
                assertThat(mapped).as(e.getMessage()).isFalse();
                assertThat(chain.pieces()).isZero();
                assertThat(driver.usedRing()).isEqualTo(used);
                return;
            }
            assertThat(placesOf(driver, chain, 0, chain.readable())).isEqualTo(readable);
            assertThat(placesOf(driver, chain, chain.readable(), chain.pieces()))
                    .isEqualTo(writable);
            assertThat(chain.readableBytes()).isEqualTo(readable.size());
            assertThat(chain.writableBytes()).isEqualTo(writable.size());

            byte[] expected = new byte[readable.size()];
            for (int i = 0; i < expected.length; i++) {
                Place place = readable.get(i);
                expected[i] = driver.data(place.region).get(place.offset);
            }
            byte[] actual = new byte[expected.length];
            assertThat(chain.copyOut(0, actual, 0, actual.length)).isEqualTo(actual.length);
            assertThat(actual).isEqualTo(expected);
        }
    }

    /** Writes the buffers as a direct chain, as a table, or as a direct chain that ends in a table. Returns the head. */
    private static int placeAtRandom(DriverDouble driver, Random random, List<Buffer> buffers) {
        List<Integer> direct = shuffled(16, random);
        int split = random.nextInt(3) == 0 ? buffers.size() : random.nextInt(buffers.size());
        for (int i = 0; i < split; i++) {
            Buffer b = buffers.get(i);
            boolean last = i + 1 == buffers.size();
            driver.descriptor(direct.get(i), b.address, b.length, flags(b, last), last ? 0xFFFF : direct.get(i + 1));
        }
        if (split < buffers.size()) {
            int inTable = buffers.size() - split;
            int entries = inTable + random.nextInt(4);
            List<Integer> slots = new ArrayList<>(shuffled(entries, random));
            slots.remove((Integer) 0);
            slots.addFirst(0);
            var table = ByteBuffer.allocate(16 * entries).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < inTable; i++) {
                Buffer b = buffers.get(split + i);
                boolean last = i + 1 == inTable;
                DriverDouble.write(
                        table,
                        16 * slots.get(i),
                        b.address,
                        b.length,
                        flags(b, last),
                        last ? 0xFFFF : slots.get(i + 1));
            }
            // Anywhere, aligned or not, and now and then across two regions.
            int border = DriverDouble.DATA_BYTES;
            int tableAt = random.nextInt(2) == 0 ? random.nextInt(0x1000) : border - random.nextInt(16 * entries);
            if (tableAt > border - 16 * entries) {
                driver.region(DriverDouble.DATA + border, 0x1000);
                int last = driver.regionCount() - 1;
                int first = border - tableAt;
                driver.data(0).put(tableAt, table, 0, first);
                driver.data(last).put(0, table, first, 16 * entries - first);
            } else {
                driver.data(0).put(tableAt, table, 0, 16 * entries);
            }
            int ignored = random.nextBoolean() ? WRITE : 0;
            driver.descriptor(
                    direct.get(split), DriverDouble.DATA + tableAt, 16L * entries, INDIRECT | ignored, 0xFFFF);
        }
        return direct.getFirst();
    }

    private static int flags(Buffer buffer, boolean last) {
        return (buffer.writable ? WRITE : 0) | (last ? 0 : NEXT);
    }

    private static List<Integer> shuffled(int count, Random random) {
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            numbers.add(i);
        }
        java.util.Collections.shuffle(numbers, random);
        return numbers;
    }

    /** Every byte of some pieces, found again by its address in this process. */
    private static List<Place> placesOf(DriverDouble driver, DescriptorChain chain, int from, int to) {
        List<Place> places = new ArrayList<>();
        for (int piece = from; piece < to; piece++) {
            assertThat(chain.length(piece)).isPositive();
            for (int i = 0; i < chain.length(piece); i++) {
                places.add(placeOf(driver, chain.nativeAddress(piece) + i));
            }
        }
        return places;
    }

    private static Place placeOf(DriverDouble driver, long nativeAddress) {
        for (int region = 0; region < driver.regionCount(); region++) {
            long offset = nativeAddress - driver.regionAddress(region);
            if (offset >= 0 && offset < driver.data(region).capacity()) {
                return new Place(region, (int) offset);
            }
        }
        throw new AssertionError("a byte of nobody's");
    }

    @Property(tries = 150)
    void everyChainComesBackOnceInTheOrderItWasUsed(@ForAll long seed, @ForAll @IntRange(min = 0, max = 6) int sizeBits)
            throws Exception {
        var random = new Random(seed);
        int size = 1 << sizeBits;
        int start = 65_536 - random.nextInt(40);
        try (var driver = DriverDouble.startingAt(start % 65_536, size)) {
            var queue = driver.deviceSide();
            List<Integer> free = shuffled(size, random);
            Deque<Integer> available = new ArrayDeque<>();
            List<Integer> polled = new ArrayList<>();
            List<int[]> usedUnpublished = new ArrayList<>();
            List<int[]> published = new ArrayList<>();
            int returned = 0;
            int polledInOrder = 0;
            for (int step = 0; step < 300; step++) {
                switch (random.nextInt(6)) {
                    case 0 -> {
                        for (int n = random.nextInt(free.size() + 1); n > 0; n--) {
                            int head = free.removeLast();
                            available.addLast(head);
                            driver.makeAvailable(head);
                        }
                        driver.publish();
                    }
                    case 1, 2 -> {
                        int head = queue.pollHead();
                        if (available.isEmpty()) {
                            assertThat(head).isEqualTo(SplitVirtqueue.EMPTY);
                        } else {
                            assertThat(head).isEqualTo(available.removeFirst());
                            polled.add(head);
                            polledInOrder++;
                        }
                    }
                    case 3 -> {
                        // Only what was polled last and not used since may go back.
                        int count = random.nextInt(Math.min(polledInOrder, polled.size()) + 1);
                        queue.unpoll(count);
                        for (int i = 0; i < count; i++) {
                            available.addFirst(polled.removeLast());
                        }
                        polledInOrder -= count;
                    }
                    case 4 -> {
                        if (!polled.isEmpty()) {
                            int length = random.nextInt();
                            int head = polled.remove(random.nextInt(polled.size()));
                            polledInOrder = 0;
                            queue.addUsed(head, length);
                            usedUnpublished.add(new int[] {head, length});
                        }
                    }
                    default -> {
                        queue.publishUsed();
                        published.addAll(usedUnpublished);
                        usedUnpublished.clear();
                    }
                }
                assertThat(queue.availableCount()).isEqualTo(available.size());
                assertThat(driver.usedIdx()).isEqualTo((start + returned + published.size()) % 65_536);
                for (int[] entry : published) {
                    int index = (start + returned++) % 65_536;
                    assertThat(driver.usedId(index)).isEqualTo(entry[0]);
                    assertThat(driver.usedLen(index)).isEqualTo(entry[1]);
                    free.add(entry[0]);
                }
                published.clear();
            }
        }
    }

    /** A guest that writes anything anywhere gets its one exception or a chain inside its own memory. */
    @Property(tries = 600)
    void garbageLeadsToNothingButAVirtqueueException(@ForAll long seed) throws Exception {
        var random = new Random(seed);
        try (var driver = DriverDouble.startingAt(65_534, 8)) {
            driver.region(DriverDouble.DATA + DriverDouble.DATA_BYTES, 100);
            for (int i = 0; i < 8; i++) {
                driver.descriptor(i, address(random), length(random), random.nextInt(8), next(random));
            }
            for (int i = 0; i < 16; i++) {
                driver.indirect(DriverDouble.DATA, i, address(random), length(random), random.nextInt(4), next(random));
            }
            driver.makeAvailable(random.nextInt(9)).publish();
            var queue = driver.deviceSide();
            var chain = new DescriptorChain(1 + random.nextInt(12));
            byte[] used = driver.usedRing();
            try {
                queue.readChain(queue.pollHead(), chain);
            } catch (VirtqueueException e) {
                assertThat(e.getMessage()).isNotBlank();
                assertThat(chain.pieces()).isZero();
            }
            assertThat(driver.usedRing()).isEqualTo(used);
            long sum = 0;
            for (int piece = 0; piece < chain.pieces(); piece++) {
                placeOf(driver, chain.nativeAddress(piece));
                placeOf(driver, chain.nativeAddress(piece) + chain.length(piece) - 1);
                sum += chain.length(piece);
            }
            assertThat(sum).isEqualTo(chain.readableBytes() + chain.writableBytes());
        }
    }

    private static long address(Random random) {
        return switch (random.nextInt(12)) {
            case 0 -> random.nextLong();
            case 1 -> DriverDouble.DATA + DriverDouble.DATA_BYTES - random.nextInt(64);
            default -> DriverDouble.DATA + random.nextInt(32) * 16L;
        };
    }

    private static long length(Random random) {
        return random.nextInt(12) == 0 ? random.nextInt() : random.nextInt(16) * 16L;
    }

    private static int next(Random random) {
        return random.nextInt(20) == 0 ? random.nextInt(65_536) : random.nextInt(8);
    }
}
