// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import java.util.List;

/** The TAP that {@code ringtap run} serves, with everything that is in force on it. */
interface RunTap extends AutoCloseable {

    /** An emulator that it is given to closes it. */
    TapPort port();

    /** An emulator that it is given to closes it. */
    SteeringDesign steering();

    /** What the device tells the guest: bytes. */
    int mtu();

    /** What people should know of it. */
    List<String> lines();

    /** The guest has set up the device, or did once more. On a thread of the command's. */
    void guestReady();

    /** Once it is closed: whether frames that were to be recorded are not. */
    default boolean framesLost() {
        return false;
    }

    /** Releases what the emulator does not; all, if no emulator was given it. */
    @Override
    void close();
}
