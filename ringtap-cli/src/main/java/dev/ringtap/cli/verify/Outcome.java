// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.cli.TapChoice;
import java.util.List;

/**
 * What a run found.
 *
 * @param seed of the flows and settings
 * @param setup what it ran on
 * @param queuePairs of the device
 * @param rows one a flow
 * @param total host to guest, all phases together
 * @param spread the same, of the phases in which a random table covers all queues
 * @param phases in order
 * @param back guest to host
 * @param unasked packets of the host's own among those of {@code total}
 * @param lost packets that never arrived, among the mismatches
 * @param dropped packets that a queue of the TAP dropped and counted, not among the mismatches
 * @param failures the first of them
 * @param mismatches all of them, both directions
 * @param elapsedMs from the first system call to the last
 */
record Outcome(
        long seed,
        Setup setup,
        int queuePairs,
        List<FlowRow> rows,
        Tally total,
        Tally spread,
        List<Phase> phases,
        Back back,
        long unasked,
        long lost,
        long dropped,
        List<Failure> failures,
        long mismatches,
        long elapsedMs) {

    /**
     * What a run stands on.
     *
     * @param tap whose TAP, and why that one
     * @param steering what chose queues and made hashes
     * @param engine how the emulator moved packets
     * @param kernel release of the machine's kernel
     */
    record Setup(TapChoice.Chosen tap, String steering, String engine, String kernel) {}

    /** One stretch of the run. */
    record Phase(String name, long packets, long mismatches, long elapsedMs) {}

    /**
     * Guest to host.
     *
     * @param frames received byte by byte as they were sent
     * @param datagrams received by sockets
     * @param partialChecksums how many of them left the guest without a checksum
     * @param streamBytes received by TCP sockets
     * @param largeFrames TCP frames that left the guest larger than a segment
     */
    record Back(long frames, long datagrams, long partialChecksums, long streamBytes, long largeFrames) {}

    boolean passed() {
        return mismatches == 0;
    }
}
