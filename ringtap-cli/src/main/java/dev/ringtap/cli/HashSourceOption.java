// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import dev.ringtap.emulator.HashSourceChoice;
import java.util.Arrays;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** How {@code --hash-source} is read and what it says of itself; its values are those of {@link HashSourceChoice}. */
public final class HashSourceOption implements ITypeConverter<HashSourceChoice> {
    /** Description of the option. */
    public static final String DESCRIPTION = "Who computes the hashes: device, this process; ebpf, a program in the"
            + " kernel whose result travels in band (kernel's TAP only); kernel, the TAP itself, where the kernel has what"
            + " was proposed; vnet-hash, a program of the proposed type, or kfunc, a steering program that reports by a"
            + " kernel function (both on the emulated TAP only); or auto, whichever of device and ebpf costs less here."
            + " Default: ${DEFAULT-VALUE}.";

    @Override
    public HashSourceChoice convert(String value) {
        for (HashSourceChoice choice : HashSourceChoice.values()) {
            if (choice.toString().equalsIgnoreCase(value)) {
                return choice;
            }
        }
        throw new TypeConversionException(
                "expected one of %s, not '%s'".formatted(Arrays.toString(HashSourceChoice.values()), value));
    }
}
