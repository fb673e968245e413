// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import java.util.Objects;

/**
 * What {@link InBandProgram} does with a packet.
 *
 * @param steering what is hashed, and which queue a hash means. With {@link SteeringConfig.Mode#CONSTANT} and hash
 *     types the hash is computed but chooses nothing, for a TAP under automatic steering
 * @param prefix whether hash and report are put in front of the frame
 * @param beforeSegmentation whether also in front of a frame that is still to be cut into segments. Not while the TAP
 *     lacks {@link dev.ringtap.linux.tun.TunOffload#CSUM}: the kernel drops such UDP frames then
 */
public record InBandConfig(SteeringConfig steering, boolean prefix, boolean beforeSegmentation) {

    /** Checks that a prefix has something to say. */
    public InBandConfig {
        Objects.requireNonNull(steering, "steering");
        if (prefix && steering.toeplitz().length == 0)
            throw new IllegalArgumentException("a prefix needs a key: " + steering);
    }

    /** Steering as without this program: no prefix. */
    public static InBandConfig withoutPrefix(SteeringConfig steering) {
        return new InBandConfig(steering, false, false);
    }
}
