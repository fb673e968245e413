// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.hex;
import static dev.ringtap.virtio.net.Frames.join;
import static dev.ringtap.virtio.net.Frames.u16;
import static dev.ringtap.virtio.net.Frames.zeros;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReceiveFilterTest {
    private static final String MINE = "02 00 00 00 00 01";
    private static final String OTHER = "02 00 00 00 00 99";
    private static final String GROUP = "01 00 5e 00 00 05";
    private static final String BROADCAST = "ff ff ff ff ff ff";

    private static final long ALL_FEATURES = -1;

    /** What is left when the driver has switched promiscuous mode off. */
    private static ReceiveFilter strict(long features) {
        return ReceiveFilter.initial(hex(MINE), features).with(ReceiveMode.PROMISCUOUS, false);
    }

    private static ReceiveFilter strict() {
        return strict(ALL_FEATURES & ~NetFeature.CTRL_VLAN.mask());
    }

    private static boolean accepts(ReceiveFilter filter, byte[] frame) {
        byte[] surrounded = join(zeros(5), frame, zeros(20));
        return filter.accepts(MemorySegment.ofArray(surrounded), 5, frame.length);
    }

    private static byte[] to(String destination) {
        return join(hex(destination), hex(OTHER), hex("0800"), zeros(46));
    }

    private static byte[] tagged(int tpid, int control) {
        return join(hex(MINE), hex(OTHER), u16(tpid), u16(control), hex("0800"), zeros(46));
    }

    private static String accepted(ReceiveFilter filter) {
        StringBuilder kinds = new StringBuilder();
        kinds.append(accepts(filter, to(MINE)) ? "mine " : "");
        kinds.append(accepts(filter, to(OTHER)) ? "other " : "");
        kinds.append(accepts(filter, to(GROUP)) ? "group " : "");
        kinds.append(accepts(filter, to(BROADCAST)) ? "broadcast" : "");
        return kinds.toString().trim();
    }

    @Test
    void startsPromiscuousIfTheDriverCanChangeThat() {
        ReceiveFilter filter = ReceiveFilter.initial(hex(MINE), ALL_FEATURES);
        assertThat(filter.has(ReceiveMode.PROMISCUOUS)).isTrue();
        assertThat(accepted(filter)).isEqualTo("mine other group broadcast");
        assertThat(accepts(filter, tagged(0x8100, 7))).isTrue();
    }

    @Test
    void acceptsEveryAddressWithoutReceiveModes() {
        ReceiveFilter filter = ReceiveFilter.initial(hex(MINE), 0);
        assertThat(accepted(filter)).isEqualTo("mine other group broadcast");
        assertThat(accepts(filter, tagged(0x8100, 7))).isTrue();
    }

    @Test
    void vlanFilterWorksWithoutReceiveModes() {
        ReceiveFilter filter = ReceiveFilter.initial(hex(MINE), NetFeature.CTRL_VLAN.mask());
        assertThat(accepted(filter)).isEqualTo("mine other group broadcast");
        assertThat(accepts(filter, tagged(0x8100, 7))).isFalse();
        assertThat(accepts(filter.withVlan(7, true), tagged(0x8100, 7))).isTrue();
    }

    @Test
    void acceptsItsAddressAndBroadcastWhenNotPromiscuous() {
        assertThat(accepted(strict())).isEqualTo("mine broadcast");
    }

    @ParameterizedTest
    @CsvSource({
        "ALL_MULTICAST, mine group broadcast",
        "ALL_UNICAST, mine other broadcast",
        "NO_MULTICAST, mine broadcast",
        "NO_UNICAST, broadcast",
        "NO_BROADCAST, mine",
        "PROMISCUOUS, mine other group broadcast",
    })
    void eachModeDoesWhatItIsFor(ReceiveMode mode, String expected) {
        assertThat(accepted(strict().with(mode, true))).isEqualTo(expected);
        assertThat(accepted(strict().with(mode, true).with(mode, false))).isEqualTo("mine broadcast");
    }

    @Test
    void suppressionWinsOverAllButPromiscuousMode() {
        ReceiveFilter filter = strict().with(ReceiveMode.ALL_MULTICAST, true)
                .with(ReceiveMode.ALL_UNICAST, true)
                .with(ReceiveMode.NO_UNICAST, true)
                .with(ReceiveMode.NO_BROADCAST, true);
        assertThat(accepted(filter)).isEqualTo("group");
        filter = filter.with(ReceiveMode.NO_MULTICAST, true);
        assertThat(accepted(filter)).isEmpty();
        assertThat(accepted(filter.with(ReceiveMode.PROMISCUOUS, true))).isEqualTo("mine other group broadcast");
    }

    @Test
    void multicastSuppressionLeavesBroadcast() {
        ReceiveFilter filter = strict().with(ReceiveMode.ALL_MULTICAST, true).with(ReceiveMode.NO_MULTICAST, true);
        assertThat(accepted(filter)).isEqualTo("mine broadcast");
    }

    @Test
    void tableAddsAddressesOfStationsAndGroups() {
        long[] table = {
            MacAddress.of(hex(GROUP), 0), MacAddress.of(hex(OTHER), 0), MacAddress.of(hex("fe ff ff ff ff ff"), 0)
        };
        ReceiveFilter filter = strict().withAddresses(table);
        assertThat(accepted(filter)).isEqualTo("mine other group broadcast");
        assertThat(accepts(filter, to("fe ff ff ff ff ff"))).isTrue();
        assertThat(accepts(filter, to("fe ff ff ff ff fe"))).isFalse();
        assertThat(accepts(filter, to("01 00 5e 00 00 06"))).isFalse();
        assertThat(accepted(filter.with(ReceiveMode.NO_MULTICAST, true).with(ReceiveMode.NO_UNICAST, true)))
                .isEqualTo("broadcast");
        assertThat(accepted(filter.withAddresses(new long[0]))).isEqualTo("mine broadcast");
    }

    @Test
    void newAddressReplacesTheOld() {
        ReceiveFilter filter = strict().withMac(MacAddress.of(hex(OTHER), 0));
        assertThat(accepted(filter)).isEqualTo("other broadcast");
        assertThat(filter.mac()).isEqualTo(hex(OTHER));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 63, 64, 65, 100, 4094, 4095})
    void vlanTableIsByIdWhateverPriority(int id) {
        ReceiveFilter filter = strict(ALL_FEATURES);
        assertThat(accepts(filter, tagged(0x8100, id))).isFalse();
        filter = filter.withVlan(id, true);
        assertThat(accepts(filter, tagged(0x8100, id))).isTrue();
        assertThat(accepts(filter, tagged(0x8100, id | 0xF000))).isTrue();
        assertThat(accepts(filter, tagged(0x8100, id ^ 128))).isFalse();
        assertThat(accepts(filter, to(MINE))).isTrue();
        filter = filter.withVlan(id, true).withVlan(id, false);
        assertThat(accepts(filter, tagged(0x8100, id))).isFalse();
    }

    @Test
    void vlanTableIsForCustomerTagsWithAnId() {
        ReceiveFilter filter = strict(ALL_FEATURES);
        assertThat(accepts(filter, tagged(0x8100, 0))).isTrue();
        assertThat(accepts(filter, tagged(0x8100, 0xE000))).isTrue();
        assertThat(accepts(filter, tagged(0x88A8, 7))).isTrue();
    }

    @Test
    void everyVlanIsAcceptedWithoutTheFeature() {
        assertThat(accepts(strict(), tagged(0x8100, 7))).isTrue();
    }

    @Test
    void vlanOfAnotherStationIsStillRefused() {
        byte[] frame = tagged(0x8100, 7);
        frame[5] ^= 1;
        assertThat(accepts(strict(ALL_FEATURES).withVlan(7, true), frame)).isFalse();
    }

    @Test
    void frameWithoutEthernetHeaderIsRefusedInAnyMode() {
        byte[] frame = to(MINE);
        for (ReceiveFilter filter : new ReceiveFilter[] {strict(), ReceiveFilter.initial(hex(MINE), -1)}) {
            assertThat(filter.accepts(MemorySegment.ofArray(frame), 0, 13)).isFalse();
            assertThat(filter.accepts(MemorySegment.ofArray(frame), 0, 0)).isFalse();
            assertThat(filter.accepts(MemorySegment.ofArray(frame), 0, 14)).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {14, 15})
    void tagCutOffByTheFramesEndIsNone(int length) {
        byte[] frame = java.util.Arrays.copyOf(tagged(0x8100, 7), length);
        assertThat(strict(ALL_FEATURES).accepts(MemorySegment.ofArray(frame), 0, length))
                .isTrue();
    }

    @Test
    void changesLeaveTheOldFilterAlone() {
        ReceiveFilter filter = strict(ALL_FEATURES);
        ReceiveFilter before = strict(ALL_FEATURES);
        filter.withVlan(7, true);
        filter.withAddresses(new long[] {1});
        filter.with(ReceiveMode.NO_UNICAST, true);
        filter.withMac(5);
        assertThat(filter).isEqualTo(before).hasSameHashCodeAs(before);
        assertThat(filter.withVlan(7, true)).isNotEqualTo(before);
        assertThat(filter.withVlan(7, true).withAddresses(new long[3]).with(ReceiveMode.ALL_MULTICAST, true))
                .hasToString("ReceiveFilter[modes=[ALL_MULTICAST], mac=02:00:00:00:00:01, addresses=3, vlans=1]");
        assertThat(strict()).hasToString("ReceiveFilter[modes=[], mac=02:00:00:00:00:01, addresses=0, vlans=all]");
    }
}
