// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import java.io.IOException;

/**
 * A multi-queue TAP as the emulator uses it, the kernel's or an emulated one. Settings may be made from any thread, one
 * after the other.
 */
public interface TapPort extends AutoCloseable {

    /** Name of the interface. */
    String name();

    /** Queues there are, attached or not. */
    int queueCount();

    /** A queue by its number, from 0. */
    PortQueue queue(int index);

    /** MTU of the interface, in bytes without Ethernet header. */
    int mtu() throws IOException;

    /** Offloads that {@link #setOffloads} may name: flags of {@link dev.ringtap.linux.tun.TunOffload}. */
    int supportedOffloads();

    /** Says which offloads the reader of the queues copes with. */
    void setOffloads(int tunFlags) throws IOException;

    /** Attaches the first {@code count} queues and detaches the others; what a detached queue held is dropped. */
    void setAttachedQueues(int count) throws IOException;

    /** Queues attached at present. */
    int attachedQueues();

    /** Gives the device up. Its queues are not in use any more. */
    @Override
    void close();
}
