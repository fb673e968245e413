// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.hex;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.ControlCommand.AddVlan;
import dev.ringtap.virtio.net.ControlCommand.AnnounceAck;
import dev.ringtap.virtio.net.ControlCommand.RemoveVlan;
import dev.ringtap.virtio.net.ControlCommand.SetGuestOffloads;
import dev.ringtap.virtio.net.ControlCommand.SetHash;
import dev.ringtap.virtio.net.ControlCommand.SetMac;
import dev.ringtap.virtio.net.ControlCommand.SetMacTable;
import dev.ringtap.virtio.net.ControlCommand.SetQueuePairs;
import dev.ringtap.virtio.net.ControlCommand.SetReceiveMode;
import dev.ringtap.virtio.net.ControlCommand.SetRss;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class NetDeviceStateTest {
    private static final byte[] KEY = ToeplitzTest.KEY;
    private static final NetDeviceConfig DEVICE =
            new NetDeviceConfig(hex("02 00 00 00 00 01"), 8, 1500, 128, HashType.ALL, NetDeviceConfig.SPEED_UNKNOWN);
    private static final NetDeviceState INITIAL = NetDeviceState.initial(DEVICE, -1);
    private static final RssConfig RSS = new RssConfig(0x3F, 0, new int[] {0, 1, 2, 3}, 2, KEY);
    private static final HashConfig HASH = new HashConfig(0x1FF, new byte[] {1});

    private static NetDeviceState after(ControlCommand... commands) {
        NetDeviceState state = INITIAL;
        for (ControlCommand command : commands) {
            state = state.apply(command);
        }
        return state;
    }

    @Test
    void startsWithOneQueuePairNoHashAndThePermanentAddress() {
        assertThat(INITIAL.queuePairs()).isOne();
        assertThat(INITIAL.rss()).isNull();
        assertThat(INITIAL.hash()).isNull();
        assertThat(INITIAL.mac()).isEqualTo(DEVICE.mac());
    }

    @Test
    void negotiatedOffloadsStartInForceWithWhatTheyRequire() {
        assertThat(INITIAL.guestOffloads()).isEqualTo(0x00C0_0000_0000_0782L);
        assertThat(NetDeviceState.initial(DEVICE, NetFeature.GUEST_TSO4.mask()).guestOffloads())
                .isZero();
        assertThat(NetDeviceState.initial(DEVICE, 0).guestOffloads()).isZero();
    }

    @Test
    void offloadsAreReplaced() {
        long tso = NetFeature.mask(NetFeature.GUEST_CSUM, NetFeature.GUEST_TSO4);
        assertThat(after(new SetGuestOffloads(tso)).guestOffloads()).isEqualTo(tso);
        assertThat(after(new SetGuestOffloads(0)).guestOffloads()).isZero();
    }

    @Test
    void segmentationIsOffWithoutChecksumOffload() {
        long tso = NetFeature.mask(NetFeature.GUEST_TSO4, NetFeature.GUEST_ECN, NetFeature.GUEST_USO4);
        assertThat(after(new SetGuestOffloads(tso)).guestOffloads()).isZero();
    }

    @Test
    void rssBringsItsHashParametersAndQueues() {
        NetDeviceState state = after(new SetRss(RSS));
        assertThat(state.rss()).isEqualTo(RSS);
        assertThat(state.hash()).isNull();
        assertThat(state.queuePairs()).isEqualTo(4);
    }

    @Test
    void rssUsesAsManyPairsAsAnyOfItsQueuesNeeds() {
        assertThat(after(new SetRss(new RssConfig(1, 6, new int[] {0, 1}, 1, KEY)))
                        .queuePairs())
                .isEqualTo(7);
        assertThat(after(new SetRss(new RssConfig(1, 0, new int[] {0, 1}, 5, KEY)))
                        .queuePairs())
                .isEqualTo(5);
    }

    @Test
    void linux_6_1_keepsTransmittingOnAllItsPairsThoughRssNamesOne() {
        RssConfig asSent = new RssConfig(0x3F, 0, new int[128], 1, KEY);
        assertThat(after(new SetQueuePairs(4), new SetRss(asSent)).queuePairs()).isEqualTo(4);
    }

    @Test
    void queuePairsEndRssAndKeepItsHashParameters() {
        NetDeviceState state = after(new SetRss(RSS), new SetQueuePairs(3));
        assertThat(state.rss()).isNull();
        assertThat(state.hash()).isEqualTo(new HashConfig(0x3F, KEY));
        assertThat(state.queuePairs()).isEqualTo(3);
    }

    @Test
    void queuePairsAfterRssWithoutHashTypesLeaveHashingOff() {
        RssConfig unhashed = new RssConfig(0, 0, new int[1], 1, new byte[0]);
        assertThat(after(new SetRss(unhashed), new SetQueuePairs(2)).hash()).isNull();
    }

    @Test
    void queuePairsKeepHashParameters() {
        NetDeviceState state = after(new SetHash(HASH), new SetQueuePairs(2));
        assertThat(state.hash()).isEqualTo(HASH);
        assertThat(state.queuePairs()).isEqualTo(2);
    }

    @Test
    void hashConfigEndsRssAndGoesBackToTheAutomaticPairs() {
        NetDeviceState state = after(new SetQueuePairs(2), new SetRss(RSS), new SetHash(HASH));
        assertThat(state.rss()).isNull();
        assertThat(state.hash()).isEqualTo(HASH);
        assertThat(state.queuePairs()).isEqualTo(2);
    }

    @Test
    void rssReplacesHashConfig() {
        NetDeviceState state = after(new SetHash(HASH), new SetRss(RSS));
        assertThat(state.rss()).isEqualTo(RSS);
        assertThat(state.hash()).isNull();
    }

    @Test
    void hashConfigWithoutTypesSwitchesHashingOff() {
        assertThat(after(new SetHash(HASH), new SetHash(new HashConfig(0, KEY))).hash())
                .isNull();
    }

    @Test
    void addressFollowsTheDriver() {
        NetDeviceState state = after(new SetMac(hex("02 00 00 00 00 42")));
        assertThat(state.mac()).isEqualTo(hex("02 00 00 00 00 42"));
        assertThat(INITIAL.mac()).isEqualTo(DEVICE.mac());
    }

    @Test
    void filterFollowsTheDriver() {
        NetDeviceState state = after(
                new SetReceiveMode(ReceiveMode.PROMISCUOUS, false),
                new SetMacTable(new long[] {0x0100_5E00_0001L}),
                new AddVlan(7),
                new AddVlan(8),
                new RemoveVlan(7));
        assertThat(accepts(state, "01005e000001 020000000099 8100 0008 0800")).isTrue();
        assertThat(accepts(state, "01005e000001 020000000099 8100 0007 0800")).isFalse();
        assertThat(accepts(state, "01005e000002 020000000099 0800 0000 0000")).isFalse();
        assertThat(accepts(INITIAL, "01005e000002 020000000099 8100 0007 0800")).isTrue();
    }

    private static boolean accepts(NetDeviceState state, String frame) {
        byte[] bytes = hex(frame);
        return state.filter().accepts(MemorySegment.ofArray(bytes), 0, bytes.length);
    }

    @Test
    void commandsLeaveAloneWhatTheyAreNotAbout() {
        NetDeviceState state = after(new SetQueuePairs(2), new SetRss(RSS));
        assertThat(state.apply(new AnnounceAck())).isSameAs(state);
        NetDeviceState changed = state.apply(new AddVlan(7)).apply(new SetGuestOffloads(0));
        assertThat(changed.rss()).isSameAs(state.rss());
        assertThat(changed.queuePairs()).isEqualTo(state.queuePairs());
        assertThat(state.apply(new SetQueuePairs(4)).filter()).isSameAs(state.filter());
    }
}
