// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.emulator.device.HashProgramSteering;
import dev.ringtap.emulator.device.IoctlSteering;
import dev.ringtap.emulator.device.ProgramSteering;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.virtio.net.NetHeader;
import java.io.IOException;

/**
 * An emulated TAP with a steering design on it, as an emulator wants the two.
 *
 * @param tap closed with the emulator
 * @param steering closed with the emulator
 * @param reason why it is this design, for people: a clause
 */
public record SteeredEmulatedTap(EmulatedTap tap, SteeringDesign steering, String reason) {

    /**
     * Makes both.
     *
     * @param options of the TAP; the length of its header follows from the choice
     * @throws IllegalArgumentException if no emulated TAP has that source
     * @throws IOException if the design's program is refused
     */
    public static SteeredEmulatedTap with(EmulatedTap.Options options, HashSourceChoice choice) throws IOException {
        if (!choice.onEmulatedTap()) {
            throw new IllegalArgumentException("an emulated TAP has no hash source " + choice);
        }
        boolean byHeader = choice != HashSourceChoice.AUTO && choice != HashSourceChoice.DEVICE;
        EmulatedTap tap =
                new EmulatedTap(options.withHeaderBytes(byHeader ? NetHeader.SIZE_WITH_HASH : NetHeader.SIZE));
        String reason =
                choice == HashSourceChoice.AUTO ? "the usual one on an emulated TAP" : "--hash-source " + choice;
        try {
            return new SteeredEmulatedTap(tap, design(tap, choice), reason);
        } catch (IOException | RuntimeException e) {
            tap.close();
            throw e;
        }
    }

    private static SteeringDesign design(EmulatedTap tap, HashSourceChoice choice) throws IOException {
        return switch (choice) {
            case KERNEL -> IoctlSteering.on(tap, tap::ioctl);
            case VNET_HASH -> HashProgramSteering.vnetHash(tap);
            case KFUNC -> HashProgramSteering.kfunc(tap);
            default -> ProgramSteering.on(tap);
        };
    }
}
