// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetHeader;
import java.io.IOException;

/** The steering designs that an emulated TAP can have, by the names of their hash sources. See {@code docs/designs.md}. */
public enum EmulatedDesign {
    /** A steering program chooses the queue; this process hashes the frame. */
    DEVICE(NetHeader.SIZE) {
        @Override
        SteeringDesign make(EmulatedTap tap) {
            return ProgramSteering.on(tap);
        }
    },
    /** The TAP itself, by the proposed ioctls. */
    KERNEL(NetHeader.SIZE_WITH_HASH) {
        @Override
        SteeringDesign make(EmulatedTap tap) {
            return IoctlSteering.on(tap, tap::ioctl, HashType.ALL);
        }
    },
    /** A program of the proposed type. */
    VNET_HASH(NetHeader.SIZE_WITH_HASH) {
        @Override
        SteeringDesign make(EmulatedTap tap) throws IOException {
            return HashProgramSteering.vnetHash(tap);
        }
    },
    /** A steering program that calls a function of the TAP's. */
    KFUNC(NetHeader.SIZE_WITH_HASH) {
        @Override
        SteeringDesign make(EmulatedTap tap) throws IOException {
            return HashProgramSteering.kfunc(tap);
        }
    };

    private final int headerBytes;

    EmulatedDesign(int headerBytes) {
        this.headerBytes = headerBytes;
    }

    abstract SteeringDesign make(EmulatedTap tap) throws IOException;

    /** Bytes in front of each frame that the TAP must be made with. */
    public int headerBytes() {
        return headerBytes;
    }

    /**
     * Puts the design on a TAP, for an emulator that closes both.
     *
     * @throws IOException if a program is refused
     * @throws IllegalArgumentException if the TAP's header is too short for it
     */
    public SteeringDesign on(EmulatedTap tap) throws IOException {
        return make(tap);
    }
}
