// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.Arrays;
import java.util.Objects;

/** A request of the control queue while it is read. All numbers are little endian. */
final class ControlRequest {
    private static final int CLASS_RX = 0;
    private static final int CLASS_MAC = 1;
    private static final int CLASS_VLAN = 2;
    private static final int CLASS_ANNOUNCE = 3;
    private static final int CLASS_MQ = 4;
    private static final int CLASS_GUEST_OFFLOADS = 5;

    private static final int MAC_TABLE_SET = 0;
    private static final int MAC_ADDR_SET = 1;
    private static final int VLAN_ADD = 0;
    private static final int VLAN_DEL = 1;
    private static final int ANNOUNCE_ACK = 0;
    private static final int MQ_VQ_PAIRS_SET = 0;
    private static final int MQ_RSS_CONFIG = 1;
    private static final int MQ_HASH_CONFIG = 2;
    private static final int GUEST_OFFLOADS_SET = 0;

    private static final int MAX_VLAN_ID = 4095;
    private static final int HASH_CONFIG_RESERVED_BYTES = 8;

    private final byte[] bytes;
    private final int end;
    private final NetDeviceConfig config;
    private final long features;
    private int at;
    private String command = "request";

    ControlRequest(byte[] bytes, int lengthBytes, NetDeviceConfig config, long features) {
        Objects.checkFromIndexSize(0, lengthBytes, bytes.length);
        this.bytes = bytes;
        this.end = lengthBytes;
        this.config = config;
        this.features = features;
    }

    ControlCommand parse() throws ControlCommandException {
        require(NetFeature.CTRL_VQ);
        int commandClass = u8("class");
        int number = u8("command");
        command = "class " + commandClass + " command " + number;
        ControlCommand parsed = switch (commandClass) {
            case CLASS_RX -> receiveMode(number);
            case CLASS_MAC -> mac(number);
            case CLASS_VLAN -> vlan(number);
            case CLASS_ANNOUNCE -> announce(number);
            case CLASS_MQ -> multiqueue(number);
            case CLASS_GUEST_OFFLOADS -> guestOffloads(number);
            default -> throw unknown();
        };
        if (at != end) {
            throw refusal("has " + (end - at) + " bytes too many");
        }
        return parsed;
    }

    private ControlCommand receiveMode(int number) throws ControlCommandException {
        ReceiveMode mode = ReceiveMode.byCommand(number);
        if (mode == null) {
            throw unknown();
        }
        command = "VIRTIO_NET_CTRL_RX " + mode;
        require(mode.feature());
        int on = u8("on");
        if (on > 1) {
            throw refusal("on is " + on + ", 0 or 1 is right");
        }
        return new ControlCommand.SetReceiveMode(mode, on == 1);
    }

    private ControlCommand mac(int number) throws ControlCommandException {
        switch (number) {
            case MAC_TABLE_SET -> {
                command = "VIRTIO_NET_CTRL_MAC_TABLE_SET";
                require(NetFeature.CTRL_RX);
                return macTable();
            }
            case MAC_ADDR_SET -> {
                command = "VIRTIO_NET_CTRL_MAC_ADDR_SET";
                require(NetFeature.CTRL_MAC_ADDR);
                need("mac", MacAddress.BYTES);
                long mac = mac();
                if (!MacAddress.isStation(mac)) {
                    throw refusal("mac is " + MacAddress.format(mac) + ", not the address of one station");
                }
                return new ControlCommand.SetMac(MacAddress.bytes(mac));
            }
            default -> throw unknown();
        }
    }

    /** Two tables, each a count and as many addresses. A count is held against what is there before it is multiplied. */
    private ControlCommand macTable() throws ControlCommandException {
        int unicast = macCount("unicast entries");
        long[] addresses = new long[unicast];
        for (int i = 0; i < unicast; i++) {
            addresses[i] = mac();
        }
        int multicast = macCount("multicast entries");
        addresses = Arrays.copyOf(addresses, unicast + multicast);
        for (int i = unicast; i < addresses.length; i++) {
            addresses[i] = mac();
        }
        return new ControlCommand.SetMacTable(addresses);
    }

    private int macCount(String field) throws ControlCommandException {
        long count = Integer.toUnsignedLong(u32(field));
        int room = (end - at) / MacAddress.BYTES;
        if (count > room) {
            throw refusal(field + " is " + count + ", the request has room for " + room);
        }
        return (int) count;
    }

    private ControlCommand vlan(int number) throws ControlCommandException {
        if (number != VLAN_ADD && number != VLAN_DEL) {
            throw unknown();
        }
        command = number == VLAN_ADD ? "VIRTIO_NET_CTRL_VLAN_ADD" : "VIRTIO_NET_CTRL_VLAN_DEL";
        require(NetFeature.CTRL_VLAN);
        int id = u16("VLAN id");
        if (id > MAX_VLAN_ID) {
            throw refusal("VLAN id is " + id + ", 0 to " + MAX_VLAN_ID + " is right");
        }
        return number == VLAN_ADD ? new ControlCommand.AddVlan(id) : new ControlCommand.RemoveVlan(id);
    }

    private ControlCommand announce(int number) throws ControlCommandException {
        if (number != ANNOUNCE_ACK) {
            throw unknown();
        }
        command = "VIRTIO_NET_CTRL_ANNOUNCE_ACK";
        require(NetFeature.GUEST_ANNOUNCE);
        return new ControlCommand.AnnounceAck();
    }

