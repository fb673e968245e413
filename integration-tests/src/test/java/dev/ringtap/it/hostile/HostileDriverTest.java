// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.hostile;

import static dev.ringtap.it.hostile.EmulatorBench.await;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.posix.Posix;
import java.io.IOException;
import java.util.HexFormat;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A driver that breaks the rules of the ring: its device says so (NEEDS_RESET, err eventfd), nothing else happens, and
 * after a reset by reconnecting the same emulator serves again. Packets and commands that break rules of the device are
 * refused one by one, and the device goes on.
 */
@RequiresTap
@RequiresBpf
@ParameterizedClass
@EnumSource(IoEngine.class)
class HostileDriverTest {
    private static final int NEEDS_RESET = 64;
    private static final int TRANSMITQ_1 = 1;
    private static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    @Parameter
    private IoEngine engine;

    private final BlockingQueue<ReceivedPacket> inbox = new LinkedBlockingQueue<>();
    private EmulatorBench bench;
    private FakeGuest guest;

    @BeforeEach
    void connect() throws Exception {
        bench = new EmulatorBench(engine);
        guest = bench.guest(inbox).connect();
    }

    @AfterEach
    void disconnect() throws Exception {
        guest.close();
        bench.close();
    }

    /** An available index that is further ahead than the ring is long (QEMU: device broken; crosvm, DPDK: unchecked). */
    @Test
    void availableIndexJump() throws Exception {
        Vring vring = guest.vrings().get(TRANSMITQ_1);
        vring.queue()
                .rawAvailableIndex(
                        vring.queue().rawAvailableIndex() + vring.queue().size() + 1);
        vring.kick();
        expectBroken(vring);
    }

    @Test
    void headBeyondTheTable() throws Exception {
        Vring vring = guest.vrings().get(TRANSMITQ_1);
        makeAvailable(vring, vring.queue().size());
        expectBroken(vring);
    }

    @Test
    void descriptorLoop() throws Exception {
        Vring vring = guest.vrings().get(TRANSMITQ_1);
        DriverVirtqueue queue = vring.queue();
        queue.rawDescriptor(0, GuestRam.GUEST_BASE, 64, DriverVirtqueue.DESC_NEXT, 1);
        queue.rawDescriptor(1, GuestRam.GUEST_BASE, 64, DriverVirtqueue.DESC_NEXT, 0);
        int usedBefore = queue.rawUsedIndex();
        makeAvailable(vring, 0);
        await("no err event", () -> vring.errFd().drain() > 0);
        assertThat(queue.rawUsedIndex() - usedBefore).as("the chain goes back").isEqualTo(1);
        assertThat(queue.rawUsedLength(usedBefore % queue.size())).isZero();
        expectReset();
    }

    @Test
    void bufferOutsideMemory() throws Exception {
        Vring vring = guest.vrings().get(TRANSMITQ_1);
        vring.queue().rawDescriptor(0, 0xFFFF_FFFF_FFFF_F000L, 0x2000, 0, 0);
        makeAvailable(vring, 0);
        expectBroken(vring);
    }

    @Test
    void indirectTableInsideAnIndirectTable() throws Exception {
        Vring vring = guest.vrings().get(TRANSMITQ_1);
        long table = guest.ram().allocate(64, 16);
        vring.queue().rawIndirectDescriptor(table, 0, GuestRam.GUEST_BASE, 16, DriverVirtqueue.DESC_INDIRECT, 0);
        vring.queue().rawDescriptor(0, GuestRam.GUEST_BASE + table, 16, DriverVirtqueue.DESC_INDIRECT, 0);
        makeAvailable(vring, 0);
        expectBroken(vring);
    }

    @Test
    void controlQueueLoop() throws Exception {
        Vring vring = guest.vrings().getLast();
        vring.queue().rawDescriptor(0, GuestRam.GUEST_BASE, 64, DriverVirtqueue.DESC_NEXT, 0);
        makeAvailable(vring, 0);
        expectBroken(vring);
    }

