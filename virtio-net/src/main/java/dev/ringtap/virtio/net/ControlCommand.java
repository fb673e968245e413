// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * A checked command of the control queue. VIRTIO 1.3, 5.1.6.5 Control Virtqueue.
 *
 * <p>A command that exists can be applied: everything is checked by {@link #parse}.
 */
public sealed interface ControlCommand {
    /** {@code VIRTIO_NET_OK}. */
    byte OK = 0;

    /** {@code VIRTIO_NET_ERR}. */
    byte ERR = 1;

    /**
     * {@code VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET}: automatic steering among the first {@code pairs} pairs.
     *
     * @param pairs 1 up to the device's maximum
     */
    record SetQueuePairs(int pairs) implements ControlCommand {}

    /**
     * {@code VIRTIO_NET_CTRL_MQ_RSS_CONFIG}.
     *
     * @param config with queues that the device has
     */
    record SetRss(RssConfig config) implements ControlCommand {}

    /**
     * {@code VIRTIO_NET_CTRL_MQ_HASH_CONFIG}.
     *
     * @param config hash types 0 switch hashing off
     */
    record SetHash(HashConfig config) implements ControlCommand {}

    /**
     * Class {@code VIRTIO_NET_CTRL_RX}.
     *
     * @param mode which
     * @param on whether it is switched on
     */
    record SetReceiveMode(ReceiveMode mode, boolean on) implements ControlCommand {}

    /**
     * {@code VIRTIO_NET_CTRL_MAC_ADDR_SET}.
     *
     * @param mac six bytes, the address of one station
     */
    record SetMac(byte[] mac) implements ControlCommand {
        /** Copies. */
        public SetMac {
            mac = mac.clone();
        }

        @Override
        public byte[] mac() {
            return mac.clone();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof SetMac that && Arrays.equals(mac, that.mac);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(mac);
        }

        @Override
        public String toString() {
            return "SetMac[mac=" + HexFormat.ofDelimiter(":").formatHex(mac) + "]";
        }
    }

    /**
     * {@code VIRTIO_NET_CTRL_MAC_TABLE_SET}: both tables as one set.
     *
     * @param addresses of stations and groups; the first byte on the wire is bits 40 to 47
     */
    record SetMacTable(long[] addresses) implements ControlCommand {
        /** Copies. */
        public SetMacTable {
            addresses = addresses.clone();
        }

        @Override
        public long[] addresses() {
            return addresses.clone();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof SetMacTable that && Arrays.equals(addresses, that.addresses);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(addresses);
        }

        @Override
        public String toString() {
            return "SetMacTable[" + addresses.length + " addresses]";
        }
    }

    /**
     * {@code VIRTIO_NET_CTRL_VLAN_ADD}.
     *
     * @param id 0 to 4095
     */
    record AddVlan(int id) implements ControlCommand {}

    /**
     * {@code VIRTIO_NET_CTRL_VLAN_DEL}.
     *
     * @param id 0 to 4095
     */
    record RemoveVlan(int id) implements ControlCommand {}

    /**
     * {@code VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET}.
     *
     * @param offloads mask of {@code GUEST_*} bits of {@link NetFeature}, all negotiated
     */
    record SetGuestOffloads(long offloads) implements ControlCommand {}

    /** {@code VIRTIO_NET_CTRL_ANNOUNCE_ACK}. */
    record AnnounceAck() implements ControlCommand {}

    /**
     * Reads a request: class, command and command-specific data, gathered from the device-readable part of the chain however
     * the driver spread it over descriptors. The data has exactly the size its command asks for: missing bytes and surplus
     * ones are both refused.
     *
     * @param request holds the request from index 0; may be longer
     * @param lengthBytes of the request
     * @param config the device
     * @param features those negotiated; a command of a feature that was not is refused
     * @throws ControlCommandException if the device must not obey
     */
    static ControlCommand parse(byte[] request, int lengthBytes, NetDeviceConfig config, long features)
            throws ControlCommandException {
        return new ControlRequest(request, lengthBytes, config, features).parse();
    }
}
