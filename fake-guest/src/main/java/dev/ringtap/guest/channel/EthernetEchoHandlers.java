// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import io.netty.channel.ChannelPipeline;
import java.net.Inet4Address;
import java.net.Inet6Address;

/** The handlers that make a guest findable and pingable on its link. */
public final class EthernetEchoHandlers {
    private EthernetEchoHandlers() {}

    /** Adds {@link ArpResponder}, {@link NdpResponder} and {@link IcmpEchoResponder}, in this order, at the end. */
    public static void addTo(ChannelPipeline pipeline, byte[] mac, Inet4Address ipv4, Inet6Address ipv6) {
        pipeline.addLast("arp", new ArpResponder(mac, ipv4))
                .addLast("ndp", new NdpResponder(mac, ipv6))
                .addLast("echo", new IcmpEchoResponder(mac, ipv4, ipv6));
    }
}
