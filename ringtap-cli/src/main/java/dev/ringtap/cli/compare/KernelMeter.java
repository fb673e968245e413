// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.linux.bpf.InBandConfig;
import dev.ringtap.linux.bpf.InBandProgram;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures a design of the kernel's TAP. Its programs are loaded once more and run by BPF_PROG_TEST_RUN, over a sample of the
 * packets; what a test run costs by itself is taken off, by the same run with a configuration that looks at no packet.
 */
final class KernelMeter implements Meter {
    private static final Logger LOG = LoggerFactory.getLogger(KernelMeter.class);
    private static final int SAMPLE = 32;
    /** Test runs refuse a frame that ends within its IP header. */
    private static final int SHORTEST_BYTES = 62;

    /** The in-band programs are run one by one, with a system call each. */
    private static final int IN_BAND_RUNS_LESS = 32;

    private interface Programs extends AutoCloseable {
        void configure(SteeringConfig config) throws IOException;

        long ns(byte[] frame) throws IOException;

        @Override
        void close();
    }

    private final Programs programs;
    private final SteeringConfig rss;
    private final List<byte[]> sample;
    private final HashSourceMeter source;

    private KernelMeter(Programs programs, SteeringConfig rss, Traffic traffic, HashSourceMeter source) {
        this.programs = programs;
        this.rss = rss;
        sample = sample(traffic);
        this.source = source;
    }

    /**
     * @param runs of one measurement, at least; fewer of what takes a system call a run
     * @return null for a design that is no program, which nothing here can look into
     */
    static Meter of(HashSourceChoice choice, SteeringDesign steering, Traffic traffic, int runs, GuestRss rss)
            throws IOException {
        if (choice == HashSourceChoice.KERNEL) {
            return null;
        }
        HashRules rules = Rules.of(rss);
        SteeringConfig config = SteeringConfig.rss(
                rss.hashTypes(), rss.unclassified(), rss.table(), rules.key().byteTable());
        if (choice == HashSourceChoice.EBPF) {
            PrefixReader reader = new PrefixReader();
            return new KernelMeter(
                    inBand(1 + runs / SAMPLE / IN_BAND_RUNS_LESS),
                    config,
                    traffic,
                    new HashSourceMeter(reader, rules, traffic, runs, reader::write));
        }
        return new KernelMeter(
                steering(1 + runs / SAMPLE),
                config,
                traffic,
                new HashSourceMeter(steering.hashSource(0), rules, traffic, runs, HashSourceMeter.Front.HEADER));
    }

    private static Programs steering(int repeat) throws IOException {
        SteeringProgram program = SteeringProgram.load();
        return new Programs() {
            @Override
            public void configure(SteeringConfig config) throws IOException {
                program.configure(config);
            }

            @Override
            public long ns(byte[] frame) throws IOException {
                return program.testRun(frame, repeat).nsPerRun();
            }

            @Override
            public void close() {
                program.close();
            }
        };
    }

    private static Programs inBand(int repeat) throws IOException {
        InBandProgram program = InBandProgram.load();
        return new Programs() {
            @Override
            public void configure(SteeringConfig config) throws IOException {
                boolean prefix = config.mode() == SteeringConfig.Mode.RSS;
                program.configure(new InBandConfig(config, prefix, true));
            }

            @Override
            public long ns(byte[] frame) throws IOException {
                return program.nsPerFrame(frame, repeat);
            }

            @Override
            public void close() {
                try {
                    program.close();
                } catch (IOException e) {
                    LOG.warn("a program that was measured: {}", e.getMessage());
                }
            }
        };
    }

    @Override
    public double warmUp() {
        // The kernel has compiled its programs.
        return deviceNs();
    }

    @Override
    public double tapNs() throws IOException {
        programs.configure(rss);
        double full = mean();
        programs.configure(SteeringConfig.constant(0));
        return Math.max(0, full - mean());
    }

    private double mean() throws IOException {
        long ns = 0;
        for (byte[] frame : sample) {
            ns += programs.ns(frame);
        }
        return (double) ns / sample.size();
    }

    private static List<byte[]> sample(Traffic traffic) {
        List<byte[]> sample = new ArrayList<>();
        int stride = Math.max(1, traffic.packets() / (2 * SAMPLE));
        for (int packet = 0; packet < traffic.packets() && sample.size() < SAMPLE; packet += stride) {
            if (traffic.frame(packet).length >= SHORTEST_BYTES) {
                sample.add(traffic.frame(packet));
            }
        }
        return sample;
    }

    @Override
    public double deviceNs() {
        return source.measure();
    }

    @Override
    public String tapMeasured() {
        return "BPF_PROG_TEST_RUN, less that of a constant choice";
    }

    @Override
    public void close() {
        programs.close();
        source.close();
    }
}
