// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;

/**
 * What the driver has configured, and what follows for a received packet.
 *
 * @param name for people
 * @param queues receive queues in use: those from 0 to {@code queues - 1}
 * @param rss null for automatic steering
 * @param hashTypes enabled hash types under automatic steering, {@link #UNDEFINED} while it is undefined what is
 *     reported
 * @param key of the hash under automatic steering
 */
record Setting(String name, int queues, GuestRss rss, int hashTypes, byte[] key) {
    /** Between two commands that only together say what is to be reported. */
    static final int UNDEFINED = -1;

    /** {@link Verdict#queue} where the device chooses. */
    static final int ANY_QUEUE = -1;

    /**
     * What a packet should have been.
     *
     * @param queue receive queue, or {@link #ANY_QUEUE}
     * @param right whether it was
     */
    record Verdict(int queue, int hashValue, int hashReport, boolean right) {}

    static Setting automatic(String name, int queues, int hashTypes, byte[] key) {
        return new Setting(name, queues, null, hashTypes, key);
    }

    static Setting steered(String name, int queues, GuestRss rss) {
        return new Setting(name, queues, rss, rss.hashTypes(), rss.key());
    }

    Verdict judge(ReceivedPacket packet) {
        if (rss != null) {
            Expectation.Answer answer = Expectation.of(packet.frame(), rss);
            boolean right = packet.queue() == answer.queue()
                    && packet.hashValue() == answer.hashValue()
                    && packet.hashReport() == answer.hashReport();
            return new Verdict(answer.queue(), answer.hashValue(), answer.hashReport(), right);
        }
        boolean rightQueue = packet.queue() < queues;
        if (hashTypes == UNDEFINED) {
            return new Verdict(ANY_QUEUE, packet.hashValue(), packet.hashReport(), rightQueue);
        }
        Expectation.Hash hash = Expectation.hash(packet.frame(), hashTypes, key);
        boolean right = rightQueue && packet.hashValue() == hash.value() && packet.hashReport() == hash.report();
        return new Verdict(ANY_QUEUE, hash.value(), hash.report(), right);
    }
}
