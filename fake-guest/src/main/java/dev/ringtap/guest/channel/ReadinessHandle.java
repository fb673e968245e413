// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.util.function.Consumer;

/**
 * A descriptor on an epoll event loop: something runs on the loop's thread whenever the descriptor is ready. The
 * descriptor is not closed here; whoever owns it calls {@link #cancel} first.
 */
public final class ReadinessHandle implements EpollIoHandle {
    private final FileDescriptor fd;
    private final EpollIoOps interest;
    private final Action action;
    private final Consumer<Throwable> onFault;
    private IoRegistration registration;

    /** What to do; may throw. */
    @FunctionalInterface
    public interface Action {
        void run() throws Exception;
    }

    /**
     * @param onFault hears what the action throws, and of the loop's end; must not throw. The registration is cancelled
     *     before, as a descriptor that stays ready would wake the loop for ever
     */
    public ReadinessHandle(int fd, EpollIoOps interest, Action action, Consumer<Throwable> onFault) {
        this.fd = new FileDescriptor(fd);
        this.interest = interest;
        this.action = action;
        this.onFault = onFault;
    }

    /** Whether a loop can carry handles like this. */
    public static boolean fits(Object eventLoop) {
        return eventLoop instanceof IoEventLoop loop && loop.isCompatible(ReadinessHandle.class);
    }

    /** Begins. On the loop's thread. */
    public void register(IoEventLoop loop) {
        loop.register(this).addListener(future -> {
            if (future.isSuccess()) {
                registration = (IoRegistration) future.getNow();
                registration.submit(interest);
            } else {
                onFault.accept(future.cause());
            }
        });
    }

    /** Ends; nothing runs afterwards. On the loop's thread. */
    public void cancel() {
        if (registration != null) {
            registration.cancel();
            registration = null;
        }
    }

    @Override
    public FileDescriptor fd() {
        return fd;
    }

    // An exception that escapes from here puts the whole loop to sleep.
    @Override
    public void handle(IoRegistration ignored, IoEvent event) {
        try {
            action.run();
        } catch (Throwable t) {
            cancel();
            onFault.accept(t);
        }
    }

    /** Called by the loop when it shuts down. */
    @Override
    public void close() {
        if (registration != null) {
            registration = null;
            onFault.accept(new IllegalStateException("the event loop was shut down"));
        }
    }
}
