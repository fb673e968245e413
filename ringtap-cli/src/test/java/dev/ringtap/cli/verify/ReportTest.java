// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.cli.TapChoice;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowKind;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.Topology;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Help.Ansi;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportTest {
    private static final Topology TOPOLOGY = Topology.of(new byte[] {2, 0, 0, 0, 0, 1}, new byte[] {2, 0, 0, 0, 0, 2});

    private final FlowPlan plan = FlowPlan.create(TOPOLOGY, 200, 3, 3);
    private TapChoice.Chosen tap = new TapChoice.Chosen(TapChoice.kernel, "nothing is missing for it");
    private final List<FlowRow> rows = new ArrayList<>();
    private final Tally tally = new Tally(2);

    @Test
    void passedRunShowsOneFlowOfEveryKind() {
        String text = text(outcome(false), false);
        for (FlowKind kind : FlowKind.values()) {
            assertThat(text).contains(kind.label());
        }
        assertThat(text)
                .contains("143 more flows: --all shows them", "0 mismatches, 200 packets, 1.5 s, seed 42")
                .doesNotContain("WRONG", "What went wrong");
        assertThat(text).contains("queue   0  ████", "queue   1  ████");
    }

    @Test
    void allShowsEveryFlow() {
        assertThat(text(outcome(false), true).lines().filter(line -> line.endsWith(" ok")))
                .hasSize(200);
    }

    @Test
    void failureIsShownWithItsFlowAndItsReason() {
        String text = text(outcome(true), false);
        assertThat(text)
                .contains("WRONG 1 of 1", "What went wrong:", "1 mismatches, 200 packets")
                .contains("queue 1, expected 0");
    }

    @Test
    void whatIsEmulatedIsSaidAndWhy() {
        assertThat(text(outcome(false), false))
                .contains("TAP: the kernel's; a steering program", "0 of the kernel's own")
                .doesNotContain("mulated");
        tap = new TapChoice.Chosen(TapChoice.emulated, "verify lacks CAP_NET_ADMIN");
        assertThat(text(outcome(false), false))
                .contains("TAP: emulated; a steering program", "Emulated are the TAP")
                .doesNotContain("kernel's own");
    }

    @Test
    void jsonHasCountsForMachines() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new JsonReport().print(outcome(true), true, new PrintStream(bytes, true, StandardCharsets.UTF_8));
        JsonNode root = JsonMapper.shared().readTree(bytes.toString(StandardCharsets.UTF_8));
        assertThat(root.get("passed").asBoolean()).isFalse();
        assertThat(root.get("packets").asLong()).isEqualTo(200);
        assertThat(root.get("mismatches").asLong()).isOne();
        assertThat(root.get("seed").asLong()).isEqualTo(42);
        assertThat(root.get("perQueue").get(0).asLong()
                        + root.get("perQueue").get(1).asLong())
                .isEqualTo(200);
        assertThat(root.get("tap").asString()).isEqualTo("kernel");
        assertThat(root.get("tapReason").asString()).isEqualTo("nothing is missing for it");
        assertThat(root.get("steering").asString()).isEqualTo("a steering program");
        assertThat(root.get("perType").get("TCPv4").asLong()).isEqualTo(200);
        assertThat(root.get("perKind")).hasSize(FlowKind.values().length);
        assertThat(root.get("phases").get(0).get("name").asString()).isEqualTo("a phase");
        assertThat(root.get("failures").get(0).get("problem").asString()).isEqualTo("queue 1, expected 0");
        assertThat(root.get("rows")).hasSize(200);
    }

    private Outcome outcome(boolean failed) {
        List<Failure> failures = new ArrayList<>();
        for (Flow flow : plan.flows()) {
            FlowRow row = new FlowRow(flow);
            rows.add(row);
            boolean right = !failed || flow.id() != 7;
            int queue = flow.id() % 2;
            ReceivedPacket packet = new ReceivedPacket(queue, new byte[0], 1, 1, 0, 0, 0, 0, 1, 0xCAFE, 2, 0);
            row.count(packet, new Setting.Verdict(right ? queue : 0, 0xCAFE, 2, right), true);
            tally.count(flow.kind(), packet, right);
            if (!right) {
                failures.add(new Failure("a phase", 7, flow.kind().label(), 0, flow.describe(), "queue 1, expected 0"));
            }
        }
        return new Outcome(
                42,
                new Outcome.Setup(tap, "a steering program", "epoll", "6.1"),
                2,
                rows,
                tally,
                tally,
                List.of(new Outcome.Phase("a phase", 200, failures.size(), 1500)),
                new Outcome.Back(1, 2, 3, 4, 5),
                0,
                0,
                0,
                failures,
                failures.size(),
                1500);
    }

    private static String text(Outcome outcome, boolean all) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new TextReport(new PrintStream(bytes, true, StandardCharsets.UTF_8), Ansi.OFF).print(outcome, all);
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
