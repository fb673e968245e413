// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.emulated.FrameInfo;
import dev.ringtap.guest.check.GuestRss;

/** Measures a design of an emulated TAP: its chooser is asked for each packet, and nothing is sent. */
final class EmulatedMeter implements Meter {
    private final EmulatedTap tap;
    private final Traffic traffic;
    private final FrameInfo plain = new FrameInfo();
    private final HashSourceMeter source;
    private final String measured;
    private final int rounds;
    /** Keeps the compiler from leaving out what nobody looks at. */
    private long sum;

    private EmulatedMeter(EmulatedTap tap, Traffic traffic, int runs, HashSourceMeter source, String measured) {
        this.tap = tap;
        this.traffic = traffic;
        this.source = source;
        this.measured = measured;
        rounds = (runs + traffic.packets() - 1) / traffic.packets();
    }

    /** @param runs of one measurement, at least */
    static EmulatedMeter of(
            Design design, EmulatedTap tap, SteeringDesign steering, Traffic traffic, int runs, GuestRss rss) {
        HashSourceMeter source =
                new HashSourceMeter(steering.hashSource(0), Rules.of(rss), traffic, runs, HashSourceMeter.Front.HEADER);
        String measured = design == Design.EMULATED_IOCTLS ? "RSS of the emulated TAP" : "program run by ebpf-vm";
        return new EmulatedMeter(tap, traffic, runs, source, measured);
    }

    @Override
    public double tapNs() {
        long queues = 0;
        int packets = traffic.packets();
        long startNs = CpuClock.nanoTime();
        for (int round = 0; round < rounds; round++) {
            for (int packet = 0; packet < packets; packet++) {
                byte[] frame = traffic.frame(packet);
                queues += tap.chooseQueue(frame, 0, frame.length, plain);
            }
        }
        long elapsedNs = CpuClock.nanoTime() - startNs;
        sum += queues;
        return (double) elapsedNs / rounds / packets;
    }

    @Override
    public double deviceNs() {
        return source.measure();
    }

    @Override
    public String tapMeasured() {
        return measured;
    }

    @Override
    public void close() {
        source.close();
    }

    @Override
    public String toString() {
        return "EmulatedMeter[%s, %s, checksum %d]".formatted(tap, measured, sum);
    }
}
