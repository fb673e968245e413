// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.Topology;
import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

class RecorderTest {
    private static final byte[] HOST = {2, 0, 0, 0, 0, 1};
    private static final byte[] GUEST = {2, 0, 0, 0, 0, 2};
    private static final int PACKET = 3;

    private final Traffic traffic = Traffic.create(
            Topology.of(HOST, GUEST), 60, 60, 1, new GuestRss(HashTypes.ALL, new int[] {0, 1}, 0, new byte[40]));
    private final Recorder recorder = new Recorder(traffic);
    private final EmbeddedChannel channel = new EmbeddedChannel(recorder);
    private final Answer right = traffic.expected(PACKET);
    private final Answer wrong = new Answer(right.queue(), right.hashValue() + 1, right.hashReport());

    private void arrive(Answer answer) {
        channel.writeInbound(new ReceivedPacket(
                answer.queue(),
                traffic.frame(PACKET),
                0,
                0,
                0,
                0,
                0,
                0,
                1,
                answer.hashValue(),
                answer.hashReport(),
                0));
    }

    @Test
    void copyThatIsTheSameChangesNothing() {
        arrive(right);
        arrive(right);
        assertThat(recorder.arrived()).isEqualTo(1);
        assertThat(recorder.answer(PACKET)).isEqualTo(right);
    }

    @Test
    void copyWithAnotherAnswerIsWhatIsWrong() {
        arrive(right);
        arrive(wrong);
        arrive(right);
        assertThat(recorder.arrived()).isEqualTo(1);
        assertThat(recorder.answer(PACKET)).isEqualTo(wrong);
    }

    @Test
    void rightCopyDoesNotMakeUpForAWrongOne() {
        arrive(wrong);
        arrive(right);
        assertThat(recorder.answer(PACKET)).isEqualTo(wrong);
    }

    @Test
    void nextPassForgetsTheCopies() {
        arrive(wrong);
        recorder.begin();
        arrive(right);
        assertThat(recorder.answer(PACKET)).isEqualTo(right);
    }
}
