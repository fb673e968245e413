// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.traffic.Topology;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The designs of the emulated TAP against the checker, with packets of every kind. Needs no privilege. */
class EmulatedDesignsTest {
    private static final long SEED = 20_260_317;
    private static final int QUEUES = 4;
    private static final int FLOWS = 200;
    private static final long PATIENCE_MS = 10_000;
    private static final byte[] HOST_MAC = {0x02, 0, 0, 0, 0, 1};
    private static final byte[] GUEST_MAC = {0x02, 0, 0, 0, 0, 2};

    private final Random random = new Random(SEED);
    private final GuestRss first =
            new GuestRss(HashTypes.ALL, random.ints(128, 0, QUEUES).toArray(), 3, key(40));
    private Traffic traffic;
    private Recorder recorder;
    private Bed bed;
    private FakeGuest guest;

    @AfterEach
    void close() {
        if (guest != null) {
            guest.close();
        }
        if (bed != null) {
            bed.close();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Design.class,
            names = {"EMULATED_DEVICE", "EMULATED_IOCTLS", "EMULATED_VNET_HASH", "EMULATED_KFUNC"})
    void everyPacketHasQueueAndHashOfTheConfiguration(Design design) throws Exception {
        start(design, FLOWS);
        List<GuestRss> configurations = new ArrayList<>(List.of(
                first,
                first.withKey(key(40)),
                first.withTable(2),
                first.withTable(1, 3).withUnclassified(0),
                first.withKey(key(20)),
                first.withHashTypes(0),
                first.withHashTypes(HashTypes.IPV4 | HashTypes.IPV6)));
        for (int type = 1; type <= HashTypes.ALL; type <<= 1) {
            configurations.add(first.withHashTypes(HashTypes.ALL & ~type));
            configurations.add(first.withHashTypes(type));
        }
        for (GuestRss rss : configurations) {
            steer(rss).get(PATIENCE_MS, TimeUnit.MILLISECONDS);
            sendAll();
            for (int packet = 0; packet < traffic.packets(); packet++) {
                assertThat(recorder.answer(packet))
                        .as("%s, types 0x%x", traffic.describe(packet), rss.hashTypes())
                        .isEqualTo(expected(packet, rss));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Design.class,
            names = {"EMULATED_DEVICE", "EMULATED_IOCTLS", "EMULATED_VNET_HASH", "EMULATED_KFUNC"})
    void hashIsReportedUnderAutomaticSteeringToo(Design design) throws Exception {
        start(design, FLOWS);
        for (int pairs : new int[] {QUEUES, 1, 2}) {
            // From RSS each time: what it left behind must not show.
            steer(first).get(PATIENCE_MS, TimeUnit.MILLISECONDS);
            byte[] key = key(40);
            assertThat(guest.control().setQueuePairs(pairs).get(PATIENCE_MS, TimeUnit.MILLISECONDS))
                    .isEqualTo(ControlQueueClient.OK);
            assertThat(guest.control().setHash(HashTypes.ALL, key).get(PATIENCE_MS, TimeUnit.MILLISECONDS))
                    .isEqualTo(ControlQueueClient.OK);
            sendAll();
            for (int packet = 0; packet < traffic.packets(); packet++) {
                Answer seen = recorder.answer(packet);
                Expectation.Hash hash = Expectation.hash(traffic.frame(packet), HashTypes.ALL, key);
                assertThat(seen).as(traffic.describe(packet)).isNotNull();
                assertThat(seen.queue()).isLessThan(pairs);
                assertThat(seen)
                        .as("%s, %d pairs", traffic.describe(packet), pairs)
                        .isEqualTo(new Answer(seen.queue(), hash.value(), hash.report()));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Design.class,
            names = {"EMULATED_DEVICE", "EMULATED_IOCTLS", "EMULATED_VNET_HASH", "EMULATED_KFUNC"})
    void packetsSentDuringAChangeAreWhollyOfOneConfiguration(Design design) throws Exception {
        start(design, 12 * FLOWS);
        List<GuestRss> configurations = List.of(
                first,
                first.withKey(key(40)).withTable(random.ints(128, 0, QUEUES).toArray()),
                first.withKey(key(40)).withUnclassified(1),
                first.withTable(random.ints(64, 0, QUEUES).toArray()).withHashTypes(HashTypes.UDPV4 | HashTypes.IPV6));
        recorder.begin();
        int changes = 24;
        int next = 0;
        for (int change = 0; change < changes; change++) {
            CompletableFuture<Integer> acknowledged = steer(configurations.get(change % configurations.size()));
            int last = traffic.packets() * (change + 1) / changes;
            while (next < last) {
                bed.send(traffic.frame(next++));
                await(next - 256);
            }
            acknowledged.get(PATIENCE_MS, TimeUnit.MILLISECONDS);
        }
        await(traffic.packets());
        for (int packet = traffic.packets() / changes; packet < traffic.packets(); packet++) {
            List<Answer> possible = new ArrayList<>();
            for (GuestRss rss : configurations) {
                possible.add(expected(packet, rss));
            }
            assertThat(recorder.answer(packet)).as(traffic.describe(packet)).isIn(possible);
        }
    }

    private void start(Design design, int packets) throws Exception {
        traffic = Traffic.create(Topology.of(HOST_MAC, GUEST_MAC), FLOWS, packets, SEED, first);
        recorder = new Recorder(traffic);
        NetDeviceConfig device =
                new NetDeviceConfig(GUEST_MAC, QUEUES, 1500, 128, HashType.ALL, NetDeviceConfig.SPEED_UNKNOWN);
        bed = EmulatedBed.create(design, device, IoEngine.EPOLL, traffic, 1, first);
        guest = FakeGuest.builder(bed.socket())
                .queuePairs(QUEUES)
                .pipeline(pipeline -> pipeline.addLast(recorder))
                .connect();
    }

    private CompletableFuture<Integer> steer(GuestRss rss) {
        int[] table = rss.table();
        return guest.control()
                .setRss(rss.hashTypes(), table.length - 1, rss.unclassified(), table, QUEUES, rss.key())
                .thenApply(ack -> {
                    assertThat(ack).isEqualTo(ControlQueueClient.OK);
                    return ack;
                });
    }

    private void sendAll() throws Exception {
        recorder.begin();
        for (int packet = 0; packet < traffic.packets(); packet++) {
            bed.send(traffic.frame(packet));
            await(packet - 256);
        }
        await(traffic.packets());
    }

    private void await(int count) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_MS * 1_000_000;
        while (recorder.arrived() < count) {
            assertThat(recorder.broken()).isNull();
            assertThat(System.nanoTime())
                    .as("%d of %d packets came", recorder.arrived(), count)
                    .isLessThan(deadline);
            Thread.sleep(1);
        }
    }

    private Answer expected(int packet, GuestRss rss) {
        Expectation.Answer answer = Expectation.of(traffic.frame(packet), rss);
        return new Answer(answer.queue(), answer.hashValue(), answer.hashReport());
    }

    private byte[] key(int bytes) {
        byte[] key = new byte[bytes];
        random.nextBytes(key);
        return key;
    }
}
