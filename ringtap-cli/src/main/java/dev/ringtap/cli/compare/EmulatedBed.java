// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.SteeredEmulatedTap;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.io.IOException;
import java.nio.file.Path;

/** An emulated TAP; frames are sent at its host side. */
final class EmulatedBed implements Bed {
    private final Design design;
    private final EmulatedTap tap;
    private final FrameInfo plain = new FrameInfo();
    private final SocketFile socket = new SocketFile();
    private Emulator emulator;
    private Meter meter;

    private EmulatedBed(Design design, EmulatedTap tap) throws IOException {
        this.design = design;
        this.tap = tap;
    }

    static EmulatedBed create(
            Design design, NetDeviceConfig device, IoEngine engine, Traffic traffic, int measuredRuns, GuestRss rss)
            throws IOException {
        SteeredEmulatedTap made =
                SteeredEmulatedTap.with(EmulatedTap.Options.of("emulated0", device.maxQueuePairs()), design.choice());
        EmulatedBed bed = new EmulatedBed(design, made.tap());
        try {
            // From here on TAP and steering are the emulator's, even if it does not start.
            bed.emulator = Emulator.start(
                    new EmulatorConfig(bed.socket.path(), made.tap(), made.steering(), device, engine, 0));
            bed.meter = EmulatedMeter.of(design, made.tap(), made.steering(), traffic, measuredRuns, rss);
            return bed;
        } catch (IOException | RuntimeException e) {
            bed.close();
            throw e;
        }
    }

    @Override
    public Design design() {
        return design;
    }

    @Override
    public Path socket() {
        return socket.path();
    }

    @Override
    public int queuePairs() {
        return tap.queueCount();
    }

    @Override
    public void send(byte[] frame) throws IOException {
        int result = tap.host().send(frame, 0, frame.length, plain);
        if (result < 0) {
            throw new IOException("the TAP takes no frame of %d bytes: %d".formatted(frame.length, result));
        }
    }

    @Override
    public Meter meter() {
        return meter;
    }

    @Override
    public void close() {
        if (meter != null) {
            meter.close();
        }
        if (emulator != null) {
            emulator.close();
        }
        tap.close();
        socket.close();
    }
}
