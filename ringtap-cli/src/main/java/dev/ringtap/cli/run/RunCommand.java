// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.cli.Opened;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.ebpf.object.TapPrograms;
import dev.ringtap.emulator.Emulator;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.EmulatorSnapshot;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ringtap run}: the emulator as a process of its own, until SIGINT or SIGTERM. */
@Command(
        name = "run",
        description = "Serves a virtio-net device with RSS and hash reports on a vhost-user socket, backed by a TAP.",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {
            "",
            "Exit code: 0 after SIGINT or SIGTERM, 1 if it cannot start or go on, or if the file of --pcap-out lacks frames; "
                    + "2 for wrong usage."
        })
public final class RunCommand implements Callable<Integer> {
    private static final int MOST_SOCKET_PATH_BYTES = 107;
    private static final int MOST_TABLE_ENTRIES = SteeringConfig.TABLE_ENTRIES_MAX;
    private static final int LEAST_MTU = 68;
    private static final int NEW_MTU = 1500;
    private static final int MOST_MTU = 65_521;
    private static final String LOG_LEVEL = "org.slf4j.simpleLogger.log.dev.ringtap";
    private static final long SCREEN_INTERVAL_MS = 1_000;
    private static final int LINE_EVERY_INTERVALS = 10;

    @Mixin
    private TapOptions tapOptions;

