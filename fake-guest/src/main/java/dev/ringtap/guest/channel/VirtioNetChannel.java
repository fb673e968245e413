// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.channel;

import dev.ringtap.guest.ReceivedPacket;
import dev.ringtap.guest.TransmitPacket;
import dev.ringtap.guest.ring.DeviceFaultException;
import dev.ringtap.linux.posix.NativeException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.AbstractChannel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelMetadata;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelConfig;
import io.netty.channel.DefaultChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MessageSizeEstimator;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A virtio network device as a Netty channel. Inbound messages are {@link ReceivedPacket}; outbound are {@link
 * TransmitPacket}, or a {@link ByteBuf} with one complete frame, which goes out on queue pair 0 without offload.
 *
 * <p>A write's promise succeeds when the device has <em>used</em> the frame's descriptor chain. A frame for which its
 * ring has no room waits, and all written after it with it, so nothing is lost and nothing overtakes;
 * {@link #isWritable} turns false meanwhile by the usual water marks. Without auto-read, packets stay in the rings
 * until {@link #read}; a read takes all there are.
 *
 * <p>A device that breaks a rule ends the channel: {@code exceptionCaught} with a {@link DeviceFaultException}, then
 * close. {@link #fault} keeps the first cause. Closing the channel stops neither the rings nor the session; that is
 * the guest's doing. Must run on an epoll event loop, which then owns all its queues.
 */
public final class VirtioNetChannel extends AbstractChannel {
    /** Packets of one queue in one go before the loop's other work gets its turn. */
    private static final int BURST_PACKETS = 64;

    private static final ChannelMetadata METADATA = new ChannelMetadata(false);

    private final ChannelConfig config = new DefaultChannelConfig(this);
    private final DomainSocketAddress remoteAddress;
    private final List<Receiver> receivers = new ArrayList<>();
    private final List<TransmitQueue> transmitQueues;
    private final boolean[] touched;
    private final List<ReadinessHandle> handles = new ArrayList<>();
    private boolean readWanted;
    private volatile boolean open = true;
    private volatile boolean active;
    private volatile Throwable fault;

    /** A receive queue, and whether packets may wait in it for which no call will come. */
    private static final class Receiver {
        final ReceiveQueue queue;
        boolean waiting;

        Receiver(ReceiveQueue queue) {
            this.queue = queue;
        }
    }

    /** A packet on its way to its ring, and who wants to know that it was used. */
    private record Outgoing(TransmitPacket packet, ChannelPromise used) {}

    /**
     * @param backend the back-end's socket, as {@link #remoteAddress}
     * @param receiveQueues by queue pair
     * @param transmitQueues by queue pair
     */
    public VirtioNetChannel(Path backend, List<ReceiveQueue> receiveQueues, List<TransmitQueue> transmitQueues) {
        super(null);
        this.remoteAddress = new DomainSocketAddress(backend.toString());
        this.transmitQueues = List.copyOf(transmitQueues);
        this.touched = new boolean[transmitQueues.size()];
        for (ReceiveQueue queue : receiveQueues) {
            Receiver receiver = new Receiver(queue);
            receivers.add(receiver);
            handles.add(handleOf(queue.vring().callFd().fd().number(), () -> {
                queue.vring().drainCall();
                receive(receiver);
            }));
        }
        for (TransmitQueue queue : transmitQueues) {
            handles.add(handleOf(queue.vring().callFd().fd().number(), () -> {
                queue.vring().drainCall();
                transmitted(queue);
            }));
        }
        config.setMessageSizeEstimator(sizes(config.getMessageSizeEstimator()));
        pipeline().addFirst("used-promises", new UsedPromises());
    }

    private ReadinessHandle handleOf(int fd, ReadinessHandle.Action action) {
        return new ReadinessHandle(fd, EpollIoOps.EPOLLIN, action, this::fail);
    }

    /** Why the channel was closed by itself, or null. */
    public Throwable fault() {
        return fault;
    }

    /** Queue pairs that packets may name, whether enabled in the device or not. */
    public int queuePairs() {
        return transmitQueues.size();
    }

    // ---- Receiving

    /** Posts all receive buffers. On the loop's thread, before the device starts. */
    public void fillReceiveQueues() throws NativeException {
        for (Receiver receiver : receivers) {
            receiver.queue.fill();
        }
    }

    private void receive(Receiver receiver) throws DeviceFaultException, NativeException {
        if (!readWanted || !active) {
            receiver.waiting = true;
            return;
        }
        ReceiveQueue queue = receiver.queue;
        receiver.waiting = false;
        queue.vring().queue().disableCalls();
        try {
            boolean emptied = false;
            for (int i = 0; i < BURST_PACKETS && !emptied && active; i++) {
                ReceivedPacket packet = queue.poll();
                if (packet == null) {
                    emptied = true;
                } else {
                    pipeline().fireChannelRead(packet);
                }
            }
            if (!active) {
                return;
            }
            queue.fill();
            boolean more = !emptied || queue.vring().queue().enableCalls();
            if (more) {
                receiver.waiting = true;
            }
        } finally {
            readWanted = false;
            pipeline().fireChannelReadComplete();
        }
        // With auto-read, the completed read has asked for the next one, which took up what waits.
    }

    @Override
    protected void doBeginRead() {
        readWanted = true;
        for (Receiver receiver : receivers) {
            if (receiver.waiting) {
                eventLoop().execute(this::receiveWaiting);
                return;
            }
        }
    }

    private void receiveWaiting() {
        try {
            for (Receiver receiver : receivers) {
                if (receiver.waiting) {
                    receive(receiver);
                }
            }
        } catch (Exception e) {
            fail(e);
        }
    }

    // ---- Transmitting

    @Override
    protected Object filterOutboundMessage(Object message) {
        Outgoing outgoing;
        if (message instanceof Outgoing already) {
            outgoing = already;
        } else {
            // Only if somebody took the handler below out of the pipeline.
            TransmitPacket packet = packetOf(message);
            if (packet == null) {
                throw new UnsupportedOperationException("a virtio-net channel writes TransmitPacket or ByteBuf, not "
                        + message.getClass().getName());
            }
            outgoing = new Outgoing(packet, newPromise());
        }
        TransmitPacket packet = outgoing.packet();
        if (packet.queue() < 0 || packet.queue() >= transmitQueues.size()) {
            throw new IllegalArgumentException(
                    "transmit queue %d: there are %d".formatted(packet.queue(), transmitQueues.size()));
        }
        int maxBytes = transmitQueues.get(packet.queue()).maxFrameBytes();
        if (packet.frame().length > maxBytes) {
            throw new IllegalArgumentException(
                    "a frame of %d bytes: the longest that fits has %d".formatted(packet.frame().length, maxBytes));
        }
        return outgoing;
    }

    private static TransmitPacket packetOf(Object message) {
        if (message instanceof TransmitPacket packet) {
            return packet;
        }
        if (message instanceof ByteBuf frame) {
            try {
                return TransmitPacket.plain(0, ByteBufUtil.getBytes(frame));
            } finally {
                ReferenceCountUtil.release(frame);
            }
        }
        return null;
    }

    @Override
    protected void doWrite(ChannelOutboundBuffer messages) throws Exception {
        for (Outgoing outgoing; (outgoing = (Outgoing) messages.current()) != null; ) {
            int pair = outgoing.packet().queue();
            TransmitQueue queue = transmitQueues.get(pair);
            boolean placed = queue.offer(outgoing.packet(), outgoing.used());
            if (!placed) {
                // Only a used chain makes room; its call brings us back.
                break;
            }
            touched[pair] = true;
            messages.remove();
        }
        for (int pair = 0; pair < touched.length; pair++) {
            if (touched[pair]) {
                touched[pair] = false;
                transmitQueues.get(pair).vring().publishAndKick();
            }
        }
    }

    private void transmitted(TransmitQueue queue) throws DeviceFaultException {
        do {
            queue.vring().queue().disableCalls();
            queue.reap();
        } while (active && queue.vring().queue().enableCalls());
        ((VirtioNetUnsafe) unsafe()).flushWaiting();
    }

    /**
     * Keeps the caller's promise apart from the outbound buffer's, which is done as soon as the frame lies in the ring.
     * First in the pipeline, so that all writes pass it.
     */
    private static final class UsedPromises extends ChannelOutboundHandlerAdapter {
        @Override
        public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
            TransmitPacket packet = packetOf(message);
            if (packet == null) {
                context.write(message, promise);
                return;
            }
            ChannelPromise used = promise.unvoid();
            ChannelPromise placed = context.newPromise();
            placed.addListener(future -> {
                if (!future.isSuccess()) {
                    used.tryFailure(future.cause());
                }
            });
            context.write(new Outgoing(packet, used), placed);
        }
    }

    /** Frames count with their length towards the water marks; to Netty they are unknown objects. */
    private static MessageSizeEstimator sizes(MessageSizeEstimator others) {
        MessageSizeEstimator.Handle handle = others.newHandle();
        return () -> message ->
                message instanceof Outgoing outgoing ? outgoing.packet().frame().length : handle.size(message);
    }

    // ---- Life

    /** Joins an epoll event loop, which owns the channel from then on; it is active when the future is done. Once. */
    public ChannelFuture start(IoEventLoop loop) {
        ChannelPromise registered = new DefaultChannelPromise(this, loop);
        unsafe().register(loop, registered);
        return registered;
    }

    /** Ends the channel because of a fault of the device or the host. On the loop's thread. */
    private void fail(Throwable cause) {
        if (fault == null) {
            fault = cause;
        }
        if (open) {
            pipeline().fireExceptionCaught(cause);
            unsafe().close(unsafe().voidPromise());
        }
    }

    /** Ends the channel with a cause of the guest's: the back-end is gone. Any thread. */
    public void abort(Throwable cause) {
        if (eventLoop().inEventLoop()) {
            fail(cause);
        } else {
            eventLoop().execute(() -> fail(cause));
        }
    }

    @Override
    protected boolean isCompatible(EventLoop loop) {
        return ReadinessHandle.fits(loop);
    }

    @Override
    protected void doRegister(ChannelPromise promise) {
        active = true;
        for (ReadinessHandle handle : handles) {
            handle.register((IoEventLoop) eventLoop());
        }
        promise.setSuccess();
    }

    @Override
    protected void doDeregister() {
        handles.forEach(ReadinessHandle::cancel);
    }

    @Override
    protected void doClose() {
        open = false;
        active = false;
        handles.forEach(ReadinessHandle::cancel);
        ClosedChannelException closed = new ClosedChannelException();
        if (fault != null) {
            closed.initCause(fault);
        }
        transmitQueues.forEach(queue -> queue.failOutstanding(closed));
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public boolean isActive() {
        return active;
    }

    @Override
    public ChannelConfig config() {
        return config;
    }

    @Override
    public ChannelMetadata metadata() {
        return METADATA;
    }

    @Override
    protected SocketAddress localAddress0() {
        return null;
    }

    @Override
    protected SocketAddress remoteAddress0() {
        return remoteAddress;
    }

    @Override
    protected void doBind(SocketAddress localAddress) {
        throw new UnsupportedOperationException("a virtio-net channel is bound to its device");
    }

    @Override
    protected void doDisconnect() {
        doClose();
    }

    @Override
    protected AbstractUnsafe newUnsafe() {
        return new VirtioNetUnsafe();
    }

    private final class VirtioNetUnsafe extends AbstractUnsafe {
        @Override
        public void connect(SocketAddress remote, SocketAddress local, ChannelPromise promise) {
            promise.setFailure(new UnsupportedOperationException("a virtio-net channel is connected from the start"));
        }

        void flushWaiting() {
            flush0();
        }
    }
}
