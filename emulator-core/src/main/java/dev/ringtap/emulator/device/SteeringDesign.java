// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.virtio.net.HashType;
import java.io.IOException;

/**
 * One way in which packets get a queue and a hash: a program in the kernel and a hash computed here, a hash that comes in
 * band, or a kernel that does both. Made for one TAP, which it steers. Control loop only, but for
 * what {@link #hashSource} made.
 *
 * <p>Under RSS every queue is attached and the design chooses; without it automatic steering spreads flows over the queues
 * attached, so just the enabled pairs are.
 */
public interface SteeringDesign extends AutoCloseable {

    /** For people: what chooses queues, and what makes hashes. */
    String description();

    /** Why RSS cannot be offered, or {@code null} if it can. */
    String rssUnavailable();

    /**
     * Hash types that it can tell, a mask of {@link HashType}: the device offers no others to drivers. Under automatic
     * steering, too, so that a driver finds the same types either way.
     */
    default int hashTypes() {
        return HashType.ALL;
    }

    /** The hash source of one queue pair, made before the pair is opened. */
    HashSource hashSource(int queue);

    /**
     * From now on RSS steers; when this returns no packet is steered otherwise.
     *
     * @param rules have {@link HashRules#steering}
     * @param reported whether the driver negotiated hash reports
     */
    void rss(HashRules rules, boolean reported) throws IOException;

    /** Before automatic steering over fewer queues: no new packet comes to a queue other than 0. */
    void holdAtQueueZero() throws IOException;

    /**
     * From now on automatic steering spreads flows over the first {@code pairs} queues, and what {@code rules} name is
     * hashed.
     */
    void automatic(int pairs, HashRules rules, boolean reported) throws IOException;

    /**
     * The offloads of the TAP are going to change.
     *
     * @param tunFlags what they will be: flags of {@link dev.ringtap.linux.tun.TunOffload}
     */
    default void beforeOffloads(int tunFlags) throws IOException {}

    /**
     * The offloads of the TAP have changed.
     *
     * @param tunFlags what they are now
     */
    default void afterOffloads(int tunFlags) throws IOException {}

    /** Queues attached at present. */
    int attachedQueues();

    /** Releases programs and what was attached; the TAP stays open. */
    @Override
    void close();
}
