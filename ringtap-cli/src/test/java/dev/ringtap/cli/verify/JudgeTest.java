// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.cli.CommandException;
import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.Expectation;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.Flow;
import dev.ringtap.guest.traffic.FlowKind;
import dev.ringtap.guest.traffic.FlowPlan;
import dev.ringtap.guest.traffic.TcpResponder;
import dev.ringtap.guest.traffic.Topology;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class JudgeTest {
    private static final Topology TOPOLOGY = Topology.of(new byte[] {2, 0, 0, 0, 0, 1}, new byte[] {2, 0, 0, 0, 0, 2});
    private static final FlowPlan PLAN = FlowPlan.create(TOPOLOGY, 100, 3, 3);
    private static final Flow FLOW = PLAN.flows().stream()
            .filter(flow -> flow.kind() == FlowKind.TCP6_RAW)
            .findFirst()
            .orElseThrow();

    private static final GuestRss ONE = new GuestRss(HashTypes.ALL, new int[] {0}, 0, VerifyRun.MICROSOFT_KEY);
    private static final GuestRss TWO =
            new GuestRss(HashTypes.ALL, new int[] {1}, 0, HexFormat.of().parseHex("00112233445566778899aabbccddeeff"));

    private final Judge judge = new Judge(
            PLAN,
            new TcpResponder(PLAN.flows(), TOPOLOGY, flow -> 0),
            1500,
            2,
            Setting.automatic("at first", 1, 0, new byte[40]));
    private final EmbeddedChannel channel = new EmbeddedChannel(judge);

    @Test
    void packetAsExpectedIsRight() {
        configure(ONE);
        receive(judge.frame(FLOW, 0), ONE);
        assertThat(judge.mismatches()).isZero();
        assertThat(judge.endPhase().packets()).isOne();
    }

    @Test
    void wrongQueueAndWrongHashAreNamed() {
        configure(ONE);
        byte[] frame = judge.frame(FLOW, 5);
        channel.writeInbound(packet(1, frame, 0x12345678, 5));
        assertThat(judge.mismatches()).isOne();
        assertThat(judge.failures().getFirst().toString())
                .contains("packet 5 of flow " + FLOW.id(), "TCP segment, IPv6", FLOW.describe())
                .contains("queue 1, expected 0; hash 12345678 TCPv6, expected ");
    }

    @Test
    void betweenSendingACommandAndItsAckOldAndNewAreRight() {
        configure(ONE);
        judge.sent(Setting.steered("two", 2, TWO));
        receive(judge.frame(FLOW, 0), ONE);
        receive(judge.frame(FLOW, 1), TWO);
        assertThat(judge.mismatches()).isZero();
    }

    @Test
    void queueOfTheOldAndHashOfTheNewSettingIsWrong() {
        configure(ONE);
        judge.sent(Setting.steered("two", 2, TWO));
        byte[] frame = judge.frame(FLOW, 0);
        Expectation.Answer two = Expectation.of(frame, TWO);
        channel.writeInbound(packet(0, frame, two.hashValue(), two.hashReport()));
        assertThat(judge.mismatches()).isOne();
    }

    @Test
    void packetSentAfterTheAckMayNotShowTheOldSetting() {
        configure(ONE);
        configure(TWO);
        receive(judge.frame(FLOW, 0), ONE);
        assertThat(judge.mismatches()).isOne();
    }

    @Test
    void packetSentBeforeTheCommandMayShowTheOldSettingAfterTheAck() {
        configure(ONE);
        byte[] frame = judge.frame(FLOW, 0);
        configure(TWO);
        receive(frame, ONE);
        assertThat(judge.mismatches()).isZero();
    }

    @Test
    void whatTheKernelSaysOnItsOwnIsJudgedAndNotLost() {
        configure(ONE);
        byte[] solicitation = new byte[70];
        channel.writeInbound(packet(0, solicitation, 0, 0));
        assertThat(judge.mismatches()).isZero();
        assertThat(judge.unasked()).isOne();
        channel.writeInbound(packet(0, solicitation, 7, 1));
        assertThat(judge.mismatches()).isOne();
    }

    @Test
    void lostPacketFailsUnlessTheKernelSaysItDroppedIt() throws InterruptedException {
        configure(ONE);
        judge.frame(FLOW, 0);
        judge.frame(FLOW, 1);
        assertThat(judge.awaitUnderWayBelow(1, 1)).isFalse();
        assertThat(judge.giveUp(1)).isEqualTo(2);
        assertThat(judge.lost()).isOne();
        assertThat(judge.mismatches()).isOne();
        assertThat(judge.failures().getFirst().problem()).isEqualTo("never arrived");
        assertThat(judge.awaitUnderWayBelow(1, 1)).isTrue();
    }

    @Test
    void endOfTheGuestEndsTheWaiting() throws InterruptedException {
        judge.frame(FLOW, 0);
        channel.close();
        assertThat(judge.awaitUnderWayBelow(1, 60_000)).isFalse();
        assertThatThrownBy(judge::requireGuest)
                .isInstanceOf(CommandException.class)
                .hasMessageStartingWith("the guest stopped: ")
                .hasMessageContaining("ended");
    }

    @Test
    void automaticSteeringMayUseAnyQueueInUse() {
        judge.sent(Setting.automatic("two queues", 2, HashTypes.ALL, VerifyRun.MICROSOFT_KEY));
        judge.acknowledged();
        byte[] frame = judge.frame(FLOW, 0);
        Expectation.Hash hash = Expectation.hash(frame, HashTypes.ALL, VerifyRun.MICROSOFT_KEY);
        channel.writeInbound(packet(1, frame, hash.value(), hash.report()));
        assertThat(judge.mismatches()).isZero();
        judge.sent(Setting.automatic("one queue", 1, HashTypes.ALL, VerifyRun.MICROSOFT_KEY));
        judge.acknowledged();
        byte[] other = judge.frame(FLOW, 1);
        Expectation.Hash due = Expectation.hash(other, HashTypes.ALL, VerifyRun.MICROSOFT_KEY);
        channel.writeInbound(packet(1, other, due.value(), due.report()));
        assertThat(judge.failures().getFirst().problem()).isEqualTo("queue 1, in use are 1");
    }

    private void configure(GuestRss rss) {
        judge.sent(Setting.steered("steered", 2, rss));
        judge.acknowledged();
    }

    private void receive(byte[] frame, GuestRss rss) {
        Expectation.Answer answer = Expectation.of(frame, rss);
        channel.writeInbound(packet(answer.queue(), frame, answer.hashValue(), answer.hashReport()));
    }

    private static ReceivedPacket packet(int queue, byte[] frame, int hash, int report) {
        return new ReceivedPacket(queue, frame, 0, 0, 0, 0, 0, 0, 1, hash, report, 0);
    }
}
