// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.Topology;
import java.util.List;

/** A TAP with a host behind it that has the addresses of a {@link Topology}. Nothing of it outlives the process. */
interface HostNetwork extends AutoCloseable {

    /** MAC address of the guest that these hosts know. */
    byte[] GUEST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x02};

    /** Frames that a queue of the TAP holds: far more than is ever under way, so that no drop is the traffic's fault. */
    int TAP_QUEUE_PACKETS = 4096;

    /** The TAP. An emulator that it is given to closes it. */
    TapPort port();

    /** What chooses queues and makes hashes. An emulator that it is given to closes it. */
    SteeringDesign steering();

    /** Why it is this design, for people: a clause. */
    String steeringReason();

    /** Who talks to whom. */
    Topology topology();

    /** Opens the host's end of these flows. */
    HostSide open(List<Flow> flows) throws Exception;

    /** Opens a sender of frames that waits for nothing. */
    LoadSender openSender() throws Exception;

    /** Lets the TAP's queues hold so many frames only, as far as that can be changed. */
    void shortenQueues(int packets) throws Exception;

    /** Takes that back. */
    void restoreQueues() throws Exception;

    /** Packets to the guest that the TAP dropped so far. */
    long dropped() throws Exception;

    /** Any thread, once. */
    @Override
    void close();
}
