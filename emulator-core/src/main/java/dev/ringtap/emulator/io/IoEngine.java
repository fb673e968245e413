// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.io;

import io.netty.channel.IoEventLoop;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringIoHandler;

/** The ways to wait for descriptors and move packets. */
public enum IoEngine {
    /** Readiness by epoll, one {@code readv} or {@code writev} a packet. Works on every kernel. */
    EPOLL {
        @Override
        public Throwable unavailability() {
            return Epoll.unavailabilityCause();
        }

        @Override
        public IoHandlerFactory handlers() {
            return EpollIoHandler.newFactory();
        }

        @Override
        public IoLoop on(IoEventLoop loop) {
            return new EpollIoLoop(loop);
        }
    },

    /** Submission and completion rings, one system call a burst. May be refused by an old kernel or a container. */
    IO_URING {
        @Override
        public Throwable unavailability() {
            return IoUring.unavailabilityCause();
        }

        @Override
        public IoHandlerFactory handlers() {
            return IoUringIoHandler.newFactory(RING_ENTRIES);
        }

        @Override
        public IoLoop on(IoEventLoop loop) {
            return new IoUringIoLoop(loop);
        }
    };

    /** Room for two full bursts of a queue pair, its watches and Netty's own wake-up. */
    private static final int RING_ENTRIES = 256;

    /** Why this engine cannot run here, or {@code null} if it can. */
    public abstract Throwable unavailability();

    /** Makes the Netty handler that each loop of this engine runs. */
    public abstract IoHandlerFactory handlers();

    /** The engine's face on one loop that runs a handler of {@link #handlers()}. */
    public abstract IoLoop on(IoEventLoop loop);
}
