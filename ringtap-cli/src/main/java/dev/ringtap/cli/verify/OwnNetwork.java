// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import java.io.IOException;

/** A host network whose TAP is there for an emulator of this process. Nothing of it outlives the process. */
interface OwnNetwork extends HostNetwork {

    /** MAC address of the guest that these hosts know. */
    byte[] GUEST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x02};

    /** The TAP. An emulator that it is given to closes it. */
    TapPort port();

    /** What chooses queues and makes hashes. An emulator that it is given to closes it. */
    SteeringDesign steering();

    /** Why it is this design, for people: a clause. */
    String steeringReason();

    @Override
    default int mtu() throws IOException {
        return port().mtu();
    }
}
