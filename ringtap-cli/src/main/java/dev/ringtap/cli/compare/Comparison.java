// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import java.util.List;

/**
 * What a run found.
 *
 * @param settings what was asked for
 * @param kernel release of the host's kernel
 * @param java version of the virtual machine
 * @param engine how ringtap moved packets
 * @param entries one for each design
 * @param differences the first of them
 * @param elapsedMs of the whole run
 */
record Comparison(
        CompareSettings settings,
        String kernel,
        String java,
        String engine,
        List<Entry> entries,
        List<Difference> differences,
        long elapsedMs) {

    long mismatches() {
        return entries.stream().mapToLong(Entry::mismatches).sum();
    }

    /** Designs that took part. */
    List<Entry> ran() {
        return entries.stream().filter(Entry::ran).toList();
    }

    boolean passed() {
        return mismatches() == 0 && !ran().isEmpty();
    }

    /** What the figures are, in sentences. */
    List<String> measured() {
        return List.of(
                "\"In the TAP\" is the choice of the queue, with the hash where the design makes it there. Kernel TAP: "
                        + "BPF_PROG_TEST_RUN of its programs in the kernel, less that of a constant choice. Emulated TAP: "
                        + "processor time of the choice in this process; its programs are compiled to JVM bytecode.",
                "\"In ringtap\" is processor time of the hash source: it hashes the frame, or reads what the TAP reports.",
                "Packets per second are end to end: sent one by one, through TAP, emulator and vhost-user to a guest that "
                        + "checks each. A kernel TAP costs a system call a packet there, an emulated one none: compare "
                        + "within a TAP.",
                "Medians of %d passes over %,d packets, the designs in turn in each pass."
                        .formatted(settings.passes(), settings.packets()));
    }
}
