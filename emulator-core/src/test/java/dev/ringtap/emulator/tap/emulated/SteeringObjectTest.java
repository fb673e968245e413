// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.VmMap;
import dev.ringtap.ebpf.vm.VmOptions;
import dev.ringtap.linux.bpf.SteeringProgram;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The built steering object, run by ebpf-vm for an emulated TAP. */
class SteeringObjectTest {
    private static final String OBJECT = "steering.bpf.o";
    private static final int QUEUES = 4;
    private static final int SENDERS = 2;
    private static final int SWAPS = 20;

    // struct steering_config of tuntap-jna's rss.h: mode 0 sends everything to this queue.
    private static final int UNCLASSIFIED_QUEUE = 14;
    private static final byte[] KEY = new byte[4];

    private static BpfObject object() throws Exception {
        try (var in = SteeringProgram.class.getResourceAsStream(OBJECT)) {
            return BpfObject.parse(OBJECT, in.readAllBytes());
        }
    }

    private static void steerAllTo(VmMap active, int queue) throws Exception {
        byte[] config = new byte[active.definition().inner().valueBytes()];
        ByteBuffer.wrap(config).order(ByteOrder.LITTLE_ENDIAN).putShort(UNCLASSIFIED_QUEUE, (short) queue);
        VmMap next = VmMap.create(active.definition().inner());
        next.update(KEY, config);
        active.update(KEY, next);
    }

    @Test
    void afterTheWaitNoFrameComesByTheFormerConfiguration() throws Exception {
        try (var vm = EbpfVm.load(object(), VmOptions.defaults());
                var bed = new EmulatedBed(QUEUES, 100, 12)) {
            VmMap active = vm.map("ringtap_active");
            steerAllTo(active, 0);
            bed.tap.setSteering(vm.program("ringtap_steer"));
            var stop = new AtomicBoolean();
            var sent = new AtomicLong();
            List<Thread> senders = startSenders(bed, stop, sent);
            for (int i = 1; i <= SWAPS; i++) {
                int before = (i - 1) % QUEUES;
                int now = i % QUEUES;
                steerAllTo(active, now);
                bed.tap.synchronizeSenders();
                drain(bed, before);
                long mark = sent.get();
                while (sent.get() < mark + 50) {
                    assertThat(bed.read(before, 200).result()).isNegative();
                    drain(bed, now);
                }
            }
            stop.set(true);
            for (Thread sender : senders) sender.join();
        }
    }

    private static List<Thread> startSenders(EmulatedBed bed, AtomicBoolean stop, AtomicLong sent) {
        List<Thread> senders = new ArrayList<>();
        for (int i = 0; i < SENDERS; i++) {
            int port = i;
            senders.add(Thread.ofPlatform().daemon().start(() -> {
                byte[] frame = TestFrames.udp4(port, 9, 50);
                while (!stop.get()) {
                    bed.send(frame, new FrameInfo());
                    sent.incrementAndGet();
                }
            }));
        }
        return senders;
    }

    private static void drain(EmulatedBed bed, int queue) {
        while (bed.read(queue, 200).result() > 0) {
            // Whatever the senders put in.
        }
    }
}
