// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import dev.ringtap.linux.posix.Errno;
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
    public Burst newBurst(int slots, BurstListener listener) {
        return new SynchronousBurst(slots, listener);
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

    private static final class SynchronousBurst implements Burst {
        private final BurstListener listener;
        private final boolean[] reads;
        private final int[] slots;
        private final int[] fds;
        private final long[] iovecs;
        private final int[] counts;
        private int size;
        private boolean inFlight;

        SynchronousBurst(int capacity, BurstListener listener) {
            this.listener = listener;
            reads = new boolean[capacity];
            slots = new int[capacity];
            fds = new int[capacity];
            iovecs = new long[capacity];
            counts = new int[capacity];
        }

        @Override
        public void read(int slot, int fd, long address, int count) {
            add(true, slot, fd, address, count);
        }

        @Override
        public void write(int slot, int fd, long address, int count) {
            add(false, slot, fd, address, count);
        }

        private void add(boolean read, int slot, int fd, long address, int count) {
            reads[size] = read;
            slots[size] = slot;
            fds[size] = fd;
            iovecs[size] = address;
            counts[size] = count;
            size++;
        }

        @Override
        public void submit() {
            int operations = size;
            size = 0;
            inFlight = true;
            try {
                run(operations);
            } finally {
                inFlight = false;
            }
            listener.burstCompleted();
        }

        private void run(int operations) {
            int emptyFd = -1;
            for (int i = 0; i < operations; i++) {
                int result;
                if (fds[i] == emptyFd) {
                    result = -Errno.EAGAIN;
                } else if (reads[i]) {
                    result = (int) Posix.readv(fds[i], iovecs[i], counts[i]);
                } else {
                    result = (int) Posix.writev(fds[i], iovecs[i], counts[i]);
                }
                if (result == -Errno.EAGAIN) {
                    emptyFd = fds[i];
                }
                listener.completed(slots[i], result);
            }
        }

        @Override
        public void discard() {
            size = 0;
        }

        @Override
        public boolean inFlight() {
            return inFlight;
        }

        @Override
        public void close() {
            // Nothing outside the heap.
        }
    }
}
