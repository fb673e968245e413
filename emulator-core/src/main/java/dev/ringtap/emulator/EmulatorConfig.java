// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.emulator.device.ProgramSteering;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.KernelTapPort;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.virtio.net.HashType;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;

/**
 * What an emulator is made of. Validated when made.
 *
 * @param socket path of the Unix socket to listen on, at most 107 bytes
 * @param tap the open TAP, one queue for each queue pair; closed with the emulator
 * @param steering how packets get their queue and hash, made for {@code tap}; closed with the emulator
 * @param device what the virtio-net device says of itself
 * @param engine how packets are moved
 * @param withheldFeatures virtio feature bits not to offer, for tests of drivers; usually 0
 */
public record EmulatorConfig(
        Path socket,
        TapPort tap,
        SteeringDesign steering,
        NetDeviceConfig device,
        IoEngine engine,
        long withheldFeatures) {

    /** Most queue pairs: vhost-user's kick and call messages name a virtqueue in 8 bits, the control queue among them. */
    public static final int MAX_QUEUE_PAIRS = 127;

    /** Checks that the parts fit together. */
    public EmulatorConfig {
        Objects.requireNonNull(socket, "socket");
        Objects.requireNonNull(steering, "steering");
        Objects.requireNonNull(engine, "engine");
        if (tap.queueCount() != device.maxQueuePairs()) {
            throw new IllegalArgumentException("the TAP %s has %d queues for %d queue pairs"
                    .formatted(tap.name(), tap.queueCount(), device.maxQueuePairs()));
        }
        if (device.maxQueuePairs() > MAX_QUEUE_PAIRS) {
            throw new IllegalArgumentException(
                    "%d queue pairs, at most %d".formatted(device.maxQueuePairs(), MAX_QUEUE_PAIRS));
        }
        if (device.rssMaxTableLength() > SteeringConfig.TABLE_ENTRIES_MAX) {
            throw new IllegalArgumentException("an RSS table of %d entries, the steering program has room for %d"
                    .formatted(device.rssMaxTableLength(), SteeringConfig.TABLE_ENTRIES_MAX));
        }
        int untold = device.supportedHashTypes() & ~steering.hashTypes();
        if (untold != 0) {
            throw new IllegalArgumentException("the device is to offer the hash types %s, which cannot be had with: %s"
                    .formatted(HashType.names(untold), steering.description()));
        }
        Throwable unavailability = engine.unavailability();
        if (unavailability != null) {
            throw new IllegalArgumentException(
                    "the I/O engine %s is not to be had here: %s".formatted(engine, unavailability.getMessage()));
        }
    }

    /**
     * A usual configuration: the kernel's TAP, a steering program, 128 table entries, all hash types of the design, the TAP's MTU.
     *
     * @param tap closed with the emulator
     */
    public static EmulatorConfig of(Path socket, TapDevice tap, byte[] mac, IoEngine engine) throws NativeException {
        return of(
                socket,
                new KernelTapPort(tap),
                ProgramSteering.on(tap),
                tap.link().mtu(),
                mac,
                engine);
    }

    /** As {@link #of(Path, TapDevice, byte[], IoEngine)}, with the steering design that somebody chose. */
    public static EmulatorConfig of(Path socket, KernelTap tap, byte[] mac, IoEngine engine) throws IOException {
        return of(socket, tap.port(), tap.steering(), tap.port().mtu(), mac, engine);
    }

    private static EmulatorConfig of(
            Path socket, TapPort tap, SteeringDesign steering, int mtu, byte[] mac, IoEngine engine) {
        NetDeviceConfig device = new NetDeviceConfig(
                mac, tap.queueCount(), mtu, 128, steering.hashTypes(), NetDeviceConfig.SPEED_UNKNOWN);
        return new EmulatorConfig(socket, tap, steering, device, engine, 0);
    }
}
