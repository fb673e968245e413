// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.ring;

import dev.ringtap.linux.event.EventFd;
import dev.ringtap.linux.posix.NativeException;

/**
 * A virtqueue and its eventfds: kick towards the device, call and err from it. One owner thread, the event loop of the
 * guest, except for {@link #close}.
 */
public final class Vring implements AutoCloseable {
    private final int index;
    private final DriverVirtqueue queue;
    private final EventFd kick;
    private final EventFd call;
    private final EventFd err;
    private long kicks;
    private long calls;

    private Vring(int index, DriverVirtqueue queue, EventFd kick, EventFd call, EventFd err) {
        this.index = index;
        this.queue = queue;
        this.kick = kick;
        this.call = call;
        this.err = err;
    }

    /** @param index virtqueue index, from 0 */
    public static Vring create(int index, DriverVirtqueue queue) throws NativeException {
        EventFd kick = EventFd.create();
        EventFd call = null;
        try {
            call = EventFd.create();
            return new Vring(index, queue, kick, call, EventFd.create());
        } catch (NativeException e) {
            kick.close();
            if (call != null) {
                call.close();
            }
            throw e;
        }
    }

    public int index() {
        return index;
    }

    public DriverVirtqueue queue() {
        return queue;
    }

    public EventFd kickFd() {
        return kick;
    }

    public EventFd callFd() {
        return call;
    }

    public EventFd errFd() {
        return err;
    }

    /** Publishes what was added and kicks if the device wants it. */
    public void publishAndKick() throws NativeException {
        if (queue.publish()) {
            kick();
        }
    }

    /** Kicks, wanted or not. */
    public void kick() throws NativeException {
        kicks++;
        kick.signal();
    }

    /** Takes a pending call off the eventfd, which would else wake the loop again at once. */
    public void drainCall() throws NativeException {
        long drained = call.drain();
        if (drained < 0) {
            throw new NativeException("read", (int) -drained, "cannot drain the call descriptor of virtqueue " + index);
        }
        calls += drained;
    }

    /** Kicks sent. Exact on the owner thread only. */
    public long kicks() {
        return kicks;
    }

    /** Calls received. Exact on the owner thread only. */
    public long calls() {
        return calls;
    }

    @Override
    public void close() {
        kick.close();
        call.close();
        err.close();
    }

    @Override
    public String toString() {
        return "Vring[%d, kicks=%d, calls=%d, %s]".formatted(index, kicks, calls, queue);
    }
}
