// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.RssConfig;
import dev.ringtap.virtio.net.Toeplitz;

/**
 * Which TAP queues are attached and what steers packets to them. Control loop only.
 *
 * <p>Under RSS every queue is attached and the steering program chooses; without it the kernel's automatic steering
 * spreads flows over the queues attached, so just the enabled pairs are. Between the two lies a constant choice of queue
 * 0, which either side allows: the program takes the result modulo the number of attached queues, so while that number
 * changes no other choice would be true to one of the configurations.
 */
final class Steering implements AutoCloseable {
    private final TapDevice tap;
    private final SteeringProgram program;
    private boolean byProgram;

    /** @param program the loaded steering program, or {@code null} where there is none and RSS is not offered */
    Steering(TapDevice tap, SteeringProgram program) {
        this.tap = tap;
        this.program = program;
    }

    boolean canSteer() {
        return program != null;
    }

    /** From now on RSS steers; when this returns no packet is steered otherwise. */
    void rss(RssConfig config, Toeplitz key) throws NativeException {
        if (!byProgram) {
            holdAtQueueZero();
            tap.setAttachedQueues(tap.queueCount());
        }
        program.configure(
                SteeringConfig.rss(config.hashTypes(), config.unclassifiedQueue(), config.table(), key.byteTable()));
        byProgram = true;
    }

    /** Before automatic steering over fewer queues: no new packet comes to a queue other than 0. */
    void holdAtQueueZero() throws NativeException {
        if (program != null) {
            program.configure(SteeringConfig.constant(0));
            tap.setSteering(program.fd());
        }
    }

    /** From now on the kernel steers over the first {@code pairs} queues. */
    void automatic(int pairs) throws NativeException {
        tap.setAttachedQueues(pairs);
        if (program != null) {
            tap.clearSteering();
        }
        byProgram = false;
    }

    int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        if (program != null) {
            program.close();
        }
    }
}
