// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.HostNeed;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.KernelTap;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;

/** A network namespace of its own with a TAP of the kernel's in it. */
final class KernelNetwork extends KernelHost implements OwnNetwork {
    /** The only interface of its namespace but loopback, so the name cannot be taken. */
    private static final String TAP_NAME = "ringtap0";

    /** What it needs of the process. */
    static final Set<HostNeed> NEEDS = EnumSet.allOf(HostNeed.class);

    private TapDevice tap;
    private TapPort port;
    private SteeringDesign steering;
    private String steeringReason;

    private KernelNetwork(NetworkNamespace namespace) {
        super(namespace);
    }

    static KernelNetwork create(int queuePairs, HashSourceChoice hashSource) throws Exception {
        KernelNetwork network = new KernelNetwork(NetworkNamespace.create());
        try {
            network.namespace().run(() -> network.makeTap(queuePairs, hashSource));
            return network;
        } catch (Exception e) {
            network.close();
            throw e;
        }
    }

    private void makeTap(int queuePairs, HashSourceChoice hashSource) throws IOException {
        tap = TapDevice.open(TapDevice.Options.of(TAP_NAME, queuePairs));
        LinkConfig link = tap.link();
        attach(link, GUEST_MAC);
        link.disableIpv6AutoConf();
        link.setTxQueueLength(TAP_QUEUE_PACKETS);
        link.setUp(true);
        addAddresses();
        KernelTap steered = KernelTap.with(tap, hashSource);
        port = steered.port();
        steering = steered.steering();
        steeringReason = steered.reason();
    }

    @Override
    public TapPort port() {
        return port;
    }

    @Override
    public SteeringDesign steering() {
        return steering;
    }

    @Override
    public String steeringReason() {
        return steeringReason;
    }

    @Override
    public void close() {
        if (steering != null) {
            steering.close();
        }
        if (tap != null) {
            tap.close();
        }
        namespace().close();
    }
}
