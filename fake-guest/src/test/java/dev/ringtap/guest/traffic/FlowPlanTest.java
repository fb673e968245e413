// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.traffic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.HashTypes;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class FlowPlanTest {
    private static final Topology TOPOLOGY = Topology.of(new byte[] {2, 0, 0, 0, 0, 1}, new byte[] {2, 0, 0, 0, 0, 2});

    /** What the rules say of each ready-made kind, written down by hand. */
    private static final Map<FlowKind, Integer> REPORTS = new EnumMap<>(Map.ofEntries(
            Map.entry(FlowKind.TCP4_RAW, 2),
            Map.entry(FlowKind.TCP4_OPTIONS, 2),
            Map.entry(FlowKind.UDP4_OPTIONS, 3),
            Map.entry(FlowKind.TCP4_SHORT, 1),
            Map.entry(FlowKind.PROTOCOL4, 1),
            Map.entry(FlowKind.FIRST_FRAGMENT4, 1),
            Map.entry(FlowKind.MIDDLE_FRAGMENT4, 1),
            Map.entry(FlowKind.LAST_FRAGMENT4, 1),
            Map.entry(FlowKind.VLAN_UDP4, 3),
            Map.entry(FlowKind.VLAN_TCP4, 2),
            Map.entry(FlowKind.QINQ_UDP4, 3),
            Map.entry(FlowKind.QINQ_TCP4, 2),
            Map.entry(FlowKind.TCP6_RAW, 5),
            Map.entry(FlowKind.PROTOCOL6, 4),
            Map.entry(FlowKind.NO_NEXT_HEADER6, 4),
            Map.entry(FlowKind.HOP_BY_HOP_UDP6, 6),
            Map.entry(FlowKind.OPTIONS_TCP6, 5),
            Map.entry(FlowKind.ROUTING_UDP6, 6),
            Map.entry(FlowKind.AUTHENTICATED_TCP6, 5),
            Map.entry(FlowKind.TWELVE_HEADERS_UDP6, 6),
            Map.entry(FlowKind.THIRTEEN_HEADERS_UDP6, 4),
            Map.entry(FlowKind.ATOMIC_UDP6, 6),
            Map.entry(FlowKind.ATOMIC_TCP6, 5),
            Map.entry(FlowKind.FIRST_FRAGMENT6, 4),
            Map.entry(FlowKind.MIDDLE_FRAGMENT6, 4),
            Map.entry(FlowKind.VLAN_UDP6, 6),
            Map.entry(FlowKind.QINQ_TCP6, 5),
            Map.entry(FlowKind.HOME_TCP6, 8),
            Map.entry(FlowKind.HOME_UDP6, 9),
            Map.entry(FlowKind.HOME_ONLY6, 7),
            Map.entry(FlowKind.ROUTED_TCP6, 8),
            Map.entry(FlowKind.ROUTED_UDP6, 9),
            Map.entry(FlowKind.ROUTED_ONLY6, 7),
            Map.entry(FlowKind.MOBILE_TCP6, 8),
            Map.entry(FlowKind.MOBILE_UDP6, 9),
            Map.entry(FlowKind.MOBILE_FRAGMENT6, 7),
            Map.entry(FlowKind.MOBILE_ATOMIC_TCP6, 8),
            Map.entry(FlowKind.VLAN_MOBILE_UDP6, 9),
            Map.entry(FlowKind.HOME_AS_32ND_UDP6, 9),
            Map.entry(FlowKind.HOME_AS_33RD_UDP6, 6),
            Map.entry(FlowKind.ARP, 0),
            Map.entry(FlowKind.ETHERTYPE, 0),
            Map.entry(FlowKind.LLC, 0),
            Map.entry(FlowKind.VLAN_ARP, 0),
            Map.entry(FlowKind.THREE_VLANS, 0),
            Map.entry(FlowKind.HEADER_CUT4, 0),
            Map.entry(FlowKind.HEADER_CUT6, 0),
            Map.entry(FlowKind.WRONG_VERSION4, 0),
            Map.entry(FlowKind.MAC_HEADER_ONLY, 0)));

    @Test
    void everyReadyMadeKindHasTheHashTypeItIsThereFor() {
        FlowPlan plan = FlowPlan.create(TOPOLOGY, 1000, 7, 7);
        for (Flow flow : plan.flows()) {
            if (flow.kind().carrier() == FlowKind.Carrier.RAW) {
                int report = Expectation.hash(flow.frame(3), HashTypes.ALL, new byte[40])
                        .report();
                assertThat(report).as(flow.toString()).isEqualTo(REPORTS.get(flow.kind()));
            }
        }
    }

    @Test
    void everyKindHasAFlow() {
        for (int count : new int[] {FlowPlan.MIN_FLOWS, 100, 1000, 20_000}) {
            FlowPlan plan = FlowPlan.create(TOPOLOGY, count, 1, 1);
            assertThat(plan.flows()).hasSize(count);
            assertThat(plan.flows().stream().map(Flow::kind).collect(Collectors.toSet()))
                    .isEqualTo(EnumSet.allOf(FlowKind.class));
        }
    }

    @Test
    void noTwoFramesAreAlikeAndAllFitTheMtu() {
        FlowPlan plan = FlowPlan.create(TOPOLOGY, 2000, 42, 42);
        Set<ByteBuffer> seen = new HashSet<>();
        for (Flow flow : plan.flows()) {
            if (flow.kind().carrier() == FlowKind.Carrier.RAW) {
                for (int sequence = 0; sequence < 4; sequence++) {
                    byte[] frame = flow.frame(sequence);
                    assertThat(seen.add(ByteBuffer.wrap(frame)))
                            .as(flow + " packet " + sequence)
                            .isTrue();
                    assertThat(frame.length).as(flow.toString()).isBetween(14, 1514);
                }
            }
        }
    }

    @Test
    void sameSeedSameFlows() {
        FlowPlan one = FlowPlan.create(TOPOLOGY, 500, 9, 1);
        FlowPlan other = FlowPlan.create(TOPOLOGY, 500, 9, 1);
        FlowPlan different = FlowPlan.create(TOPOLOGY, 500, 10, 1);
        assertThat(describe(one)).isEqualTo(describe(other)).isNotEqualTo(describe(different));
    }

    @Test
    void refusesTooFewFlowsForEveryKind() {
        assertThatThrownBy(() -> FlowPlan.create(TOPOLOGY, FlowPlan.MIN_FLOWS - 1, 1, 1))
                .hasMessageContaining("one of every kind");
    }

    private static String describe(FlowPlan plan) {
        return plan.flows().stream().map(f -> f + f.describe()).collect(Collectors.joining("\n"));
    }
}
