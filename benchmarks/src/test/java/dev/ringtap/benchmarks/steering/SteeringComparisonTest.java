// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.steering;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.benchmarks.ExpectedQueue;
import dev.ringtap.benchmarks.SampleFrame;
import dev.ringtap.linux.RequiresBpf;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is measured does what it is said to do: a benchmark of a program that bails out early would be fast. */
@RequiresBpf
class SteeringComparisonTest {
    /** Steers UDP over IPv4 by its destination port; the example of {@code docs/benchmarks.md}. */
    private static final Path PEER = Path.of(System.getProperty("basedir", "."))
            .resolve("../tuntap-jna/src/test/resources/dev/ringtap/linux/bpf/objects/by_port.bpf.o");

    @TempDir
    private Path directory;

    @Test
    void oursHashesEveryFrameAndPeerIsFilledAsDescribed() throws Exception {
        Path description = Files.writeString(directory.resolve("peer.properties"), """
                program = steer
                reads = data
                map.queues.443/be16 = 77/u32
                """);
        try (var empty = Candidate.empty();
                var ringtap = Candidate.ringtap();
                var peer = Candidate.peer(PEER, PeerDescription.read(description))) {
            var rows = new Comparison(1, 10).run(empty, List.of(ringtap, peer));
            assertThat(rows).extracting(Comparison.Row::frame).containsExactly(SampleFrame.values());
            for (var row : rows) {
                assertThat(row.queues()[0]).as(row.frame().title()).isEqualTo(ExpectedQueue.of(row.frame()));
                assertThat(row.queues()[1])
                        .as(row.frame().title())
                        // A fragment has ports, too, and this peer does not mind.
                        .isEqualTo(row.frame() == SampleFrame.UDP_IPV4 || row.frame() == SampleFrame.FRAGMENT ? 77 : 0);
            }
            assertThat(ringtap.verifiedInstructions()).isPositive();
        }
    }
}
