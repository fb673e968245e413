// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a command has open. It is closed once, the last first: by the command when it ends, or when a signal ends the
 * process. Then nothing more is opened, and what is just being opened is waited for, so that it does not stay behind.
 *
 * <p>One thread opens and closes; the shutdown hook is this object's own.
 */
public final class Opened implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Opened.class);

    /** Longer than opening takes, unless it waits for somebody, such as the writer of a named pipe. */
    private static final long OPENING_PATIENCE_MS = 5_000;

    /** Opens one thing, or nothing: null. */
    @FunctionalInterface
    public interface Opener<T> {
        /** Leaves nothing open if it fails. */
        T open() throws Exception;
    }

    private final long patienceMs;
    private final Runnable last;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Deque<AutoCloseable> things = new ArrayDeque<>();
    private final Object closing = new Object();
    private boolean opening;
    private boolean closed;
    private volatile boolean stopping;
    private Thread hook;

    /** Without a hook: somebody else calls {@link #stop}. */
    Opened(long patienceMs, Runnable last) {
        this.patienceMs = patienceMs;
        this.last = last;
    }

    /**
     * From now on a signal closes what is open.
     *
     * @param name of the thread that does
     * @param last what remains to be done after that, on the same thread; it may halt the process
     */
    public static Opened untilSignal(String name, Runnable last) {
        Opened made = new Opened(OPENING_PATIENCE_MS, last);
        made.hook = new Thread(made::stop, name);
        try {
            Runtime.getRuntime().addShutdownHook(made.hook);
        } catch (IllegalStateException e) {
            // A signal came before there was anything to close.
            made.stop();
        }
        return made;
    }

    /** Whether a signal has come. What fails from then on fails because it was closed. */
    public boolean stopping() {
        return stopping;
    }

    /**
     * Opens something, to be closed with all that was opened before.
     *
     * @return what the opener returned
     * @throws CommandException if a signal has come: what the opener returned is closed then, if it still ran
     */
    public <T extends AutoCloseable> T open(Opener<T> opener) throws Exception {
        synchronized (this) {
            if (closed || stopping) {
                throw stopped();
            }
            opening = true;
        }
        T made = null;
        try {
            made = opener.open();
        } finally {
            settle(made);
        }
        if (stopping) {
            throw stopped();
        }
        return made;
    }

    private static CommandException stopped() {
        return new CommandException("stopped by a signal");
    }

    /** Takes over what was opened; or closes it, if nobody has waited for that. */
    private void settle(AutoCloseable made) {
        synchronized (this) {
            opening = false;
            notifyAll();
            if (made == null) {
                return;
            }
            if (!closed) {
                things.push(made);
                return;
            }
        }
        close(made);
    }

    /** What a signal does. */
    void stop() {
        stopping = true;
        try {
            closeAll();
            last.run();
        } finally {
            ended.countDown();
        }
    }

    /** Whoever comes second waits until it is done. */
    private void closeAll() {
        synchronized (closing) {
            endOpening();
            for (AutoCloseable thing : things) {
                close(thing);
            }
            things.clear();
        }
    }

    private synchronized void endOpening() {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patienceMs);
        try {
            long leftMs = patienceMs;
            while (opening && leftMs > 0) {
                wait(leftMs);
                leftMs = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        closed = true;
    }

    private static void close(AutoCloseable thing) {
        try {
            thing.close();
        } catch (Exception e) {
            // What is left has to be closed all the same.
            LOG.warn("closing {}: {}", thing, e.toString());
        }
    }

    /**
     * Closes what is open. If a signal has come, this does not return before all is done that the signal calls for; a
     * process that is to be halted then does not come to say anything else.
     */
    @Override
    public void close() {
        closeAll();
        if (hook == null) {
            return;
        }
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending, and the hook is at work.
            awaitEnd();
        }
    }

    private void awaitEnd() {
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
