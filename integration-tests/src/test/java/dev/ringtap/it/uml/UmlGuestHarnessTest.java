// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** The judge itself, without a device: a harness that cannot fail would prove nothing. */
@RequiresUml
class UmlGuestHarnessTest {
    @Test
    void guestHasDriverAndTools() throws Exception {
        try (var guest = UmlGuest.boot()) {
            assertThat(guest.run("lsmod")).contains("virtio_net ", "net_failover ", "failover ", "ipv6 ");
            assertThat(guest.run("ethtool --version")).startsWith("ethtool version");
            assertThat(guest.tryRun("ip link show eth0").status()).isNotZero();
            guest.powerOff();
            assertThat(guest.isRunning()).isFalse();
        }
    }

    @Test
    void rxhashShowsPacketsOfTheLoopback() throws Exception {
        try (var guest = UmlGuest.boot()) {
            guest.run("rxhash lo > /tmp/packets 2>&1 &");
            guest.run("until grep -q READY /tmp/packets; do sleep 0.1; done");
            guest.run(
                    "echo hello > /tmp/hello; nc -w 1 -u 127.0.0.1 777 < /tmp/hello; ping -c 1 127.0.0.1; ping6 -c 1 ::1");
            guest.run("until grep -q icmp6 /tmp/packets; do sleep 0.1; done");
            // Nothing on the loopback has a hash of a device, nor a queue.
            assertThat(guest.run("cat /tmp/packets"))
                    .contains("rxq=-1 hash=00000000 len=98 icmp4 127.0.0.1:0 > 127.0.0.1:0");
        }
    }

    @Test
    void failureSaysWhatWasPrintedAndWhatTheKernelSaid() throws Exception {
        try (var guest = UmlGuest.boot()) {
            assertThatThrownBy(() -> guest.run("echo before; ls /nowhere"))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("before")
                    .hasMessageContaining("/nowhere: No such file or directory")
                    .hasMessageContaining("Run /init as init process");
        }
    }

    @Test
    void killedGuestLeavesNoProcessAndSaysSo() throws Exception {
        try (var guest = UmlGuest.boot()) {
            guest.kill();
            assertThat(guest.isRunning()).isFalse();
            assertThatThrownBy(() -> guest.run("true"))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("guest");
        }
    }
}
