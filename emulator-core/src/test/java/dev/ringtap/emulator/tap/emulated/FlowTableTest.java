// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FlowTableTest {
    private static final long START = Long.MAX_VALUE - 1;
    private final FlowTable flows = new FlowTable();

    @Test
    void flowIsForgottenThreeSecondsAfterItsLastFrame() {
        // The clock may wrap.
        flows.learn(7, 2, START);
        flows.learn(8, 3, START);
        flows.learn(7, 2, START + 1);
        assertThat(flows.age(START + FlowTable.AGEING_NS - 1)).isTrue();
        assertThat(flows.size()).isEqualTo(2);
        assertThat(flows.age(START + FlowTable.AGEING_NS)).isTrue();
        assertThat(flows.find(7)).isEqualTo(2);
        assertThat(flows.find(8)).isEqualTo(FlowTable.NO_QUEUE);
        assertThat(flows.age(START + 1 + FlowTable.AGEING_NS)).isFalse();
        assertThat(flows.find(7)).isEqualTo(FlowTable.NO_QUEUE);
    }

    @Test
    void fullTableTakesNoNewFlowButFollowsThoseItKnows() {
        for (int hash = 0; hash < FlowTable.MAX_FLOWS; hash++)
            assertThat(flows.learn(hash, 1, 0)).isTrue();
        assertThat(flows.learn(FlowTable.MAX_FLOWS, 1, 0)).isFalse();
        assertThat(flows.find(FlowTable.MAX_FLOWS)).isEqualTo(FlowTable.NO_QUEUE);
        flows.learn(5, 3, 0);
        assertThat(flows.find(5)).isEqualTo(3);
        assertThat(flows.size()).isEqualTo(FlowTable.MAX_FLOWS);
    }

    @Test
    void flowsOfOneQueueGoTogetherAlsoFromOneBucket() {
        for (int i = 0; i < 6; i++) flows.learn(3 + i * FlowTable.BUCKETS, i % 2, 0);
        flows.forgetQueue(1);
        for (int i = 0; i < 6; i++) {
            int expected = i % 2 == 0 ? 0 : FlowTable.NO_QUEUE;
            assertThat(flows.find(3 + i * FlowTable.BUCKETS)).isEqualTo(expected);
        }
        assertThat(flows.size()).isEqualTo(3);
    }
}