    private ControlCommand multiqueue(int number) throws ControlCommandException {
        switch (number) {
            case MQ_VQ_PAIRS_SET -> {
                command = "VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET";
                require(NetFeature.MQ);
                return new ControlCommand.SetQueuePairs(pairs("virtqueue_pairs"));
            }
            case MQ_RSS_CONFIG -> {
                command = "VIRTIO_NET_CTRL_MQ_RSS_CONFIG";
                require(NetFeature.RSS);
                return rss();
            }
            case MQ_HASH_CONFIG -> {
                command = "VIRTIO_NET_CTRL_MQ_HASH_CONFIG";
                require(NetFeature.HASH_REPORT);
                int hashTypes = hashTypes();
                // Zero by the specification, but Linux sends max_tx_vq of its RSS structure in the last of these
                // when RSS was not negotiated. Nothing here means anything, so nothing is refused for it.
                skip("reserved", HASH_CONFIG_RESERVED_BYTES);
                return new ControlCommand.SetHash(new HashConfig(hashTypes, key(hashTypes)));
            }
            default -> throw unknown();
        }
    }

    private ControlCommand rss() throws ControlCommandException {
        int hashTypes = hashTypes();
        int mask = u16("indirection_table_mask");
        if (mask >= config.rssMaxTableLength() || (mask & mask + 1) != 0) {
            throw refusal("indirection_table_mask is " + mask + ", one less than a power of two up to "
                    + config.rssMaxTableLength() + " is right");
        }
        int unclassifiedQueue = queue("unclassified_queue");
        int[] table = new int[mask + 1];
        need("indirection_table", 2 * table.length);
        for (int i = 0; i < table.length; i++) {
            table[i] = queue("indirection_table entry");
        }
        int maxTxQueuePairs = pairs("max_tx_vq");
        byte[] key = key(hashTypes);
        return new ControlCommand.SetRss(new RssConfig(hashTypes, unclassifiedQueue, table, maxTxQueuePairs, key));
    }

    /** {@code struct rss_rq_id}. The reserved bit 15 has to be zero; set, it makes the number too big anyway. */
    private int queue(String field) throws ControlCommandException {
        int queue = u16(field);
        if (queue >= config.maxQueuePairs()) {
            throw refusal(field + " is " + queue + ", the device has " + config.maxQueuePairs() + " queue pairs");
        }
        return queue;
    }

    private int pairs(String field) throws ControlCommandException {
        int pairs = u16(field);
        if (pairs < 1 || pairs > config.maxQueuePairs()) {
            throw refusal(field + " is " + pairs + ", 1 to " + config.maxQueuePairs() + " is right");
        }
        return pairs;
    }

    private int hashTypes() throws ControlCommandException {
        int types = u32("hash_types");
        if ((types & ~config.supportedHashTypes()) != 0) {
            throw refusal("hash_types is 0x%x, supported are 0x%x".formatted(types, config.supportedHashTypes()));
        }
        return types;
    }

    private byte[] key(int hashTypes) throws ControlCommandException {
        int length = u8("hash_key_length");
        if (length > NetDeviceConfig.RSS_MAX_KEY_BYTES) {
            throw refusal(
                    "hash_key_length is " + length + ", at most " + NetDeviceConfig.RSS_MAX_KEY_BYTES + " is right");
        }
        if (length == 0 && hashTypes != 0) {
            throw refusal("hash_key_length is 0 with hash_types 0x%x".formatted(hashTypes));
        }
        need("hash_key_data", length);
        byte[] key = Arrays.copyOfRange(bytes, at, at + length);
        at += length;
        return key;
    }

    private ControlCommand guestOffloads(int number) throws ControlCommandException {
        if (number != GUEST_OFFLOADS_SET) {
            throw unknown();
        }
        command = "VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET";
        require(NetFeature.CTRL_GUEST_OFFLOADS);
        need("offloads", 8);
        long offloads = Integer.toUnsignedLong(u32("offloads")) | (long) u32("offloads") << 32;
        long surplus = offloads & ~(features & FeatureRules.GUEST_OFFLOADS);
        if (surplus != 0) {
            throw refusal("offloads has what was not negotiated: " + NetFeature.describe(surplus));
        }
        return new ControlCommand.SetGuestOffloads(offloads);
    }

    private void require(NetFeature feature) throws ControlCommandException {
        if (!feature.in(features)) {
            throw refusal("needs " + feature + ", which was not negotiated");
        }
    }

    private void need(String field, int count) throws ControlCommandException {
        if (end - at < count) {
            throw refusal(field + " needs " + count + " bytes, " + (end - at) + " are left");
        }
    }

    private void skip(String field, int count) throws ControlCommandException {
        need(field, count);
        at += count;
    }

    private int u8(String field) throws ControlCommandException {
        need(field, 1);
        return bytes[at++] & 0xFF;
    }

    private int u16(String field) throws ControlCommandException {
        need(field, 2);
        int low = bytes[at++] & 0xFF;
        return low | (bytes[at++] & 0xFF) << 8;
    }

    private int u32(String field) throws ControlCommandException {
        need(field, 4);
        int low = u16(field);
        return low | u16(field) << 16;
    }

    /** The caller has made sure that six bytes are there. */
    private long mac() {
        long mac = MacAddress.of(bytes, at);
        at += MacAddress.BYTES;
        return mac;
    }

    private ControlCommandException unknown() {
        return refusal("is not known");
    }

    private ControlCommandException refusal(String problem) {
        return new ControlCommandException("control queue: " + command + ": " + problem);
    }
}
