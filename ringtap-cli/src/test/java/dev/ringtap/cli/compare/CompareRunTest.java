// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.guest.check.HashTypes;
import org.junit.jupiter.api.Test;

/** The whole command without its printing; as an ordinary user the designs of the emulated TAP, else also the kernel's. */
class CompareRunTest {
    private static final long SEED = 20_251_001;

    @Test
    void everyDesignGivesEveryPacketTheSame() throws Exception {
        Comparison comparison = run(null);
        assertThat(comparison.differences()).isEmpty();
        assertThat(comparison.passed()).isTrue();
        assertThat(comparison.entries()).extracting(Entry::design).containsExactly(Design.values());
        for (Entry entry : comparison.entries()) {
            if (entry.design().tap() == Design.Tap.EMULATED) {
                assertThat(entry.unavailable()).as(entry.design().title()).isNull();
            }
            if (entry.ran()) {
                // Two passes to warm up and one that counts.
                assertThat(entry.packets()).isEqualTo(3 * 150);
                assertThat(entry.packetsPerSecond()).isPositive();
            } else {
                assertThat(entry.unavailable()).isNotBlank();
            }
        }
    }

    @Test
    void designThatGoesByAnotherKeyIsFoundAndItsPacketsAreNamed() throws Exception {
        Design broken = Design.EMULATED_IOCTLS;
        Comparison comparison = run(broken);
        assertThat(comparison.passed()).isFalse();
        assertThat(comparison.entries())
                .filteredOn(entry -> entry.mismatches() > 0)
                .extracting(Entry::design)
                .containsExactly(broken);
        assertThat(comparison.differences()).isNotEmpty().allSatisfy(difference -> {
            assertThat(difference.design()).isEqualTo(broken);
            assertThat(difference.flow()).startsWith("flow ");
            assertThat(difference.expected()).isNotEqualTo(difference.seen());
            assertThat(difference.expected().hashReport())
                    .as("without a hash there is nothing to get wrong")
                    .isNotEqualTo(HashTypes.REPORT_NONE);
        });
    }

    @Test
    void fewerHashTypesAreComparedToo() throws Exception {
        Comparison comparison = run(null, HashTypes.TCPV4 | HashTypes.IPV6);
        assertThat(comparison.differences()).isEmpty();
        assertThat(comparison.ran()).hasSizeGreaterThanOrEqualTo(4);
    }

    private static Comparison run(Design broken) throws Exception {
        return run(broken, HashTypes.ALL);
    }

    private static Comparison run(Design broken, int hashTypes) throws Exception {
        return new CompareRun(
                        new CompareSettings(3, 75, 150, 1, hashTypes, 300, SEED, EngineChoice.auto, broken),
                        status -> {})
                .run();
    }
}