    @Option(
            names = "--queue-pairs",
            paramLabel = "N",
            defaultValue = "4",
            description = "Queue pairs, 1 to " + EmulatorConfig.MAX_QUEUE_PAIRS
                    + ". Default: ${DEFAULT-VALUE}, or as many as --tap-fd hands in.")
    private int queuePairs;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            required = true,
            description = "Unix socket to listen on for a vhost-user front-end.")
    private Path socket;

    @Option(names = "--mac", paramLabel = "MAC", description = "The guest's MAC address. Default: a random local one.")
    private String mac;

    @Option(
            names = "--mtu",
            paramLabel = "BYTES",
            description = "MTU of the TAP and of the device, " + LEAST_MTU + " to " + MOST_MTU
                    + ". Default: as it is; a new TAP has " + NEW_MTU + ".")
    private Integer mtu;

    @Option(
            names = "--address",
            paramLabel = "ADDRESS/LENGTH",
            converter = HostAddress.Converter.class,
            description =
                    "Address of the host on the TAP, such as 10.9.0.1/24; may be repeated. On the emulated TAP the"
                            + " host behind it answers ARP, neighbour solicitations and pings there.")
    private List<HostAddress> addresses = List.of();

    @Option(
            names = "--rss-table",
            paramLabel = "ENTRIES",
            defaultValue = "128",
            description = "Longest indirection table offered: " + NetDeviceConfig.MIN_RSS_TABLE_LENGTH + ", 256 or "
                    + MOST_TABLE_ENTRIES
                    + ". Linux before 6.13 cannot handle more than 128. Default: ${DEFAULT-VALUE}.")
    private int rssTable;

    @Option(names = "--engine", paramLabel = "ENGINE", defaultValue = "auto", description = EngineChoice.DESCRIPTION)
    private EngineChoice engineChoice;

    @Mixin
    private ProgramOptions programOptions;

    @Spec
    private CommandSpec spec;

    private TapChoice.Chosen chosen;
    /** Null until it serves. */
    private volatile RunTap served;

    private volatile Emulator emulator;

    @Override
    public Integer call() throws Exception {
        PrintStream out = System.out;
        boolean terminal = System.console() != null && System.console().isTerminal();
        if (!terminal && System.getProperty(LOG_LEVEL) == null) {
            // Before the first logger is made. A terminal shows the state on its screen, which log lines would disturb.
            System.setProperty(LOG_LEVEL, "info");
        }
        // Before anything is opened: a signal is the proper end of this command from its start.
        try (Opened opened = Opened.untilSignal("ringtap-stop", () -> stopped(out))) {
            throw serve(opened, out, terminal);
        }
    }

    /** Serves until it cannot go on. */
    private IOException serve(Opened opened, PrintStream out, boolean terminal) throws Exception {
        if (tapOptions.handedIn() > 0) {
            queuePairs = handedInPairs();
        }
        byte[] macBytes = checkOptions();
        TapPrograms programs = programOptions.read();
        IoEngine engine = engineChoice.resolve();
        chosen = tapOptions.choose();
        if (chosen.kernel()) {
            // Before anything is made: a name that cannot be one is wrong usage.
            tapOptions.kernelTap(queuePairs);
        }
        HashSourceChoice source = tapOptions.hashSource();
        if (programs.steering() != null && source != HashSourceChoice.AUTO && source != HashSourceChoice.DEVICE) {
            throw usage("--hash-source %s: with a program of --steering hashes are computed by the device; leave it out"
                    .formatted(source));
        }
        if (chosen.kernel() && programs.filter() != null && source == HashSourceChoice.EBPF) {
            throw usage("--hash-source ebpf: the program of --filter would see the hash that stands in front of each"
                    + " frame; use --hash-source device");
        }
        RunTap tap = opened.open(() -> open(programs));
        served = tap;
        NetDeviceConfig device = new NetDeviceConfig(
                macBytes, queuePairs, tap.mtu(), rssTable, tap.steering().hashTypes(), NetDeviceConfig.SPEED_UNKNOWN);
        emulator = opened.open(
                () -> Emulator.start(new EmulatorConfig(socket, tap.port(), tap.steering(), device, engine, 0)));
        describe(out, macBytes, tap);
        return watch(out, tap, terminal, opened);
    }

    /** Opens the TAP that was chosen, or the emulated one where that was left open and this machine refuses. */
    private RunTap open(TapPrograms programs) throws IOException {
        if (!chosen.kernel()) {
            return emulated(programs);
        }
        String refusal;
        try {
            RunTap tap = KernelRunTap.open(
                    tapOptions.openKernelTap(queuePairs),
                    mtu,
                    addresses,
                    tapOptions.hashSource(),
                    programOptions,
                    programs);
            refusal = programs.steering() == null ? tap.steering().rssUnavailable() : null;
            if (refusal == null || !tapOptions.leavesOpen()) {
                return tap;
            }
            tap.close();
        } catch (NativeException e) {
            // A container may hold every capability and still be refused a call.
            if (!tapOptions.leavesOpen() || e.errno() != Errno.EPERM && e.errno() != Errno.EACCES) {
                throw e;
            }
            refusal = e.getMessage();
        }
        chosen = new TapChoice.Chosen(TapChoice.emulated, refusal);
        return emulated(programs);
    }

    private RunTap emulated(TapPrograms programs) throws IOException {
        return EmulatedRunTap.open(
                EmulatedTap.Options.of("emulated0", queuePairs).withMtu(mtu == null ? NEW_MTU : mtu),
                addresses,
                tapOptions.hashSource(),
                programs,
                tapOptions.pcapIn(),
                tapOptions.pcapOut());
    }

    private int handedInPairs() {
        int queues = tapOptions.handedIn();
        if (spec.commandLine().getParseResult().hasMatchedOption("--queue-pairs") && queuePairs != queues) {
            throw usage("--queue-pairs %d: as many as --tap-fd hands in queues, %d; leave it out"
                    .formatted(queuePairs, queues));
        }
        return queues;
    }

    private byte[] checkOptions() {
        if (queuePairs < 1 || queuePairs > EmulatorConfig.MAX_QUEUE_PAIRS) {
            throw usage("--queue-pairs %d: expected 1 to %d".formatted(queuePairs, EmulatorConfig.MAX_QUEUE_PAIRS));
        }
        int pathBytes = socket.toString().getBytes(StandardCharsets.UTF_8).length;
        if (pathBytes > MOST_SOCKET_PATH_BYTES) {
            throw usage(
                    "--socket '%s': a Unix socket's path has 1 to %d bytes, this one has %d; use a shorter directory"
                            .formatted(socket, MOST_SOCKET_PATH_BYTES, pathBytes));
        }
        if (mtu != null && (mtu < LEAST_MTU || mtu > MOST_MTU)) {
            throw usage("--mtu %d: expected %d to %d".formatted(mtu, LEAST_MTU, MOST_MTU));
        }
        if (rssTable < NetDeviceConfig.MIN_RSS_TABLE_LENGTH
                || rssTable > MOST_TABLE_ENTRIES
                || Integer.bitCount(rssTable) != 1) {
            throw usage("--rss-table %d: expected a power of two from %d to %d"
                    .formatted(rssTable, NetDeviceConfig.MIN_RSS_TABLE_LENGTH, MOST_TABLE_ENTRIES));
        }
        return mac == null ? randomMac() : parseMac();
    }

    private byte[] parseMac() {
        try {
            byte[] bytes = HexFormat.ofDelimiter(":").parseHex(mac);
            boolean group = bytes.length > 0 && (bytes[0] & 1) != 0;
            if (bytes.length == 6 && !group && !Arrays.equals(bytes, new byte[6])) {
                return bytes;
            }
        } catch (IllegalArgumentException e) {
            // Said below, with the value.
        }
        throw usage("--mac '%s': expected six bytes such as 02:00:00:00:00:01, not the address of a group, not all zero"
                .formatted(mac));
    }

    private static byte[] randomMac() {
        byte[] bytes = new byte[6];
        new SecureRandom().nextBytes(bytes);
        bytes[0] = (byte) (bytes[0] & 0xFC | 2);
        return bytes;
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private void describe(PrintStream out, byte[] macBytes, RunTap tap) {
        out.printf(
                "ringtap: TAP %s, %d queue pairs, guest MAC %s, engine %s%n",
                emulator.config().tap().name(),
                queuePairs,
                HexFormat.ofDelimiter(":").formatHex(macBytes),
                emulator.config().engine().name().toLowerCase(Locale.ROOT));
        out.printf("%s TAP: %s%n", chosen.choice(), chosen.reason());
        tap.lines().forEach(out::println);
        if (emulator.steeringUnavailable() != null) {
            out.println("RSS is not offered: " + emulator.steeringUnavailable());
        }
        out.println("listening on " + socket.toAbsolutePath());
        AttachLines.of(socket.toAbsolutePath(), queuePairs).forEach(out::println);
        out.println("Stop with Ctrl-C.");
        out.flush();
    }

    /** Shows what happens until the emulator fails. */
    private IOException watch(PrintStream out, RunTap tap, boolean terminal, Opened opened)
            throws InterruptedException {
        StatusScreen screen = new StatusScreen();
        GuestWatch guests = new GuestWatch();
        int shownLines = 0;
        int intervals = 0;
        String lastLine = "";
        while (true) {
            try {
                emulator.failure().get(SCREEN_INTERVAL_MS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                EmulatorSnapshot now = emulator.snapshot();
                if (opened.stopping()) {
                    continue;
                }
                if (guests.becameReady(now)) {
                    tap.guestReady();
                }
                if (terminal) {
                    String text = screen.screen(now, System.nanoTime());
                    // Back to the first line of the screen before, then over it; long lines are cut, not wrapped.
                    String up = shownLines > 0 ? "\033[" + shownLines + "A\033[J" : "";
                    out.print(up + "\033[?7l" + text + "\033[?7h");
                    out.flush();
                    shownLines = (int) text.lines().count();
                } else if (++intervals % LINE_EVERY_INTERVALS == 0 || !sameState(lastLine, StatusScreen.line(now))) {
                    String line = StatusScreen.line(now);
                    if (!line.equals(lastLine)) {
                        out.println(line);
                        out.flush();
                        lastLine = line;
                    }
                }
            } catch (ExecutionException e) {
                return new IOException(e.getCause().getMessage());
            }
        }
    }

    /** Whether two status lines differ in nothing but packet counts. */
    private static boolean sameState(String before, String now) {
        return before.substring(0, Math.max(0, before.lastIndexOf('|'))).equals(now.substring(0, now.lastIndexOf('|')));
    }

    /** After a signal, when all is closed. */
    private void stopped(PrintStream out) {
        Emulator ended = emulator;
        out.println("stopped" + (ended == null ? " before it served" : ": " + StatusScreen.line(ended.snapshot())));
        out.flush();
        // A stop by signal is this command's proper end; the JVM's own status would be 128 + signal.
        RunTap tap = served;
        boolean lost = tap != null && tap.framesLost();
        Runtime.getRuntime().halt(lost ? CommandLine.ExitCode.SOFTWARE : CommandLine.ExitCode.OK);
    }
}
