// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import dev.ringtap.emulator.HashSourceChoice;
import java.util.Set;

/** Values of {@code --tap}, by the names the command line has for them. The same for every command. */
public enum TapChoice {
    /** {@link #kernel} where this process may have it, else {@link #emulated}. */
    auto,
    kernel,
    emulated;

    /** Description of the option. */
    public static final String DESCRIPTION = "The TAP: the kernel's, an emulated one inside this process that needs no"
            + " privilege, or auto, which is the kernel's where this process may have it and else the emulated one."
            + " Default: ${DEFAULT-VALUE}.";

    /**
     * Which TAP to take, and why.
     *
     * @param choice {@link #kernel} or {@link #emulated}
     * @param reason for people, a clause; where {@link #auto} could not take the kernel's it names what is missing
     */
    public record Chosen(TapChoice choice, String reason) {
        /** Whether it is the kernel's. */
        public boolean kernel() {
            return choice == TapChoice.kernel;
        }
    }

    /**
     * Decides. What is asked for by name is not looked into.
     *
     * @param command its name, for people
     * @param needs what the command needs for the kernel's TAP
     * @param source who is to compute hashes, which some TAP cannot do
     * @throws IllegalArgumentException if the TAP that was asked for cannot have that source; says which can
     */
    public Chosen resolve(String command, Set<HostNeed> needs, HashSourceChoice source) {
        checkSource(source);
        if (this != auto) {
            return new Chosen(this, "--tap " + name());
        }
        if (!source.onKernelTap() || !source.onEmulatedTap()) {
            return new Chosen(source.onKernelTap() ? kernel : emulated, "--hash-source " + source);
        }
        String missing = HostNeed.missing(command, needs);
        return missing == null ? new Chosen(kernel, "nothing is missing for it") : new Chosen(emulated, missing);
    }

    private void checkSource(HashSourceChoice source) {
        boolean served = this == auto || (this == kernel ? source.onKernelTap() : source.onEmulatedTap());
        if (!served) {
            TapChoice other = this == kernel ? emulated : kernel;
            throw new IllegalArgumentException(
                    "--hash-source %s: not with --tap %s, only with --tap %s".formatted(source, name(), other));
        }
    }
}
