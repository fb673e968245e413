// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

/**
 * Everything that a driver sets by the control queue. Immutable: a command gives a new state, so a reader sees the old
 * configuration or the new one and never a mixture.
 *
 * <p>Receive steering and hashing follow VIRTIO 1.3, 5.1.6.5.5 Device operation in multiqueue mode, "the resulting device
 * configuration is defined by the last command sent":
 *
 * <ul>
 *   <li>{@code RSS_CONFIG} puts RSS in force; it brings hash types and key along.
 *   <li>{@code VQ_PAIRS_SET} puts automatic steering in force. It has no hash parameters, so those stay as they were, also
 *       when RSS brought them: 5.1.6.4.3 takes them from the last {@code RSS_CONFIG} if RSS was negotiated. Linux 6.1 sends
 *       it on every {@code ethtool -L} and goes on reading hashes.
 *   <li>{@code HASH_CONFIG} belongs to automatic steering (5.1.6.5.6.4 Hash calculation): it replaces the hash parameters
 *       and ends RSS; the number of pairs is that of the last {@code VQ_PAIRS_SET}.
 *   <li>Until one of them is sent, RSS negotiated or not, packets go to receiveq1 and no hash is computed.
 * </ul>
 *
 * @param automaticPairs queue pairs of the last {@code VQ_PAIRS_SET}; 1 after a reset
 * @param rss the RSS configuration in force, or {@code null}
 * @param hash hash parameters under automatic steering, or {@code null} if no hash type is enabled; always {@code null}
 *     with RSS in force, whose parameters are its own
 * @param filter which frames the driver wants
 * @param guestOffloads mask of {@code GUEST_*} bits of {@link NetFeature} in force, each with what it requires
 */
public record NetDeviceState(
        int automaticPairs, RssConfig rss, HashConfig hash, ReceiveFilter filter, long guestOffloads) {
    /**
     * The state after a reset and feature negotiation.
     *
     * @param config the device
     * @param features those negotiated; the offloads among them start in force (5.1.6.5.8 Offloads State Configuration)
     */
    public static NetDeviceState initial(NetDeviceConfig config, long features) {
        return new NetDeviceState(
                1, null, null, ReceiveFilter.initial(config.mac(), features), offloadsInForce(features));
    }

    /**
     * Queue pairs in use. Under RSS that is as many as the table, the unclassified queue and {@code max_tx_vq} reach to, and
     * no fewer than the last {@code VQ_PAIRS_SET}: Linux 6.1 keeps {@code max_tx_vq} at 1 and transmits on all of those.
     */
    public int queuePairs() {
        return rss == null
                ? automaticPairs
                : Math.max(automaticPairs, Math.max(rss.maxTxQueuePairs(), rss.receiveQueuePairs()));
    }

    /** The device's MAC address in force: six bytes. */
    public byte[] mac() {
        return filter.mac();
    }

    /**
     * The state after {@code command}. Succeeds always: commands are checked when they are parsed. Acknowledging an
     * announcement changes nothing here; the status bit is the device's.
     */
    public NetDeviceState apply(ControlCommand command) {
        return switch (command) {
            case ControlCommand.SetQueuePairs(int pairs) ->
                new NetDeviceState(pairs, null, hashParameters(), filter, guestOffloads);
            case ControlCommand.SetRss(RssConfig config) ->
                new NetDeviceState(automaticPairs, config, null, filter, guestOffloads);
            case ControlCommand.SetHash(HashConfig config) ->
                new NetDeviceState(
                        automaticPairs, null, config.hashTypes() == 0 ? null : config, filter, guestOffloads);
            case ControlCommand.SetReceiveMode(ReceiveMode mode, boolean on) -> withFilter(filter.with(mode, on));
            case ControlCommand.SetMac set -> withFilter(filter.withMac(MacAddress.of(set.mac(), 0)));
            case ControlCommand.SetMacTable table -> withFilter(filter.withAddresses(table.addresses()));
            case ControlCommand.AddVlan(int id) -> withFilter(filter.withVlan(id, true));
            case ControlCommand.RemoveVlan(int id) -> withFilter(filter.withVlan(id, false));
            case ControlCommand.SetGuestOffloads(long offloads) ->
                new NetDeviceState(automaticPairs, rss, hash, filter, offloadsInForce(offloads));
            case ControlCommand.AnnounceAck() -> this;
        };
    }

    private HashConfig hashParameters() {
        if (rss == null) {
            return hash;
        }
        return rss.hashTypes() == 0 ? null : new HashConfig(rss.hashTypes(), rss.key());
    }

    private NetDeviceState withFilter(ReceiveFilter changed) {
        return new NetDeviceState(automaticPairs, rss, hash, changed, guestOffloads);
    }

    // A driver may switch off GUEST_CSUM and leave GUEST_TSO4 on. No such packet can be built, so that is the
    // same as both off, and a TAP refuses the odd combination.
    private static long offloadsInForce(long requested) {
        return FeatureRules.dropUnsupported(requested & FeatureRules.GUEST_OFFLOADS);
    }
}
