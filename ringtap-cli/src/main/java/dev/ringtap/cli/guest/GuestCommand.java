// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.guest;

import dev.ringtap.cli.AddressLiteral;
import dev.ringtap.cli.CommandException;
import dev.ringtap.cli.Opened;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.guest.FakeGuest;
import dev.ringtap.guest.GuestFeature;
import dev.ringtap.guest.channel.EthernetEchoHandlers;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.control.ControlQueueClient;
import java.io.IOException;
import java.io.PrintStream;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code ringtap guest}: a driver without a machine, on any vhost-user back-end. */
@Command(
        name = "guest",
        sortOptions = false,
        description = {
            "Attaches the fake guest to a vhost-user back-end.",
            "Negotiates all that it can drive, sets up RSS where it is offered, answers ARP, neighbour solicitations and "
                    + "pings, and compares queue and hash of every packet with what an independent checker expects."
        },
        footer = {
            "",
            "Exit code: 0 without a mismatch, 1 with one, without an answer to --ping, or if the back-end fails; "
                    + "2 for wrong usage. SIGINT and SIGTERM end it in the same way."
        })
public final class GuestCommand implements Callable<Integer> {
    private static final byte[] MICROSOFT_KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
    private static final int LONGEST_TABLE = 128;
    private static final long COMMAND_PATIENCE_MS = 5_000;
    private static final long LINE_INTERVAL_MS = 1_000;
    private static final long SOCKET_INTERVAL_MS = 50;
    /** Packets that were steered before RSS was acknowledged have arrived by then. */
    private static final long SETTLING_MS = 200;

    @Spec
    private CommandSpec spec;

    @Option(names = "--socket", paramLabel = "PATH", required = true, description = "Unix socket of the back-end.")
    private Path socket;

    @Option(
            names = "--queue-pairs",
            paramLabel = "N",
            defaultValue = "4",
            description = "Queue pairs to use. Default: ${DEFAULT-VALUE}.")
    private int queuePairs;

    @Option(
            names = "--address",
            paramLabel = "IPV4",
            defaultValue = "10.9.0.2",
            description = "The guest's address. Default: ${DEFAULT-VALUE}.")
    private String address;

