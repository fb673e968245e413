// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import static dev.ringtap.virtio.net.Frames.hex;
import static dev.ringtap.virtio.net.Frames.join;
import static dev.ringtap.virtio.net.Frames.zeros;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ControlCommandTest {
    private static final String KEY = HexFormat.of().formatHex(ToeplitzTest.KEY);
    private static final NetDeviceConfig DEVICE =
            new NetDeviceConfig(hex("02 00 00 00 00 01"), 4, 1500, 128, HashType.ALL, NetDeviceConfig.SPEED_UNKNOWN);
    private static final long EVERYTHING = -1;

    private static ControlCommand parse(byte[] request, long features) throws ControlCommandException {
        // What lies behind the request is not part of it.
        byte[] longer = Arrays.copyOf(request, request.length + 64);
        Arrays.fill(longer, request.length, longer.length, (byte) 1);
        return ControlCommand.parse(longer, request.length, DEVICE, features);
    }

    private static ControlCommand parse(String request) throws ControlCommandException {
        return parse(hex(request), EVERYTHING);
    }

    private static void assertRefused(String request, String message) {
        assertThatThrownBy(() -> parse(request))
                .isInstanceOf(ControlCommandException.class)
                .hasMessage("control queue: " + message);
    }

    /** The command needs every byte, tolerates none more, and needs its feature. */
    private static void assertExact(String request, NetFeature feature) throws ControlCommandException {
        byte[] exact = hex(request);
        parse(exact, EVERYTHING);
        for (int length = 0; length < exact.length; length++) {
            byte[] cut = Arrays.copyOf(exact, length);
            assertThrows(ControlCommandException.class, () -> parse(cut, EVERYTHING), "length " + length);
        }
        assertThatThrownBy(() -> parse(join(exact, zeros(1)), EVERYTHING)).hasMessageContaining("1 bytes too many");
        assertThatThrownBy(() -> parse(exact, EVERYTHING & ~feature.mask()))
                .hasMessageEndingWith("needs " + feature + ", which was not negotiated");
        assertThatThrownBy(() -> parse(exact, EVERYTHING & ~NetFeature.CTRL_VQ.mask()))
                .isInstanceOf(ControlCommandException.class);
    }

    @Test
    void acksAreThoseOfTheSpecification() {
        assertThat(ControlCommand.OK).isZero();
        assertThat(ControlCommand.ERR).isOne();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "00", "04"})
    void requestWithoutClassOrCommandIsRefused(String request) {
        assertThatThrownBy(() -> parse(request))
                .isInstanceOf(ControlCommandException.class)
                .hasMessageContaining("needs 1 bytes, 0 are left");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "00 06 01",
                "00 ff 01",
                "01 02",
                "02 02 0100",
                "03 01",
                "04 03",
                "05 01 0000000000000000",
                "06 00 00",
                "07 00",
                "ff 00"
            })
    void unknownCommandsAreRefused(String request) {
        assertThatThrownBy(() -> parse(request))
                .isInstanceOf(ControlCommandException.class)
                .hasMessageEndingWith(": is not known");
    }

    @Test
    void lengthBeyondTheArrayIsABugOfTheCaller() {
        assertThatThrownBy(() -> ControlCommand.parse(new byte[4], 5, DEVICE, EVERYTHING))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    @ParameterizedTest
    @CsvSource({
        "00, PROMISCUOUS, CTRL_RX",
        "01, ALL_MULTICAST, CTRL_RX",
        "02, ALL_UNICAST, CTRL_RX_EXTRA",
        "03, NO_MULTICAST, CTRL_RX_EXTRA",
        "04, NO_UNICAST, CTRL_RX_EXTRA",
        "05, NO_BROADCAST, CTRL_RX_EXTRA",
    })
    void readsReceiveModes(String command, ReceiveMode mode, NetFeature feature) throws Exception {
        assertThat(parse("00" + command + "01")).isEqualTo(new SetReceiveMode(mode, true));
        assertThat(parse("00" + command + "00")).isEqualTo(new SetReceiveMode(mode, false));
        assertExact("00" + command + "01", feature);
        assertRefused("00" + command + "02", "VIRTIO_NET_CTRL_RX " + mode + ": on is 2, 0 or 1 is right");
    }

    @Nested
    class Mac {
        @Test
        void readsAddress() throws Exception {
            assertThat(parse("01 01 02aabbccddee")).isEqualTo(new SetMac(hex("02aabbccddee")));
            assertThat(parse("01 01 02aabbccddee")).hasToString("SetMac[mac=02:aa:bb:cc:dd:ee]");
            assertExact("01 01 02aabbccddee", NetFeature.CTRL_MAC_ADDR);
        }

        @ParameterizedTest
        @ValueSource(strings = {"01005e000001", "ffffffffffff", "000000000000"})
        void refusesWhatIsNotAStationsAddress(String mac) {
            assertThatThrownBy(() -> parse("01 01" + mac))
                    .hasMessageStartingWith("control queue: VIRTIO_NET_CTRL_MAC_ADDR_SET: mac is ")
                    .hasMessageEndingWith(", not the address of one station");
        }

        @Test
        void readsBothTables() throws Exception {
            String request = "01 00  02000000 020000000011 020000000012  01000000 01005e000001";
            assertThat(parse(request))
                    .isEqualTo(new SetMacTable(new long[] {0x0200_0000_0011L, 0x0200_0000_0012L, 0x0100_5E00_0001L}));
            assertExact(request, NetFeature.CTRL_RX);
            assertThat(parse("01 00 00000000 00000000")).isEqualTo(new SetMacTable(new long[0]));
            assertThat(parse("01 00 00000000 01000000 333300000001"))
                    .isEqualTo(new SetMacTable(new long[] {0x3333_0000_0001L}));
        }

        @Test
        void readsAsManyAddressesAsTheRequestHolds() throws Exception {
            byte[] macs = new byte[6 * 5000];
            for (int i = 0; i < 5000; i++) {
                macs[6 * i] = 2;
                macs[6 * i + 4] = (byte) (i >>> 8);
                macs[6 * i + 5] = (byte) i;
            }
            SetMacTable table = (SetMacTable) parse(join(hex("01 00 88130000"), macs, zeros(4)), EVERYTHING);
            assertThat(table.addresses()).hasSize(5000).endsWith(0x0200_0000_1387L);
        }

        @ParameterizedTest
        @CsvSource({
            "ffffffff, 4294967295",
            "00000080, 2147483648",
            "ffffff7f, 2147483647",
            // Times six this is 2 modulo 2^32.
            "abaaaaaa, 2863311531",
            "03000000, 3",
        })
        void cve_2014_0150_entriesAreHeldAgainstTheRequestsLength(String entries, String count) {
            assertRefused(
                    "01 00" + entries + "020000000011 020000000012 00000000",
                    "VIRTIO_NET_CTRL_MAC_TABLE_SET: unicast entries is " + count + ", the request has room for 2");
            assertRefused(
                    "01 00 00000000" + entries + "010000000011 010000000012",
                    "VIRTIO_NET_CTRL_MAC_TABLE_SET: multicast entries is " + count + ", the request has room for 2");
        }
    }

    @Nested
    class Vlan {
        @Test
        void readsIds() throws Exception {
            assertThat(parse("02 00 6400")).isEqualTo(new AddVlan(100));
            assertThat(parse("02 01 ff0f")).isEqualTo(new RemoveVlan(4095));
            assertExact("02 00 0000", NetFeature.CTRL_VLAN);
            assertExact("02 01 0100", NetFeature.CTRL_VLAN);
        }

        @Test
        void refusesIdsOfMoreThanTwelveBits() {
            assertRefused("02 00 0010", "VIRTIO_NET_CTRL_VLAN_ADD: VLAN id is 4096, 0 to 4095 is right");
            assertRefused("02 01 ffff", "VIRTIO_NET_CTRL_VLAN_DEL: VLAN id is 65535, 0 to 4095 is right");
        }
    }

    @Test
    void readsAnnounceAck() throws Exception {
        assertThat(parse("03 00")).isEqualTo(new AnnounceAck());
        assertExact("03 00", NetFeature.GUEST_ANNOUNCE);
    }

    @Nested
    class Offloads {
        @Test
        void readsMask() throws Exception {
            assertThat(parse("05 00 820700000000c000")).isEqualTo(new SetGuestOffloads(0x00C0_0000_0000_0782L));
            assertThat(parse("05 00 0000000000000000")).isEqualTo(new SetGuestOffloads(0));
            assertExact("05 00 0200000000000000", NetFeature.CTRL_GUEST_OFFLOADS);
        }

        @Test
        void refusesWhatWasNotNegotiated() {
            long features = NetFeature.mask(
                    NetFeature.CTRL_VQ, NetFeature.CTRL_GUEST_OFFLOADS, NetFeature.GUEST_CSUM, NetFeature.GUEST_TSO4);
            assertThatThrownBy(() -> parse(hex("05 00 8201000000000000"), features))
                    .hasMessage(
                            "control queue: VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET: offloads has what was not negotiated:"
                                    + " GUEST_TSO6");
        }

        @ParameterizedTest
        @ValueSource(strings = {"0100000000000000", "0008000000000000", "0000000000400000", "0000000000000080"})
        void refusesBitsThatAreNoOffloadsOfTheDriver(String mask) {
            assertThatThrownBy(() -> parse("05 00" + mask))
                    .hasMessageContaining("offloads has what was not negotiated");
        }
    }

    @Nested
    class QueuePairs {
        @Test
        void readsNumber() throws Exception {
            assertThat(parse("04 00 0100")).isEqualTo(new SetQueuePairs(1));
            assertThat(parse("04 00 0400")).isEqualTo(new SetQueuePairs(4));
            assertExact("04 00 0200", NetFeature.MQ);
        }

        @ParameterizedTest
        @CsvSource({"0000, 0", "0500, 5", "0001, 256", "0080, 32768", "ffff, 65535"})
        void refusesNoneAndMoreThanThereAre(String number, int pairs) {
            assertRefused(
                    "04 00" + number,
                    "VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET: virtqueue_pairs is " + pairs + ", 1 to 4 is right");
        }
    }

    @Nested
    class Rss {
        private static final String HEAD = "04 01 3f000000 0300 0200"; // types, mask 3, unclassified 2
        private static final String TABLE = "0000 0100 0200 0300";
        private static final String TX = "0400";

        @Test
        void readsConfiguration() throws Exception {
            String request = HEAD + TABLE + TX + "28" + KEY;
            assertThat(parse(request))
                    .isEqualTo(new SetRss(new RssConfig(0x3F, 2, new int[] {0, 1, 2, 3}, 4, ToeplitzTest.KEY)));
            assertExact(request, NetFeature.RSS);
        }

        @Test
        void readsTheLongestTableAndTheShortest() throws Exception {
            byte[] longest = join(hex("04 01 ff010000 7f00 0000"), zeros(256), hex("0100 28" + KEY));
            assertThat(((SetRss) parse(longest, EVERYTHING)).config().table()).hasSize(128);
            assertThat(parse("04 01 01000000 0000 0300 0100 0100 01 6d"))
                    .isEqualTo(new SetRss(new RssConfig(1, 3, new int[] {1}, 1, hex("6d"))));
        }

        /** As User-Mode Linux sends it: no queue but the first, whatever the number of pairs. */
        @Test
        void linux_6_1_allZeroTableAndOneTransmitQueueIsAccepted() throws Exception {
            byte[] request = join(hex("04 01 3f000000 7f00 0000"), zeros(256), hex("0100 28" + KEY));
            assertThat(parse(request, EVERYTHING))
                    .isEqualTo(new SetRss(new RssConfig(0x3F, 0, new int[128], 1, ToeplitzTest.KEY)));
        }

        @ParameterizedTest
        @CsvSource({"0200, 2", "0400, 4", "7e00, 126", "8000, 128", "ff00, 255", "ff7f, 32767", "ffff, 65535"})
        void refusesTablesOfAnotherLength(String mask, int value) {
            assertRefused(
                    "04 01 3f000000" + mask + "0000" + TABLE + TX + "28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: indirection_table_mask is " + value
                            + ", one less than a power of two up to 128 is right");
        }

        @ParameterizedTest
        @CsvSource({"0400, 4", "ff00, 255", "0080, 32768", "0380, 32771", "ffff, 65535"})
        void cve_2024_6505_queuesAreThoseOfTheDevice(String entry, int value) {
            String problem = " is " + value + ", the device has 4 queue pairs";
            assertRefused(
                    HEAD + "0000 0100 0200" + entry + TX + "28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: indirection_table entry" + problem);
            assertRefused(
                    "04 01 3f000000 0300" + entry + TABLE + TX + "28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: unclassified_queue" + problem);
        }

        @ParameterizedTest
        @CsvSource({"0000, 0", "0500, 5", "ffff, 65535"})
        void refusesTransmitQueuesThatAreNone(String maxTx, int value) {
            assertRefused(
                    HEAD + TABLE + maxTx + "28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: max_tx_vq is " + value + ", 1 to 4 is right");
        }

        @Test
        void refusesHashTypesThatAreNotSupported() {
            assertRefused(
                    "04 01 00020000 0300 0000" + TABLE + TX + "28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: hash_types is 0x200, supported are 0x1ff");
            assertRefused(
                    "04 01 00000080 0300 0000" + TABLE + TX + "28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: hash_types is 0x80000000, supported are 0x1ff");
            NetDeviceConfig fewer = new NetDeviceConfig(DEVICE.mac(), 4, 1500, 128, 0x3F, 0);
            byte[] request = hex("04 01 40000000 0300 0000" + TABLE + TX + "28" + KEY);
            assertThatThrownBy(() -> ControlCommand.parse(request, request.length, fewer, EVERYTHING))
                    .hasMessageEndingWith("hash_types is 0x40, supported are 0x3f");
        }

        @Test
        void keyHasUpToFortyBytes() throws Exception {
            assertThat(((SetRss) parse(HEAD + TABLE + TX + "01 6d")).config().key())
                    .isEqualTo(hex("6d"));
            assertRefused(
                    HEAD + TABLE + TX + "29" + KEY + "00",
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: hash_key_length is 41, at most 40 is right");
            assertRefused(
                    HEAD + TABLE + TX + "ff" + KEY,
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: hash_key_length is 255, at most 40 is right");
            assertRefused(
                    HEAD + TABLE + TX + "00",
                    "VIRTIO_NET_CTRL_MQ_RSS_CONFIG: hash_key_length is 0 with hash_types 0x3f");
        }

        @Test
        void keyMayBeMissingIfNothingIsHashed() throws Exception {
            assertThat(parse("04 01 00000000 0000 0100 0000 0100 00"))
                    .isEqualTo(new SetRss(new RssConfig(0, 1, new int[1], 1, new byte[0])));
        }
    }

    @Nested
    class Hash {
        @Test
        void readsConfiguration() throws Exception {
            String request = "04 02 3f000000 0000000000000000 28" + KEY;
            assertThat(parse(request)).isEqualTo(new SetHash(new HashConfig(0x3F, ToeplitzTest.KEY)));
            assertExact(request, NetFeature.HASH_REPORT);
            assertThat(parse("04 02 00000000 0000000000000000 00"))
                    .isEqualTo(new SetHash(new HashConfig(0, new byte[0])));
        }

        /** max_tx_vq of the RSS structure is where the last reserved field is. */
        @Test
        void linuxBefore_6_6_reservedFieldThatIsNotZeroIsIgnored() throws Exception {
            assertThat(parse("04 02 3f000000 0000000000000100 28" + KEY))
                    .isEqualTo(new SetHash(new HashConfig(0x3F, ToeplitzTest.KEY)));
        }

        @Test
        void refusesTypesAndKeysAsRssDoes() {
            assertRefused(
                    "04 02 00020000 0000000000000000 28" + KEY,
                    "VIRTIO_NET_CTRL_MQ_HASH_CONFIG: hash_types is 0x200, supported are 0x1ff");
            assertRefused(
                    "04 02 01000000 0000000000000000 29" + KEY + "00",
                    "VIRTIO_NET_CTRL_MQ_HASH_CONFIG: hash_key_length is 41, at most 40 is right");
            assertRefused(
                    "04 02 01000000 0000000000000000 00",
                    "VIRTIO_NET_CTRL_MQ_HASH_CONFIG: hash_key_length is 0 with hash_types 0x1");
        }
    }

    /** Whatever comes is read or refused, and what is read can be applied. */
    @Test
    void randomRequestsAreReadOrRefused() {
        long seed = System.nanoTime();
        System.out.println("random control requests: seed " + seed);
        Random random = new Random(seed);
        String[] good = {
            "00 00 01",
            "01 00 01000000 020000000011 01000000 01005e000001",
            "01 01 02aabbccddee",
            "02 00 6400",
            "04 00 0200",
            "04 01 3f000000 0300 0200 0000 0100 0200 0300 0400 28" + KEY,
            "04 02 3f000000 0000000000000000 28" + KEY,
            "05 00 8207000000000000",
        };
        NetDeviceState state = NetDeviceState.initial(DEVICE, EVERYTHING);
        int read = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] request = hex(good[random.nextInt(good.length)]);
            for (int mutations = random.nextInt(3); mutations > 0; mutations--) {
                request[random.nextInt(request.length)] = (byte) random.nextInt();
            }
            int length = random.nextInt(4) == 0 ? random.nextInt(request.length + 1) : request.length;
            try {
                state = state.apply(ControlCommand.parse(request, length, DEVICE, random.nextLong() | 1L << 17));
                read++;
                assertThat(state.queuePairs()).as("seed %d", seed).isBetween(1, 4);
            } catch (ControlCommandException e) {
                assertThat(e).as("seed %d", seed).hasMessageStartingWith("control queue: ");
            }
        }
        assertThat(read).as("seed %d", seed).isPositive();
    }
}
