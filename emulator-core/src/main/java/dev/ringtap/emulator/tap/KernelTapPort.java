// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import dev.ringtap.emulator.io.Burst;
import dev.ringtap.emulator.io.BurstListener;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.tun.TapDevice;
import dev.ringtap.linux.tun.TapQueue;
import java.util.ArrayList;
import java.util.List;

/** The kernel's TAP. */
public final class KernelTapPort implements TapPort {
    private final TapDevice device;
    private final List<PortQueue> queues = new ArrayList<>();

    /** @param device closed with this port */
    public KernelTapPort(TapDevice device) {
        this.device = device;
        for (int i = 0; i < device.queueCount(); i++) {
            queues.add(new KernelQueue(device.queue(i)));
        }
    }

    /** The device behind it. */
    public TapDevice device() {
        return device;
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public int queueCount() {
        return queues.size();
    }

    @Override
    public PortQueue queue(int index) {
        return queues.get(index);
    }

    @Override
    public int mtu() throws NativeException {
        return device.link().mtu();
    }

    @Override
    public int supportedOffloads() {
        return device.supportedOffloads();
    }

    @Override
    public void setOffloads(int tunFlags) throws NativeException {
        device.setOffloads(tunFlags);
    }

    @Override
    public void setAttachedQueues(int count) throws NativeException {
        device.setAttachedQueues(count);
    }

    @Override
    public int attachedQueues() {
        return device.attachedQueues();
    }

    @Override
    public void close() {
        device.close();
    }

    @Override
    public String toString() {
        return device.toString();
    }

    private record KernelQueue(TapQueue queue) implements PortQueue {
        @Override
        public int headerBytes() {
            return TapDevice.HEADER_BYTES;
        }

        @Override
        public Watch watch(IoLoop loop, Runnable whenReadable) {
            return loop.watch(queue.fd().number(), whenReadable);
        }

        @Override
        public Burst newBurst(IoLoop loop, int slots, BurstListener listener) {
            return loop.newBurst(queue.fd().number(), slots, listener);
        }

        @Override
        public boolean completesInSubmit(IoLoop loop) {
            return loop.completesInSubmit();
        }

        @Override
        public boolean present() {
            return queue.present();
        }
    }
}