    @Option(names = "--ping", paramLabel = "IPV4", description = "Ping this host, five times a second.")
    private String ping;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            description = "Stop after so long. Default: when the back-end goes, or by a signal.")
    private Integer seconds;

    @Option(
            names = "--wait",
            paramLabel = "N",
            defaultValue = "10",
            description = "How many seconds the socket may take to be there. Default: ${DEFAULT-VALUE}.")
    private int waitSeconds;

    /** Null without --ping, and before the device is ready. */
    private volatile Ping pings;

    @Override
    public Integer call() throws Exception {
        check("--queue-pairs", queuePairs, 1, EmulatorConfig.MAX_QUEUE_PAIRS);
        check("--wait", waitSeconds, 0, 3_600);
        if (seconds != null) {
            check("--seconds", seconds, 1, 86_400);
        }
        Inet4Address own = ipv4("--address", address);
        Inet4Address pinged = ping == null ? null : ipv4("--ping", ping);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        ArrivalCheck check = new ArrivalCheck(queuePairs);
        boolean gone;
        // Without --seconds a signal is this command's proper end; the JVM's own status would be 128 + signal.
        try (Opened opened = Opened.untilSignal(
                "ringtap-guest-stop", () -> Runtime.getRuntime().halt(conclude(check, out)))) {
            awaitSocket();
            FakeGuest guest = opened.open(() -> FakeGuest.builder(socket)
                    .queuePairs(queuePairs)
                    .pipeline(pipeline -> pipeline.addLast(check))
                    .connect());
            gone = run(guest, check, own, pinged, out);
        }
        if (gone) {
            out.print("the back-end has gone; ");
        }
        int status = conclude(check, out);
        if (gone && seconds != null) {
            throw new CommandException("the back-end went away before %d s were over".formatted(seconds));
        }
        return status;
    }

    /** As {@link #watch}. */
    private boolean run(FakeGuest guest, ArrivalCheck check, Inet4Address own, Inet4Address pinged, PrintStream out)
            throws IOException, InterruptedException, CommandException {
        out.println("negotiated " + GuestFeature.describe(guest.ackedFeatures()));
        EthernetEchoHandlers.addTo(guest.channel().pipeline(), guest.mac(), own, linkLocal(guest.mac()));
        steer(guest, check, out);
        if (pinged != null) {
            pings = new Ping(guest.mac(), own, pinged);
            guest.channel().pipeline().addLast(pings);
        }
        return watch(guest, check, out);
    }

    /** Prints what came of it; the exit status. */
    private int conclude(ArrivalCheck check, PrintStream out) {
        ArrivalCheck.Counts counts = check.counts();
        out.println(line(counts));
        counts.mistakes().forEach(mistake -> out.println("mismatch: " + mistake));
        boolean answered = ping == null || pings != null && pings.replies() > 0;
        if (!answered) {
            out.println("no answer from " + ping);
        }
        return counts.mismatches() == 0 && answered ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    /** RSS over all queue pairs, or as much of it as was negotiated. */
    private void steer(FakeGuest guest, ArrivalCheck check, PrintStream out)
            throws IOException, InterruptedException, CommandException {
        if (!GuestFeature.RSS.in(guest.ackedFeatures())) {
            out.println("no RSS is offered: packets are counted, and nothing is compared");
            return;
        }
        int length = Integer.highestOneBit(Math.clamp(guest.rssMaxTableLength(), 1, LONGEST_TABLE));
        int[] table = IntStream.range(0, length).map(i -> i % queuePairs).toArray();
        int types = guest.supportedHashTypes() & HashTypes.ALL;
        CompletableFuture<Integer> ack = guest.control().setRss(types, length - 1, 0, table, queuePairs, MICROSOFT_KEY);
        try {
            if (ack.get(COMMAND_PATIENCE_MS, TimeUnit.MILLISECONDS) != ControlQueueClient.OK) {
                throw new CommandException("the device refused the command RSS_CONFIG");
            }
        } catch (TimeoutException | ExecutionException e) {
            throw new CommandException("the device does not answer the command RSS_CONFIG", e);
        }
        Thread.sleep(SETTLING_MS);
        boolean reports = GuestFeature.HASH_REPORT.in(guest.ackedFeatures());
        check.inForce(new GuestRss(types, table, 0, MICROSOFT_KEY), reports);
        out.printf(
                "RSS over %d queue pairs, table of %d, hash types %s%n", queuePairs, length, HashTypes.describe(types));
    }

    /** Prints what arrives until the time is over (false) or the back-end has gone (true). */
    private boolean watch(FakeGuest guest, ArrivalCheck check, PrintStream out) throws InterruptedException {
        long startNs = System.nanoTime();
        long shown = -1;
        while (true) {
            long leftMs =
                    seconds == null ? Long.MAX_VALUE : seconds * 1_000L - (System.nanoTime() - startNs) / 1_000_000;
            if (leftMs <= 0) {
                return false;
            }
            if (guest.channel().closeFuture().await(Math.min(leftMs, LINE_INTERVAL_MS))) {
                return true;
            }
            ArrivalCheck.Counts counts = check.counts();
            if (counts.packets() != shown) {
                shown = counts.packets();
                out.println(line(counts));
            }
        }
    }

    private String line(ArrivalCheck.Counts counts) {
        Ping answered = pings;
        return counts + (answered == null ? "" : ", %,d answers to pings".formatted(answered.replies()));
    }

    private void awaitSocket() throws CommandException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(waitSeconds);
        while (!Files.exists(socket)) {
            if (System.nanoTime() - deadline > 0) {
                throw new CommandException("there is no socket %s after %d s: start a back-end that listens on it first"
                        .formatted(socket, waitSeconds));
            }
            Thread.sleep(SOCKET_INTERVAL_MS);
        }
    }

    /** The link-local address of a MAC address: RFC 4291, appendix A. */
    private static Inet6Address linkLocal(byte[] mac) throws UnknownHostException {
        byte[] bytes = {
            (byte) 0xFE,
            (byte) 0x80,
            0,
            0,
            0,
            0,
            0,
            0,
            (byte) (mac[0] ^ 2),
            mac[1],
            mac[2],
            (byte) 0xFF,
            (byte) 0xFE,
            mac[3],
            mac[4],
            mac[5]
        };
        return (Inet6Address) InetAddress.getByAddress(bytes);
    }

    private Inet4Address ipv4(String option, String text) {
        try {
            return AddressLiteral.parseIpv4(text);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(
                    spec.commandLine(),
                    "%s '%s': expected an IPv4 address such as 10.9.0.2: %s".formatted(option, text, e.getMessage()));
        }
    }

    private void check(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new ParameterException(
                    spec.commandLine(), "%s %d: must be between %d and %d".formatted(option, value, least, most));
        }
    }
}
