// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.virtio.net.HashReport;
import java.util.List;
import org.junit.jupiter.api.Test;

class SampleFrameTest {
    @Test
    void framesDifferInWhatIsHashed() {
        assertThat(List.of(SampleFrame.values()))
                .extracting(frame -> ExpectedQueue.hash(frame).report())
                .containsExactly(
                        HashReport.TCPV4,
                        HashReport.UDPV4,
                        HashReport.TCPV6,
                        HashReport.UDPV6,
                        HashReport.TCPV6_EX,
                        HashReport.IPV4,
                        HashReport.NONE);
    }
}
