// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.guest.ReceivedPacket;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import java.util.Arrays;

/**
 * The end of a guest's pipeline: notes the answer that each packet of the traffic came with. Packets that are none of it,
 * such as the kernel's own, are passed over.
 */
final class Recorder extends SimpleChannelInboundHandler<ReceivedPacket> {
    private final Traffic traffic;
    private final Answer[] answers;
    private int arrived;
    private Throwable broken;

    Recorder(Traffic traffic) {
        this.traffic = traffic;
        answers = new Answer[traffic.packets()];
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, ReceivedPacket packet) {
        int number = traffic.numberOf(packet.frame());
        if (number >= 0) {
            note(number, new Answer(packet.queue(), packet.hashValue(), packet.hashReport()));
        }
    }

    /** The first answer counts, unless a second copy of the packet comes with another: then that is what is wrong. */
    private synchronized void note(int number, Answer answer) {
        if (answers[number] == null) {
            answers[number] = answer;
            arrived++;
        } else if (answers[number].equals(traffic.expected(number))) {
            answers[number] = answer;
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        breakOff(cause);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        breakOff(new IllegalStateException("the connection to the device ended"));
    }

    private synchronized void breakOff(Throwable cause) {
        if (broken == null) {
            broken = cause;
        }
    }

    /** Forgets what came. */
    synchronized void begin() {
        Arrays.fill(answers, null);
        arrived = 0;
    }

    /** How many of the packets have come. */
    synchronized int arrived() {
        return arrived;
    }

    /** What a packet came with, null if it has not come; if its copies differ, what a wrong one came with. */
    synchronized Answer answer(int packet) {
        return answers[packet];
    }

    /** What ended the guest, null while it runs. */
    synchronized Throwable broken() {
        return broken;
    }
}