    /** Memory that vanishes behind the device's back: the file is cut short while rings run over it. */
    @Test
    void memoryTruncated() throws Exception {
        assertThat(Posix.ftruncate(guest.ram().fd(), 0)).isZero();
        for (Vring vring : guest.vrings()) {
            vring.kick();
        }
        await("the fault was not noticed", () -> {
            try {
                return (guest.frontEnd().getStatus() & NEEDS_RESET) != 0;
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        guest.vanish();
        bench.proveItServes();
    }

    /** CVE-2022-2132: a chain no longer than the header. CVE-2024-11614: csum_start past the packet. gso_size 0. */
    @Test
    void badTransmitHeadersAreDroppedOneByOne() throws Exception {
        byte[] frame = bench.frame();
        send(new TransmitPacket(0, new byte[0], 0, 0, 0, 0, 0, 0));
        send(new TransmitPacket(0, frame, TransmitPacket.NEEDS_CSUM, 0, 0, 0, 0xFFF0, 16));
        send(new TransmitPacket(0, frame, TransmitPacket.NEEDS_CSUM, TransmitPacket.GSO_TCPV4, 54, 0, 34, 16));
        send(new TransmitPacket(0, frame, TransmitPacket.NEEDS_CSUM, 0x77, 54, 100, 34, 16));
        await("not counted: " + bench.emulator().snapshot(), () -> bench.counted(Counter.TX_BAD_HEADER) == 4);
        send(TransmitPacket.plain(0, frame));
        await("the good frame after them did not arrive", () -> bench.hostReceives(frame));
        assertThat(guest.frontEnd().getStatus() & NEEDS_RESET).isZero();
    }

    /** CVE-2024-6505: an indirection table entry that names a queue pair that there is not. */
    @Test
    void rssTableEntryBeyondTheQueuePairs() throws Exception {
        assertThat(rss(new int[] {0, EmulatorBench.QUEUE_PAIRS})).isEqualTo(ControlQueueClient.ERR);
        assertThat(rss(new int[] {0, 0xFFFF})).isEqualTo(ControlQueueClient.ERR);
        assertThat(rss(new int[] {0, 1, 0})).as("3 entries").isEqualTo(ControlQueueClient.ERR);
        assertThat(rss(new int[] {0, 1})).isEqualTo(ControlQueueClient.OK);
    }

    /** CVE-2014-0150: a MAC table that announces 2^32 - 1 entries. */
    @Test
    void macTableOfFourBillionEntries() throws Exception {
        int answer = guest.control()
                .raw(HexFormat.of().parseHex("0100" + "ffffffff" + "00000000"))
                .get(10, TimeUnit.SECONDS);
        assertThat(answer).isEqualTo(ControlQueueClient.ERR);
        assertThat(rss(new int[] {0, 1})).isEqualTo(ControlQueueClient.OK);
    }

    @Test
    void unknownAndShortCommands() throws Exception {
        for (String command : new String[] {"", "04", "0400", "0401", "ff00", "04ff00", "0001"}) {
            if (!command.isEmpty()) {
                int answer =
                        guest.control().raw(HexFormat.of().parseHex(command)).get(10, TimeUnit.SECONDS);
                assertThat(answer).as("command %s", command).isEqualTo(ControlQueueClient.ERR);
            }
        }
        assertThat(rss(new int[] {0, 1})).isEqualTo(ControlQueueClient.OK);
    }

    private int rss(int[] table) throws Exception {
        return guest.control()
                .setRss(0x3F, table.length - 1, 0, table, EmulatorBench.QUEUE_PAIRS, KEY)
                .get(10, TimeUnit.SECONDS);
    }

    private void send(TransmitPacket packet) throws InterruptedException {
        guest.channel().writeAndFlush(packet).sync();
    }

    private static void makeAvailable(Vring vring, int head) throws Exception {
        DriverVirtqueue queue = vring.queue();
        int index = queue.rawAvailableIndex();
        queue.rawAvailableEntry(index % queue.size(), head);
        queue.rawAvailableIndex(index + 1);
        vring.kick();
    }

    private void expectBroken(Vring vring) throws Exception {
        await("no err event", () -> vring.errFd().drain() > 0);
        expectReset();
    }

    private void expectReset() throws Exception {
        assertThat(guest.frontEnd().getStatus() & NEEDS_RESET).isEqualTo(NEEDS_RESET);
        guest.close();
        bench.proveItServes();
    }
}
