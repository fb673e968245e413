// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

import java.io.ByteArrayOutputStream;

/** What a frame must look like to the driver under a configuration. Pure functions of their arguments. */
public final class Expectation {
    /**
     * Hash of a packet.
     *
     * @param value Toeplitz hash, 0 without one
     * @param report {@code hash_report}, 0 without a hash
     */
    public record Hash(int value, int report) {
        /** Nothing enabled fits the packet. */
        public static final Hash NONE = new Hash(0, HashTypes.REPORT_NONE);
    }

    /**
     * Where a packet must arrive and with what.
     *
     * @param queue receive queue number, from 0
     * @param hashValue Toeplitz hash, 0 without one
     * @param hashReport {@code hash_report}, 0 without a hash
     */
    public record Answer(int queue, int hashValue, int hashReport) {}

    private Expectation() {}

    /** Queue and hash under receive-side scaling. */
    public static Answer of(byte[] frame, GuestRss config) {
        Hash hash = hash(frame, config.hashTypes(), config.keyBytes());
        int queue = hash.report() == HashTypes.REPORT_NONE ? config.unclassified() : config.queueFor(hash.value());
        return new Answer(queue, hash.value(), hash.report());
    }

    /**
     * The hash alone.
     *
     * @param frame from the destination MAC address on
     * @param hashTypes mask of enabled {@link HashTypes}
     * @param key missing bytes count as zeros
     */
    public static Hash hash(byte[] frame, int hashTypes, byte[] key) {
        Dissection d = Dissection.of(frame);
        boolean tcp = d.transport() == Dissection.Transport.TCP;
        boolean udp = d.transport() == Dissection.Transport.UDP;
        switch (d.family()) {
            case IPV4 -> {
                int type = choose(hashTypes, tcp, HashTypes.TCPV4, udp, HashTypes.UDPV4, HashTypes.IPV4);
                return toeplitz(type, key, d.source(), d.destination(), type == HashTypes.IPV4 ? null : d.ports());
            }
            case IPV6 -> {
                if (d.home() != null || d.routed() != null) {
                    int type = choose(hashTypes, tcp, HashTypes.TCP_EX, udp, HashTypes.UDP_EX, HashTypes.IP_EX);
                    if (type != 0) {
                        byte[] source = d.home() != null ? d.home() : d.source();
                        byte[] destination = d.routed() != null ? d.routed() : d.destination();
                        return toeplitz(type, key, source, destination, type == HashTypes.IP_EX ? null : d.ports());
                    }
                }
                int type = choose(hashTypes, tcp, HashTypes.TCPV6, udp, HashTypes.UDPV6, HashTypes.IPV6);
                return toeplitz(type, key, d.source(), d.destination(), type == HashTypes.IPV6 ? null : d.ports());
            }
            default -> {
                return Hash.NONE;
            }
        }
    }

    /** The first of the three types that is enabled and fits, 0 if none does. */
    private static int choose(int enabled, boolean tcp, int tcpType, boolean udp, int udpType, int addressType) {
        if (tcp && (enabled & tcpType) != 0) {
            return tcpType;
        }
        if (udp && (enabled & udpType) != 0) {
            return udpType;
        }
        return enabled & addressType;
    }

    private static Hash toeplitz(int type, byte[] key, byte[] source, byte[] destination, byte[] ports) {
        if (type == 0) {
            return Hash.NONE;
        }
        ByteArrayOutputStream input = new ByteArrayOutputStream();
        input.writeBytes(source);
        input.writeBytes(destination);
        if (ports != null) {
            input.writeBytes(ports);
        }
        return new Hash(BitToeplitz.hash(key, input.toByteArray()), HashTypes.report(type));
    }
}
