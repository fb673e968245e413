// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import dev.ringtap.ebpf.object.BpfException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many CPUs this kernel may ever have: a per-CPU map holds a value for each of them. */
final class PossibleCpus {
    private static final Path FILE = Path.of("/sys/devices/system/cpu/possible");

    private PossibleCpus() {}

    static int count() throws BpfException {
        try {
            return count(Files.readString(FILE));
        } catch (IOException e) {
            throw new BpfException("a per-CPU map cannot be filled, the number of CPUs is not known: " + e);
        }
    }

    /** @param ranges for example {@code 0-3} or {@code 0,2-5}, which are four and five CPUs */
    static int count(String ranges) throws BpfException {
        int count = 0;
        for (String range : ranges.strip().split(",")) {
            if (!range.matches("[0-9]{1,6}(-[0-9]{1,6})?"))
                throw new BpfException(FILE + ": '" + ranges.strip() + "' is no list of CPUs");
            String[] ends = range.split("-");
            count += Integer.parseInt(ends[ends.length - 1]) - Integer.parseInt(ends[0]) + 1;
        }
        return count;
    }
}
