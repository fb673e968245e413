// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import dev.ringtap.linux.posix.Errno;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.uring.IoUringIoEvent;
import io.netty.channel.uring.IoUringIoHandle;
import io.netty.channel.uring.IoUringIoOps;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Bursts through io_uring: every operation of a burst is one submission entry, and the loop's next turn hands them all to
 * the kernel in one call.
 *
 * <p>No operation may wait for a packet, else a burst would stay in flight until as many packets came as it has reads.
 * On a kernel whose TAP says that it can tell "not now" (FMODE_NOWAIT) that takes RWF_NOWAIT: O_NONBLOCK alone makes
 * io_uring wait by a poll of its own there. On others RWF_NOWAIT is refused and O_NONBLOCK suffices. So descriptors are
 * non-blocking, and the flag is dropped at the first refusal.
 */
final class IoUringIoLoop implements IoLoop {
    private static final Logger LOG = LoggerFactory.getLogger(IoUringIoLoop.class);

    // linux/io_uring.h, enum io_uring_op and its flags. Netty's own constants are not public.
    private static final byte IORING_OP_READV = 1;
    private static final byte IORING_OP_WRITEV = 2;
    private static final byte IORING_OP_POLL_ADD = 6;
    private static final byte IORING_OP_ASYNC_CANCEL = 14;
    private static final int IORING_POLL_ADD_MULTI = 1;
    private static final int IORING_CQE_F_MORE = 1 << 1;
    private static final int POLLIN = 1;
    /** linux/fs.h: the operation answers EAGAIN rather than wait. */
    private static final int RWF_NOWAIT = 8;

    private final IoEventLoop executor;

    IoUringIoLoop(IoEventLoop executor) {
        this.executor = executor;
    }

    @Override
    public IoEventLoop executor() {
        return executor;
    }

    @Override
    public Watch watch(int fd, Runnable whenReadable) {
        PollWatch watch = new PollWatch(fd, whenReadable);
        watch.registration = executor.register(watch).syncUninterruptibly().getNow();
        watch.arm();
        return watch;
    }

    @Override
    public Burst newBurst(int fd, int slots, BurstListener listener) {
        RingBurst burst = new RingBurst(fd, slots, listener);
        burst.registration = executor.register(burst).syncUninterruptibly().getNow();
        return burst;
    }

    @Override
    public boolean completesInSubmit() {
        return false;
    }

    private static IoUringIoOps operation(byte opcode, int fd, long address, int length, int opFlags, long data) {
        byte flags = 0;
        short priority = 0;
        short none = 0;
        return new IoUringIoOps(opcode, flags, priority, fd, 0L, address, length, opFlags, data, none, none, 0, 0L);
    }

    /** A multishot poll: one completion for each wake-up, until it is cancelled. */
    private static final class PollWatch implements IoUringIoHandle, Watch {
        private final int fd;
        private final Runnable whenReadable;
        private IoRegistration registration;
        private long pollId;
        private boolean armed;
        private boolean closed;

        PollWatch(int fd, Runnable whenReadable) {
            this.fd = fd;
            this.whenReadable = whenReadable;
        }

        private void arm() {
            armed = true;
            pollId = registration.submit(operation(IORING_OP_POLL_ADD, fd, 0L, IORING_POLL_ADD_MULTI, POLLIN, 0L));
        }

        @Override
        public void handle(IoRegistration ignored, IoEvent event) {
            IoUringIoEvent completion = (IoUringIoEvent) event;
            if (completion.opcode() != IORING_OP_POLL_ADD) {
                return;
            }
            armed = (completion.flags() & IORING_CQE_F_MORE) != 0;
            if (closed) {
                if (!armed) {
                    registration.cancel();
                }
                return;
            }
            try {
                if (completion.res() < 0) {
                    LOG.warn("polling descriptor {} ended with errno {}", fd, -completion.res());
                    return;
                }
                whenReadable.run();
            } catch (RuntimeException | Error e) {
                // An exception that escapes makes Netty pause the whole loop.
                LOG.error("a readiness handler of descriptor {} failed", fd, e);
            }
            if (!armed && !closed) {
                arm();
            }
        }

        @Override
        public void close() {
            if (closed) {
                return;
            }
            closed = true;
            if (armed) {
                // The outstanding poll holds the file open: without this a TAP would outlive its descriptor.
                registration.submit(operation(IORING_OP_ASYNC_CANCEL, -1, pollId, 0, 0, 0L));
            } else {
                registration.cancel();
            }
        }
    }

    private static final class RingBurst implements IoUringIoHandle, Burst {
        private final int fd;
        private final BurstListener listener;
        private final byte[] opcodes;
        private final long[] addresses;
        private final int[] counts;
        /** The entry last used by each slot. A slot's iovecs stay where they are, so mostly it serves again. */
        private final IoUringIoOps[] entries;

        private final int[] entryFlags;
        private final int[] added;
        private IoRegistration registration;
        private int opFlags = RWF_NOWAIT;
        private int size;
        private int outstanding;

        RingBurst(int fd, int capacity, BurstListener listener) {
            this.fd = fd;
            this.listener = listener;
            opcodes = new byte[capacity];
            addresses = new long[capacity];
            counts = new int[capacity];
            entries = new IoUringIoOps[capacity];
            entryFlags = new int[capacity];
            added = new int[capacity];
        }

        @Override
        public void read(int slot, long iovecs, int count) {
            add(IORING_OP_READV, slot, iovecs, count);
        }

        @Override
        public void write(int slot, long iovecs, int count) {
            add(IORING_OP_WRITEV, slot, iovecs, count);
        }

        private void add(byte opcode, int slot, long iovecs, int count) {
            if (entries[slot] == null
                    || opcodes[slot] != opcode
                    || addresses[slot] != iovecs
                    || counts[slot] != count) {
                opcodes[slot] = opcode;
                addresses[slot] = iovecs;
                counts[slot] = count;
                makeEntry(slot);
            }
            added[size++] = slot;
        }

        private void makeEntry(int slot) {
            entryFlags[slot] = opFlags;
            entries[slot] = operation(opcodes[slot], fd, addresses[slot], counts[slot], opFlags, slot);
        }

        @Override
        public void submit() {
            outstanding = size;
            size = 0;
            for (int i = 0; i < outstanding; i++) {
                registration.submit(entries[added[i]]);
            }
            if (outstanding == 0) {
                listener.burstCompleted();
            }
        }

        @Override
        public void handle(IoRegistration ignored, IoEvent event) {
            IoUringIoEvent completion = (IoUringIoEvent) event;
            int slot = (int) completion.userData();
            if (completion.res() == -Errno.EOPNOTSUPP && entryFlags[slot] != 0) {
                opFlags = 0;
                makeEntry(slot);
                registration.submit(entries[slot]);
                return;
            }
            // An exception that escapes makes Netty pause the whole loop, and one that skips the count a burst for
            // ever.
            try {
                listener.completed(slot, completion.res());
            } catch (RuntimeException | Error e) {
                LOG.error("a completion handler failed", e);
            }
            if (--outstanding == 0) {
                try {
                    listener.burstCompleted();
                } catch (RuntimeException | Error e) {
                    LOG.error("a burst's completion handler failed", e);
                }
            }
        }

        @Override
        public void discard() {
            size = 0;
        }

        @Override
        public boolean inFlight() {
            return outstanding > 0;
        }

        @Override
        public void close() {
            registration.cancel();
        }
    }
}
