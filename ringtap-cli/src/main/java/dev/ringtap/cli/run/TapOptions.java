// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import dev.ringtap.cli.HashSourceOption;
import dev.ringtap.cli.HostNeed;
import dev.ringtap.cli.TapChoice;
import dev.ringtap.emulator.HashSourceChoice;
import dev.ringtap.linux.tun.TapDevice;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options of {@code ringtap run} that say which TAP it serves. */
final class TapOptions {
    private static final String DEFAULT_NAME = "ringtap%d";

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
            description = "Where all frames of the TAP are written to, both ways. Emulated TAP only.")
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
        TapChoice meant = name != null ? TapChoice.kernel : pcap != null ? TapChoice.emulated : choice;
        TapChoice.Chosen chosen;
        try {
            chosen = meant.resolve("run", NEEDS, hashSource);
        } catch (IllegalArgumentException e) {
            throw usage(e.getMessage());
        }
        return pcap == null ? chosen : new TapChoice.Chosen(chosen.choice(), pcap);
    }

    /** Whether either TAP would do. */
    boolean leavesOpen() {
        return choice == TapChoice.auto
                && name == null
                && pcapIn == null
                && pcapOut == null
                && hashSource.onEmulatedTap();
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
