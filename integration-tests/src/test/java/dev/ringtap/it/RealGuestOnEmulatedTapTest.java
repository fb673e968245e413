// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it;

import static dev.ringtap.it.GuestNetwork.MICROSOFT_KEY;
import static dev.ringtap.it.HostSide.HOST4;
import static dev.ringtap.it.HostSide.HOST6;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.it.uml.RequiresUml;
import dev.ringtap.it.uml.UmlGuest;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A Linux guest on {@code ringtap run --tap emulated}: its network stack, and the small host behind the TAP. */
@RequiresUml
class RealGuestOnEmulatedTapTest {
    private static final int QUEUE_PAIRS = 4;

    @RegisterExtension
    final OutputOnFailure outputs = new OutputOnFailure();

    @TempDir
    Path directory;

    @Test
    void findsAndPingsTheHostUnderRssAndWithout() throws Exception {
        Path socket = directory.resolve("guest.sock");
        String[] arguments = {
            "run",
            "--tap",
            "emulated",
            "--socket",
            socket.toString(),
            "--address",
            HOST4 + "/24",
            "--address",
            HOST6 + "/64"
        };
        try (RingtapProcess ringtap = outputs.watch(RingtapProcess.start(List.of(), arguments))) {
            ringtap.awaitSocket(socket);
            try (UmlGuest guest = UmlGuest.boot(List.of(socket))) {
                GuestNetwork network = new GuestNetwork(guest);
                network.configure();
                guest.run("ethtool -L eth0 combined " + QUEUE_PAIRS);
                pings(guest);
                network.configureRss(MICROSOFT_KEY, 1, 1, 1, 1);
                pings(guest);
            }
            assertThat(ringtap.terminate()).isZero();
        }
    }

    private static void pings(UmlGuest guest) {
        assertThat(guest.run("ping -c 3 -i 0.2 -s 1000 " + HOST4)).contains("3 packets received");
        assertThat(guest.run("ping6 -c 3 -i 0.2 " + HOST6)).contains("3 packets received");
    }
}
