// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

/** What a queue pair tells the emulator. Called on the pair's loop; implementations hand over to their own thread. */
public interface PairEvents {

    /**
     * The driver broke a rule of the ring: this vring has stopped.
     *
     * @param vring virtqueue index
     */
    void driverFault(int vring, Throwable cause);

    /** The kernel says that the TAP of this queue is no more: somebody removed the interface. May come more than once. */
    void tapGone();
}
