// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.WeakThread;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import org.junit.jupiter.api.Test;

// What it carries is tested together with the TAP, in TapDeviceTest.
@RequiresTap
class PacketSocketTest {
    @Test
    void receivesNothingOfWhatTheHostSends() throws Exception {
        try (var namespace = NetworkNamespace.create();
                var tap = namespace.call(() -> TapDevice.open(TapDevice.Options.of("tap0", 1)))) {
            namespace.run(() -> {
                tap.link().disableIpv6();
                tap.link().setUp(true);
                try (var one = PacketSocket.open(tap.link().index());
                        var two = PacketSocket.open(tap.link().index())) {
                    assertThat(one.send(new byte[60], 60)).isEqualTo(60);
                    assertThat(two.receive(new byte[100])).isEqualTo(-Errno.EAGAIN);
                    assertThat(one.receive(new byte[100])).isEqualTo(-Errno.EAGAIN);
                    assertThatThrownBy(() -> one.send(new byte[9000], 9000))
                            .isInstanceOfSatisfying(
                                    NativeException.class,
                                    e -> assertThat(e.errno()).isEqualTo(Errno.EMSGSIZE));
                    assertThatThrownBy(() -> one.sendSegmented(new byte[60], 60, 0, 0, 0, 0, 0))
                            .isInstanceOf(IllegalStateException.class);
                    tap.link().setUp(false);
                    assertThatThrownBy(() -> one.send(new byte[60], 60))
                            .isInstanceOfSatisfying(
                                    NativeException.class,
                                    e -> assertThat(e.errno()).isEqualTo(Errno.ENETDOWN));
                }
            });
        }
    }

    @Test
    void saysWhichPrivilegeIsMissing() {
        assertThatThrownBy(() -> WeakThread.callWithoutCapabilities(() -> PacketSocket.open(1)))
                .isInstanceOf(NativeException.class)
                .hasMessage("cannot open a packet socket on interface 1 (this needs CAP_NET_RAW): socket AF_PACKET:"
                        + " Operation not permitted (EPERM)");
    }

    @Test
    void refusesAnInterfaceThatIsNotThere() {
        assertThatThrownBy(() -> PacketSocket.open(1_000_000))
                .isInstanceOfSatisfying(
                        NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENODEV));
    }
}
