// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.net;

import static dev.ringtap.linux.posix.NativeException.check;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A network namespace and the way into it. Linux keeps namespaces by thread, and a socket, a TAP or an interface setting
 * belongs to the namespace of the thread that opens it. So an own namespace comes with one platform thread that
 * lives in it and does nothing else; what {@link #call} is given runs there, one call at a time. What was opened there
 * may then be used by every thread.
 *
 * <p>Threads that the work starts are in the namespace too, since a thread is born into its parent's. Therefore do not
 * let the work be the first user of a shared thread pool.
 *
 * <p>A namespace made here vanishes, with the interfaces in it, once this object is closed and everything that was
 * opened inside is closed as well.
 */
public final class NetworkNamespace implements AutoCloseable {
    private static final String OWN = "/proc/thread-self/ns/net";
    private static final Path NAMED = Path.of("/run/netns");
    private static final String NEEDS = " (this needs CAP_SYS_ADMIN)";

    // Ends the thread when it comes up in the queue.
    private static final Runnable STOP = () -> {};

    /** Work without a result. */
    @FunctionalInterface
    public interface ThrowingRunnable {
        void run() throws Exception;
    }

    private final OwnedFd fd;
    private final LinkedBlockingQueue<Runnable> work;
    private final Thread thread;

    private NetworkNamespace(OwnedFd fd, LinkedBlockingQueue<Runnable> work, Thread thread) {
        this.fd = fd;
        this.work = work;
        this.thread = thread;
    }

    /**
     * Makes a new namespace. It holds a loopback interface that is down, and nothing else.
     *
     * @throws NativeException EPERM without CAP_SYS_ADMIN
     */
    public static NetworkNamespace create() throws NativeException {
        String doing = "cannot create a network namespace";
        return enter("netns", () -> {
            int result = Posix.unshare(Posix.CLONE_NEWNET);
            check(result, "unshare CLONE_NEWNET", result == -Errno.EPERM ? doing + NEEDS : doing);
        });
    }

    /**
     * Enters a namespace that was given a name, as {@code ip netns add} does. Closing this object leaves it there.
     *
     * @param name of a file in /run/netns
     * @throws NativeException ENOENT if there is none of that name, EPERM without CAP_SYS_ADMIN
     */
    public static NetworkNamespace named(String name) throws NativeException {
        String doing = "cannot enter the network namespace " + name;
        if (name.isEmpty() || name.contains("/") || name.equals(".") || name.equals(".."))
            throw new NativeException("open", Errno.EINVAL, doing + " (not the name of a file)");
        return at(NAMED.resolve(name), "netns-" + name, doing);
    }

    /**
     * Enters the namespace that a file stands for, such as {@code /proc/PID/ns/net}. Closing this object leaves it there.
     *
     * @throws NativeException ENOENT if there is no such file, EINVAL if it is none of a network namespace, EPERM without
     *     CAP_SYS_ADMIN
     */
    public static NetworkNamespace at(Path file) throws NativeException {
        return at(file, "netns", "cannot enter the network namespace " + file);
    }

    private static NetworkNamespace at(Path file, String threadName, String doing) throws NativeException {
        int number = check(Posix.open(file.toString(), Posix.O_RDONLY | Posix.O_CLOEXEC), "open " + file, doing);
        try (var opened = OwnedFd.of(number)) {
            return enter(threadName, () -> {
                int result = Posix.setns(opened.number(), Posix.CLONE_NEWNET);
                check(result, "setns", result == -Errno.EPERM ? doing + NEEDS : doing);
            });
        }
    }

    /** The namespace of the calling thread, without a thread of its own: {@link #call} runs on its caller's. */
    public static NetworkNamespace current() throws NativeException {
        return new NetworkNamespace(openOwn(), null, null);
    }

    private static OwnedFd openOwn() throws NativeException {
        int number = Posix.open(OWN, Posix.O_RDONLY | Posix.O_CLOEXEC);
        return OwnedFd.of(check(number, "open " + OWN, "cannot open the network namespace of a thread"));
    }

    private interface Entrance {
        void pass() throws NativeException;
    }

    private static NetworkNamespace enter(String threadName, Entrance entrance) throws NativeException {
        var work = new LinkedBlockingQueue<Runnable>();
        var entered = new FutureTask<>(() -> {
            entrance.pass();
            return openOwn();
        });
        // Never a pooled thread: nobody else may ever run on it, not even after a failure.
        var thread = Thread.ofPlatform().name(threadName).daemon().unstarted(() -> {
            entered.run();
            if (entered.state() == FutureTask.State.SUCCESS) serve(work);
        });
        thread.start();
        awaitUninterruptibly(entered, thread, false);
        if (entered.state() == FutureTask.State.SUCCESS) return new NetworkNamespace(entered.resultNow(), work, thread);
        switch (entered.exceptionNow()) {
            case NativeException e -> throw e;
            case Throwable e -> throw new IllegalStateException("the thread of a network namespace failed", e);
        }
    }

    private static void serve(LinkedBlockingQueue<Runnable> work) {
        while (true) {
            try {
                var next = work.take();
                if (next == STOP) return;
                next.run();
                // An interrupt that came too late for this piece of work is not meant for the next.
                Thread.interrupted();
            } catch (InterruptedException e) {
                // As above.
            }
        }
    }

    /** The namespace, for {@code setns(2)} or for rtnetlink; it stays this object's. */
    public OwnedFd fd() {
        return fd;
    }

    /**
     * Runs work in this namespace and waits for it. Called from work in the same namespace, it runs at once. If the
     * waiting thread is interrupted, the work is, and is still waited for.
     *
     * @throws Exception what the work threw
     * @throws IllegalStateException after {@link #close}
     */
    public <T> T call(Callable<T> callable) throws Exception {
        if (!fd.isOpen()) throw new IllegalStateException("the network namespace is closed");
        if (thread == null || Thread.currentThread() == thread) return callable.call();
        var task = new FutureTask<>(callable);
        work.add(task);
        // Closed by another thread just now: nobody will come for the task.
        if (!fd.isOpen() && work.remove(task)) throw new IllegalStateException("the network namespace is closed");
        awaitUninterruptibly(task, thread, true);
        try {
            return task.get();
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case Exception cause -> throw cause;
                case Error cause -> throw cause;
                case Throwable cause -> throw new IllegalStateException(cause);
            }
        }
    }

    /** As {@link #call}, for work without a result. */
    public void run(ThrowingRunnable runnable) throws Exception {
        call(() -> {
            runnable.run();
            return null;
        });
    }

    private static void awaitUninterruptibly(FutureTask<?> task, Thread runner, boolean forward) {
        boolean interrupted = false;
        while (!task.isDone()) {
            try {
                task.get();
            } catch (InterruptedException e) {
                interrupted = true;
                if (forward) runner.interrupt();
            } catch (ExecutionException e) {
                // The caller asks the task itself.
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }

    /** Lets work that was handed in finish, and ends the thread. Called from the work itself, does not wait for it. */
    @Override
    public void close() {
        if (!fd.isOpen()) return;
        fd.close();
        if (thread == null) return;
        work.add(STOP);
        if (Thread.currentThread() == thread) return;
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }

    @Override
    public String toString() {
        return thread == null ? "current network namespace" : "network namespace of thread " + thread.getName();
    }
}
