// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.ringtap.linux.posix.IovecArray;
import dev.ringtap.virtio.net.NetHeader;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** Sending, steering, cutting, reading and writing allocate nothing once the device has warmed up. */
class AllocationTest {
    private static final int ROUNDS = 20_000;
    private static final int ROOM_BYTES = 4096;

    @Test
    void nothingIsAllocatedPerPacket() {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (var tap = new EmulatedTap(EmulatedTap.Options.of("e", 2));
                var iovecs = new IovecArray(2);
                var arena = Arena.ofConfined()) {
            var room = arena.allocate(ROOM_BYTES);
            var header = room.asSlice(0, 12);
            iovecs.set(0, room.address(), 12);
            iovecs.set(1, room.address() + 12, ROOM_BYTES - 12);
            tap.host().receiver((queue, data, offset, lengthBytes, info) -> {});
            byte[] small = TestFrames.udp4(5, 9, 100);
            byte[] large = TestFrames.tcp4(0x10, 3000);
            var smallInfo = new FrameInfo().needsChecksum(34, 6);
            var largeInfo = new FrameInfo().needsChecksum(34, 16).segments(NetHeader.GSO_TCPV4, 1000, 66);
            Runnable round = () -> {
                tap.host().send(small, 0, small.length, smallInfo);
                tap.host().send(large, 0, large.length, largeInfo);
                for (int queue = 0; queue < 2; queue++) {
                    var each = (EmulatedQueue) tap.queue(queue);
                    while (each.read(iovecs.address(), 2) > 0) {
                        // Everything that was sent.
                    }
                    header.fill((byte) 0);
                    each.write(iovecs.address(), 2);
                }
            };
            for (int i = 0; i < ROUNDS; i++) round.run();
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < ROUNDS; i++) round.run();
            long bytesPerRound = (threads.getCurrentThreadAllocatedBytes() - before) / ROUNDS;
            assertThat(bytesPerRound).isZero();
        }
    }
}
