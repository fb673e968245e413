// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.emulator.io.Watch;
import java.lang.invoke.VarHandle;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells a loop that a queue has something to read: one task on the loop for all frames that come before it runs. */
final class QueueWatch implements Watch, Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(QueueWatch.class);

    private final Executor loop;
    private final Runnable whenReadable;
    private final Runnable whenClosed;
    private final AtomicBoolean scheduled = new AtomicBoolean();
    private volatile boolean closed;

    QueueWatch(Executor loop, Runnable whenReadable, Runnable whenClosed) {
        this.loop = loop;
        this.whenReadable = whenReadable;
        this.whenClosed = whenClosed;
    }

    /** From any thread, after the queue has changed. */
    void signal() {
        // The frame must be visible before this looks whether the loop was told: the loop does both in the other order.
        VarHandle.fullFence();
        if (scheduled.get() || !scheduled.compareAndSet(false, true)) {
            return;
        }
        try {
            loop.execute(this);
        } catch (RejectedExecutionException e) {
            LOG.debug("the loop of a queue has ended", e);
        }
    }

    @Override
    public void run() {
        scheduled.set(false);
        if (closed) {
            return;
        }
        try {
            whenReadable.run();
        } catch (RuntimeException | Error e) {
            LOG.error("a readiness handler failed", e);
        }
    }

    @Override
    public void close() {
        closed = true;
        whenClosed.run();
    }
}
