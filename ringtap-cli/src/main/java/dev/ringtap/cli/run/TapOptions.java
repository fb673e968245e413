// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.HashSourceOption;
import dev.ringtap.cli.HostNeed;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.EmulatorConfig;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options of {@code ringtap run} that say which TAP it serves. */
final class TapOptions {
    private static final String DEFAULT_NAME = "ringtap%d";
    private static final int STANDARD_ERROR = 2;

    /** Without the right to load BPF programs the kernel's TAP would do, but RSS would not be offered. */
    private static final Set<HostNeed> NEEDS = EnumSet.of(HostNeed.NET_ADMIN, HostNeed.BPF);

    @Option(
            names = "--tap",
            paramLabel = "TAP",
            defaultValue = "auto",
            converter = ChoiceConverter.class,
            description = TapChoice.DESCRIPTION)
    private TapChoice choice;

    @Option(
            names = "--tap-name",
            paramLabel = "NAME",
            description = "Interface of the kernel's TAP, to make or to attach to if it is persistent and yours; %%d"
                    + " becomes the first free number. Means --tap kernel. Default: " + "ringtap%%d.")
    private String name;

    @Option(
            names = "--tap-fd",
            paramLabel = "FD",
            split = ",",
            description =
                    "Descriptors, separated by commas, of all queues of a TAP that whoever starts this command has"
                            + " opened (IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE), set up and hands in. Needs no"
                            + " privilege, but without the right to load BPF programs RSS is not offered. Means --tap kernel.")
    private List<Integer> handedIn = List.of();

    @Option(
            names = "--hash-source",
            paramLabel = "SOURCE",
            defaultValue = "auto",
            converter = HashSourceOption.class,
            description = HashSourceOption.DESCRIPTION)
    private HashSourceChoice hashSource;

    @Option(
            names = "--pcap-in",
            paramLabel = "FILE",
            description = "Frames that the host sends to the guest, once the guest has set up the device. Emulated TAP"
                    + " only.")
    private Path pcapIn;

    @Option(
            names = "--pcap-out",
            paramLabel = "FILE",
            description =
                    "Where all frames of the TAP are written to, both ways, after a second at the latest. Emulated TAP"
                            + " only.")
    private Path pcapOut;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    /** Says to who names an interface with {@code --tap} that this has become {@code --tap-name}. */
    static final class ChoiceConverter implements ITypeConverter<TapChoice> {
        @Override
        public TapChoice convert(String value) {
            for (TapChoice choice : TapChoice.values()) {
                if (choice.name().equalsIgnoreCase(value)) {
                    return choice;
                }
            }
            throw new TypeConversionException(
                    "expected one of %s; the interface's name goes to an option of its own: --tap-name %s"
                            .formatted(Arrays.toString(TapChoice.values()), value));
        }
    }

    /**
     * Decides which TAP it is.
     *
     * @throws ParameterException if the options contradict each other
     */
    TapChoice.Chosen choose() {
        String pcap = pcapIn != null ? "--pcap-in" : pcapOut != null ? "--pcap-out" : null;
        if (name != null && choice == TapChoice.emulated) {
            throw usage(
                    "--tap-name %s: names an interface of the kernel's, and --tap emulated makes none".formatted(name));
        }
        if (pcap != null && (name != null || choice == TapChoice.kernel)) {
            throw usage(pcap
                    + ": only with --tap emulated; frames of the kernel's TAP are captured by tcpdump -i NAME -w FILE"
                    + " and sent by tcpreplay -i NAME FILE");
        }
        if (pcapIn != null && pcapOut != null && sameFile(pcapIn, pcapOut)) {
            throw usage("--pcap-out %s: is the file of --pcap-in, which would be overwritten; name another"
                    .formatted(pcapOut));
        }
        if (!handedIn.isEmpty()) {
            checkHandedIn(pcap);
        }
        TapChoice meant =
                name != null || !handedIn.isEmpty() ? TapChoice.kernel : pcap != null ? TapChoice.emulated : choice;
        TapChoice.Chosen chosen;
        try {
            chosen = meant.resolve("run", NEEDS, hashSource);
        } catch (IllegalArgumentException e) {
            throw usage(e.getMessage());
        }
        String reason = name != null ? "--tap-name" : handedIn.isEmpty() ? pcap : "--tap-fd";
        return reason == null ? chosen : new TapChoice.Chosen(chosen.choice(), reason);
    }

    private static boolean sameFile(Path one, Path other) {
        try {
            return Files.isSameFile(one, other);
        } catch (IOException e) {
            // One is not there yet.
            return one.toAbsolutePath()
                    .normalize()
                    .equals(other.toAbsolutePath().normalize());
        }
    }

    private void checkHandedIn(String pcap) {
        String list = handedIn.stream().map(String::valueOf).collect(Collectors.joining(","));
        String other = name != null ? "--tap-name" : choice == TapChoice.emulated ? "--tap emulated" : pcap;
        if (other != null) {
            throw usage("--tap-fd %s: hands in a TAP of the kernel's; leave out %s".formatted(list, other));
        }
        for (int fd : handedIn) {
            if (fd <= STANDARD_ERROR) {
                throw usage("--tap-fd %s: %d is no descriptor to hand in; 0, 1 and 2 are the standard streams"
                        .formatted(list, fd));
            }
        }
        if (handedIn.size() > EmulatorConfig.MAX_QUEUE_PAIRS) {
            throw usage("--tap-fd: %d descriptors, one for each queue pair; at most %d"
                    .formatted(handedIn.size(), EmulatorConfig.MAX_QUEUE_PAIRS));
        }
        if (new HashSet<>(handedIn).size() < handedIn.size()) {
            throw usage("--tap-fd %s: a descriptor stands there twice".formatted(list));
        }
    }

    /** Queues of a TAP that was handed in; 0 if none was. */
    int handedIn() {
        return handedIn.size();
    }

    /** Whether either TAP would do. */
    boolean leavesOpen() {
        return choice == TapChoice.auto
                && name == null
                && handedIn.isEmpty()
                && pcapIn == null
                && pcapOut == null
                && hashSource.onEmulatedTap();
    }

    /** Opens the kernel's TAP, or takes over the one that was handed in. */
    TapDevice openKernelTap(int queuePairs) throws NativeException {
        return handedIn.isEmpty() ? TapDevice.open(kernelTap(queuePairs)) : TapDevice.adopt(handedIn);
    }

    /** How to open the kernel's TAP. */
    TapDevice.Options kernelTap(int queuePairs) {
        try {
            return TapDevice.Options.of(name == null ? DEFAULT_NAME : name, queuePairs);
        } catch (IllegalArgumentException e) {
            throw usage("--tap-name: " + e.getMessage());
        }
    }

    HashSourceChoice hashSource() {
        return hashSource;
    }

    /** Null if there is none. */
    Path pcapIn() {
        return pcapIn;
    }

    /** Null if there is none. */
    Path pcapOut() {
        return pcapOut;
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
