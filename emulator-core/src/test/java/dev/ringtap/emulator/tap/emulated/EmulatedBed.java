// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmProgram;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The emulated TAP. */
final class EmulatedBed extends TapBed {
    final EmulatedTap tap;
    private final BlockingQueue<Received> received = new LinkedBlockingQueue<>();

    EmulatedBed(int queues, int queueLength, int headerBytes) {
        super(headerBytes);
        tap = new EmulatedTap(EmulatedTap.Options.of("emulated0", queues)
                .withQueueLength(queueLength)
                .withHeaderBytes(headerBytes));
        tap.host()
                .receiver((queue, data, offset, lengthBytes, info) -> received.add(new Received(
                        Arrays.copyOfRange(data, offset, offset + lengthBytes),
                        info.flags(),
                        info.gsoType(),
                        info.gsoSize(),
                        info.checksumStart(),
                        info.checksumOffset())));
    }

    @Override
    int readv(int queue, long iovecs, int count) {
        return ((EmulatedQueue) tap.queue(queue)).read(iovecs, count);
    }

    @Override
    int writev(int queue, long iovecs, int count) {
        return ((EmulatedQueue) tap.queue(queue)).write(iovecs, count);
    }

    @Override
    int send(byte[] frame, FrameInfo info) {
        return tap.host().send(frame, 0, frame.length, info);
    }

    @Override
    Received awaitAtHost() throws InterruptedException {
        Received next = received.poll(5, TimeUnit.SECONDS);
        if (next == null) {
            throw new AssertionError("the host received nothing");
        }
        return next;
    }

    @Override
    void setOffloads(int tunFlags) throws Exception {
        tap.setOffloads(tunFlags);
    }

    @Override
    void setAttachedQueues(int count) {
        tap.setAttachedQueues(count);
    }

    @Override
    void detachQueue(int index) {
        tap.detachQueue(index);
    }

    @Override
    void attachQueue(int index) {
        tap.attachQueue(index);
    }

    @Override
    void steerTo(int answer) {
        tap.setSteering(new Constant(answer));
    }

    @Override
    void clearSteering() {
        tap.clearSteering();
    }

    @Override
    void filter(int answer) {
        tap.setFilter(new Constant(answer));
    }

    @Override
    void setUp(boolean up) {
        tap.setUp(up);
    }

    @Override
    void remove() {
        tap.remove();
    }

    @Override
    boolean present(int queue) {
        return tap.queue(queue).present();
    }

    @Override
    Counted counted() {
        DeviceCounters counters = tap.host().counters();
        return new Counted(
                counters.rxPackets(),
                counters.rxBytes(),
                counters.rxDropped(),
                counters.txPackets(),
                counters.txBytes(),
                counters.txDropped());
    }

    @Override
    public void close() {
        tap.close();
        super.close();
    }

    /** Answers always the same. */
    private record Constant(int answer) implements VmProgram {
        @Override
        public String name() {
            return "constant";
        }

        @Override
        public ProgramType type() {
            return ProgramType.SOCKET_FILTER;
        }

        @Override
        public long run(SkBuff skb) {
            return answer;
        }
    }
}
