// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.FileFault;
import dev.ringtap.cli.host.EmulatedHost;
import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.SteeredEmulatedTap;
import dev.ringtap.emulator.device.CustomSteering;
import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.plug.PcapCapture;
import dev.ringtap.emulator.tap.plug.PcapReader;
import dev.ringtap.emulator.tap.plug.PcapReplay;
import dev.ringtap.linux.bpf.VmTapPrograms;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A TAP inside this process, with a small host behind it, and capture files. */
final class EmulatedRunTap implements RunTap {
    private static final Logger LOG = LoggerFactory.getLogger(EmulatedRunTap.class);

    private final SteeredEmulatedTap steered;
    private final List<String> lines = new ArrayList<>();
    private Path replayed;
    private PcapCapture capture;
    private Thread replay;
    private boolean framesLost;

    private EmulatedRunTap(SteeredEmulatedTap steered) {
        this.steered = steered;
        lines.add("hashes: %s (%s)".formatted(steered.steering().description(), steered.reason()));
    }

    /** With the user's filter on it, and his steering program if there is one. */
    private static EmulatedRunTap with(EmulatedTap.Options options, HashSourceChoice hashSource, TapPrograms programs)
            throws IOException {
        // The TAP keeps what it is given.
        VmTapPrograms loaded = VmTapPrograms.load(programs);
        EmulatedRunTap made;
        if (programs.steering() == null) {
            made = new EmulatedRunTap(SteeredEmulatedTap.with(options, hashSource));
        } else {
            EmulatedTap tap = new EmulatedTap(options);
            made = new EmulatedRunTap(new SteeredEmulatedTap(tap, CustomSteering.on(tap, loaded), "--steering"));
        }
        if (programs.filter() != null) {
            made.steered.tap().setFilter(loaded.filter());
            made.lines.add("filter: " + programs.filter().title() + ", run by ebpf-vm");
        }
        return made;
    }

    /**
     * Makes the TAP.
     *
     * @param addresses those that the host answers for
     * @param hashSource who computes hashes, unless a steering program of the user's leaves that to the device
     * @param programs of the user's own
     * @param pcapIn frames that the host sends when a guest is ready, or null
     * @param pcapOut where all frames go, or null
     */
    static EmulatedRunTap open(
            EmulatedTap.Options options,
            List<HostAddress> addresses,
            HashSourceChoice hashSource,
            TapPrograms programs,
            Path pcapIn,
            Path pcapOut)
            throws IOException {
        if (pcapIn != null) {
            // What cannot be read is told before a guest comes.
            try {
                PcapReader.open(pcapIn).close();
            } catch (IOException e) {
                throw new IOException(unreadable(pcapIn, e), e);
            }
        }
        EmulatedRunTap made = with(options, hashSource, programs);
        try {
            made.plugIn(addresses, pcapIn, pcapOut);
            return made;
        } catch (IOException | RuntimeException e) {
            made.close();
            throw e;
        }
    }

    private void plugIn(List<HostAddress> addresses, Path pcapIn, Path pcapOut) throws IOException {
        EmulatedTap tap = steered.tap();
        EmulatedHost.behind(tap, addresses.stream().map(HostAddress::address).toList());
        String mac = HexFormat.ofDelimiter(":").formatHex(tap.mac());
        String at = addresses.stream()
                .map(address -> address.address().getHostAddress())
                .collect(Collectors.joining(", "));
        lines.add(
                addresses.isEmpty()
                        ? "host: MAC %s, no address (--address gives it one), so nothing answers".formatted(mac)
                        : "host: MAC %s, answers ARP, neighbour solicitations and pings at %s".formatted(mac, at));
        replayed = pcapIn;
        if (pcapIn != null) {
            lines.add("frames from " + pcapIn + " as soon as a guest has set up the device");
        }
        if (pcapOut != null) {
            try {
                capture = PcapCapture.start(tap.host(), pcapOut, fault -> captureEnded(pcapOut, fault));
            } catch (IOException e) {
                throw new IOException(unwritable(pcapOut, e), e);
            }
            lines.add("frames to " + pcapOut);
        }
    }

    private static String unreadable(Path pcapIn, IOException fault) {
        return "--pcap-in %s: cannot be read: %s".formatted(pcapIn, FileFault.reason(pcapIn, fault));
    }

    private static String unwritable(Path pcapOut, IOException fault) {
        return "--pcap-out %s: cannot be written: %s".formatted(pcapOut, FileFault.reason(pcapOut, fault));
    }

    private static void captureEnded(Path pcapOut, IOException fault) {
        LOG.error("{}; the newest frames and all to come are missing in it", unwritable(pcapOut, fault));
    }

    @Override
    public TapPort port() {
        return steered.tap();
    }

    @Override
    public SteeringDesign steering() {
        return steered.steering();
    }

    @Override
    public int mtu() {
        return steered.tap().mtu();
    }

    @Override
    public List<String> lines() {
        return List.copyOf(lines);
    }

    /** Sends the file once more to each guest; a replay that has not ended goes on instead. */
    @Override
    public synchronized void guestReady() {
        if (replayed != null && (replay == null || !replay.isAlive())) {
            replay = Thread.ofPlatform().name("ringtap-replay").daemon().start(this::replay);
        }
    }

    private void replay() {
        try {
            PcapReplay.Result result = PcapReplay.run(steered.tap().host(), replayed, PcapReplay.Pace.AS_READ);
            LOG.info(
                    "sent {} frames of {}; {} were refused, {} are cut in the file",
                    result.sent(),
                    replayed,
                    result.refused(),
                    result.cut());
        } catch (IOException e) {
            LOG.error("{}; what came before was sent", unreadable(replayed, e));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public synchronized boolean framesLost() {
        return framesLost;
    }

    @Override
    public synchronized void close() {
        if (replay != null) {
            replay.interrupt();
        }
        if (capture != null) {
            try {
                capture.close();
            } catch (IOException e) {
                // Was told when it happened.
                framesLost = true;
            }
        }
        steered.steering().close();
        steered.tap().close();
    }
}
