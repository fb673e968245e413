// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import dev.ringtap.linux.posix.Posix;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Readiness by epoll and one call a packet, made while the burst is submitted. */
final class EpollIoLoop implements IoLoop {
    private static final Logger LOG = LoggerFactory.getLogger(EpollIoLoop.class);
    private static final EpollIoOps EDGE_IN = EpollIoOps.EPOLLIN.with(EpollIoOps.EPOLLET);

    private final IoEventLoop executor;

    EpollIoLoop(IoEventLoop executor) {
        this.executor = executor;
    }

    @Override
    public IoEventLoop executor() {
        return executor;
    }

    @Override
    public Watch watch(int fd, Runnable whenReadable) {
        IoRegistration registration = executor.register(new Handle(fd, whenReadable))
                .syncUninterruptibly()
                .getNow();
        registration.submit(EDGE_IN);
        return registration::cancel;
    }

    @Override
    public Burst newBurst(int fd, int slots, BurstListener listener) {
        return new SynchronousBurst(slots, listener, new SynchronousBurst.Transfers() {
            @Override
            public int read(long iovecs, int count) {
                return (int) Posix.readv(fd, iovecs, count);
            }

            @Override
            public int write(long iovecs, int count) {
                return (int) Posix.writev(fd, iovecs, count);
            }
        });
    }

    @Override
    public boolean completesInSubmit() {
        return true;
    }

    private static final class Handle implements EpollIoHandle {
        private final FileDescriptor fd;
        private final Runnable whenReadable;

        Handle(int fd, Runnable whenReadable) {
            this.fd = new FileDescriptor(fd);
            this.whenReadable = whenReadable;
        }

        @Override
        public FileDescriptor fd() {
            return fd;
        }

        @Override
        public void handle(IoRegistration registration, IoEvent event) {
            try {
                whenReadable.run();
            } catch (RuntimeException | Error e) {
                // An exception that escapes makes Netty pause the whole loop for a second.
                LOG.error("a readiness handler of descriptor {} failed", fd.intValue(), e);
            }
        }

        @Override
        public void close() {
            // The descriptor belongs to whoever asked for the watch.
        }
    }
}
