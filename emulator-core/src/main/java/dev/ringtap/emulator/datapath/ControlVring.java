// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.virtio.queue.DescriptorChain;
import dev.ringtap.virtio.queue.SplitVirtqueue;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * The control virtqueue: one command at a time, each answered when it is in force. Control loop only.
 *
 * <p>A command's class, command and data may lie in any number of descriptors, and so may the ack (VIRTIO 1.3, 2.7.4
 * Message Framing).
 */
public final class ControlVring {
    /** Carries out a command. */
    @FunctionalInterface
    public interface Commands {
        /**
         * @param request class, command and data
         * @param lengthBytes how much of {@code request} is this command's
         * @return completes with the ack: {@code VIRTIO_NET_OK} 0 or {@code VIRTIO_NET_ERR} 1
         */
        CompletableFuture<Integer> execute(byte[] request, int lengthBytes);
    }

    /** A MAC table of 2 × 2,048 addresses and its counts; no command of the specification needs more. */
    private static final int LARGEST_REQUEST_BYTES = 32 * 1024;

    private static final long POLL_INTERVAL_MS = 1;
    private static final int ACK_ERR = 1;

    private final IoLoop loop;
    private final Vring vring;
    private final Commands commands;
    private final PairEvents events;
    private final DescriptorChain chain = new DescriptorChain(1024);
    private final byte[] request = new byte[LARGEST_REQUEST_BYTES];
    private final byte[] ack = new byte[1];
    private Watch kick;
    private final CompletableFuture<Integer> stopped = new CompletableFuture<>();
    private boolean busy;
    private boolean stopping;

    /** Starts to serve. */
    public ControlVring(IoLoop loop, Vring vring, Commands commands, PairEvents events) {
        this.loop = loop;
        this.vring = vring;
        this.commands = commands;
        this.events = events;
        if (vring.kick() != null) {
            kick = loop.watch(vring.kick().number(), this::run);
        }
        run();
    }

    /** Takes no further command. Completes with the next available index once the one under way has been answered. */
    public CompletableFuture<Integer> stop() {
        stopping = true;
        if (kick != null) {
            kick.close();
            kick = null;
        }
        if (!busy) {
            stopped.complete(vring.queue().nextAvailable());
        }
        return stopped;
    }

    /** Replaces the call descriptor. */
    public void call(CallSignal call) {
        vring.call(call);
        if (call != null) {
            call.signal();
        }
    }

    private void run() {
        if (stopping || busy) {
            return;
        }
        SplitVirtqueue queue = vring.queue();
        int head = SplitVirtqueue.EMPTY;
        try {
            do {
                head = SplitVirtqueue.EMPTY;
                head = queue.pollHead();
                if (head != SplitVirtqueue.EMPTY) {
                    queue.readChain(head, chain);
                    begin(head);
                    return;
                }
            } while (vring.kick() != null && queue.enableKicks());
            if (vring.kick() == null) {
                loop.executor().schedule(this::run, POLL_INTERVAL_MS, TimeUnit.MILLISECONDS);
            }
        } catch (VirtqueueException | InternalError e) {
            // InternalError: the front-end truncated the file behind its memory.
            stopping = true;
            if (e instanceof VirtqueueException && head != SplitVirtqueue.EMPTY) {
                queue.addUsed(head, 0);
                vring.publish();
            }
            events.driverFault(vring.index(), e);
        }
    }

    private void begin(int head) {
        busy = true;
        long bytes = chain.readableBytes();
        CompletableFuture<Integer> answer;
        if (bytes > request.length || chain.writableBytes() == 0) {
            answer = CompletableFuture.completedFuture(ACK_ERR);
        } else {
            int length = chain.copyOut(0, request, 0, (int) bytes);
            answer = commands.execute(request, length);
        }
        answer.whenCompleteAsync(
                (result, failure) -> finish(head, failure == null ? result : ACK_ERR), loop.executor());
    }

    private void finish(int head, int result) {
        busy = false;
        try {
            int written = 0;
            if (chain.writableBytes() > 0) {
                ack[0] = (byte) result;
                written = chain.copyIn(0, ack, 0, 1);
            }
            vring.queue().addUsed(head, written);
            vring.publish();
        } catch (InternalError e) {
            events.driverFault(vring.index(), e);
            stop();
        }
        if (stopping) {
            stopped.complete(vring.queue().nextAvailable());
        } else {
            run();
        }
    }
}
