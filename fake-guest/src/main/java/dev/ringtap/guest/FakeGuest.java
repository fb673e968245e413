// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest;

import dev.ringtap.guest.channel.ReadinessHandle;
import dev.ringtap.guest.channel.ReceiveQueue;
import dev.ringtap.guest.channel.TransmitQueue;
import dev.ringtap.guest.channel.VirtioNetChannel;
import dev.ringtap.guest.channel.VirtioNetHeader;
import dev.ringtap.guest.control.ControlQueueClient;
import dev.ringtap.guest.memory.GuestRam;
import dev.ringtap.guest.ring.DriverVirtqueue;
import dev.ringtap.guest.ring.Vring;
import dev.ringtap.guest.vhost.BackEndRequests;
import dev.ringtap.guest.vhost.FrontEnd;
import dev.ringtap.guest.vhost.ProtocolFeature;
import dev.ringtap.guest.vhost.VhostUserException;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollIoOps;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * A running virtio-net driver on a vhost-user back-end: memory, rings, buffers, a channel for packets and a client for
 * the control queue.
 *
 * <pre>{@code
 * try (FakeGuest guest = FakeGuest.builder(socket)
 *         .queuePairs(4)
 *         .pipeline(pipeline -> pipeline.addLast(handler))
 *         .connect()) {
 *     guest.channel().writeAndFlush(TransmitPacket.plain(0, frame));
 *     int ack = guest.control().setQueuePairs(2).join();
 * }
 * }</pre>
 *
 * <p>Its getters may be called from any thread.
 */
public final class FakeGuest implements AutoCloseable {
    /** Device status bits. VIRTIO 1.3, 2.1 Device Status Field. */
    private static final int STATUS_ACKNOWLEDGE = 1;

    private static final int STATUS_DRIVER = 2;
    private static final int STATUS_DRIVER_OK = 4;
    private static final int STATUS_FEATURES_OK = 8;

    private static final long PROTOCOL_FEATURES = ProtocolFeature.of(
            ProtocolFeature.MQ,
            ProtocolFeature.REPLY_ACK,
            ProtocolFeature.MTU,
            ProtocolFeature.BACKEND_REQ,
            ProtocolFeature.CONFIG,
            ProtocolFeature.RESET_DEVICE,
            ProtocolFeature.STATUS);

    private static final int CONTROL_RING_SIZE = 64;

    private final Options options;
    private final FrontEnd frontEnd;
    private final IoEventLoop loop;

    /** Null if the loop is one of the caller's. */
    private final EventLoopGroup ownGroup;

    private long offered;
    private long acked;
    private long protocolFeatures;
    private byte[] configSpace = new byte[0];
    private volatile DeviceConfig config;
    private GuestRam ram;
    private final List<Vring> vrings = new ArrayList<>();
    private VirtioNetChannel channel;
    private ControlQueueClient control;
    private ReadinessHandle hangUp;
    private BackEndRequests backEndRequests;
    private ReadinessHandle backEndAsks;
    private volatile boolean closed;

    private FakeGuest(Options options, FrontEnd frontEnd, IoEventLoop loop, EventLoopGroup ownGroup) {
        this.options = options;
        this.loop = loop;
        this.frontEnd = frontEnd;
        this.ownGroup = ownGroup;
    }

    /** @param socket where the back-end listens */
    public static Builder builder(Path socket) {
        return new Builder(socket);
    }

    // ---- What was agreed

    /** The back-end's features, {@link GuestFeature#PROTOCOL_FEATURES} included. */
    public long offeredFeatures() {
        return offered;
    }

    public long ackedFeatures() {
        return acked;
    }

    /** Bits as in {@link ProtocolFeature}. */
    public long protocolFeatures() {
        return protocolFeatures;
    }

    /** The configuration space as it was read at the start; empty where the back-end does not serve it. */
    public byte[] configSpace() {
        return configSpace.clone();
    }

    /**
     * The configuration space as it was read last. Where the back-end announces a change (protocol feature
     * BACKEND_REQ), it is read again, and the new value goes through the channel's pipeline as a user event.
     */
    public DeviceConfig config() {
        return config;
    }

    /** Reads the configuration space again. Blocks; needs the protocol feature CONFIG. */
    public DeviceConfig readConfig() throws IOException {
        return DeviceConfig.parse(frontEnd.getConfig(0, DeviceConfig.KNOWN_BYTES), offered);
    }

    public int maxQueuePairs() {
        return config.maxQueuePairs();
    }

    /** Of the configuration space; a locally administered one where the device gives none. */
    public byte[] mac() {
        byte[] mac = config.mac();
        return mac == null ? new byte[] {0x02, 0x72, 0x69, 0x6E, 0x67, 0x00} : mac.clone();
    }

    public int rssMaxTableLength() {
        return config.rssMaxTableLength();
    }

    public int supportedHashTypes() {
        return config.supportedHashTypes();
    }

    /** Queue pairs with rings. Which of them the device uses is for the control queue to say. */
    public int queuePairs() {
        return options.queuePairs;
    }

    // ---- What it works with

    public VirtioNetChannel channel() {
        return channel;
    }

    /** @throws IllegalStateException if CTRL_VQ was not negotiated */
    public ControlQueueClient control() {
        if (control == null) {
            throw new IllegalStateException("there is no control queue: CTRL_VQ was not negotiated");
        }
        return control;
    }

    /** The socket, for further messages. */
    public FrontEnd frontEnd() {
        return frontEnd;
    }

    public GuestRam ram() {
        return ram;
    }

    /** All rings in the order of their indexes: receiveq and transmitq of each pair, then the control queue. */
    public List<Vring> vrings() {
        return List.copyOf(vrings);
    }

    // ---- Start

    private void start() throws IOException {
        negotiate();
        setUpQueues();
        for (Vring vring : vrings) {
            frontEnd.setUp(vring, options.ringBase);
        }
        join(channelRegistered(), "the channel's registration");
        if (control != null) {
            control.start();
            channel.closeFuture().addListener(ignored -> control.close());
        }
        watch();
        startRings();
        if (options.activate && options.queuePairs > 1 && GuestFeature.MQ.in(acked)) {
            int ack = join(control.setQueuePairs(options.queuePairs), "VQ_PAIRS_SET");
            if (ack != ControlQueueClient.OK) {
                throw new VhostUserException(
                        "the device refused VQ_PAIRS_SET of " + options.queuePairs + ": ack " + ack);
            }
        }
    }

    private void negotiate() throws IOException {
        offered = firstAnswer();
        if (GuestFeature.PROTOCOL_FEATURES.in(offered)) {
            protocolFeatures = frontEnd.getProtocolFeatures() & PROTOCOL_FEATURES;
            frontEnd.setProtocolFeatures(protocolFeatures);
        }
        frontEnd.setOwner();
        boolean status = ProtocolFeature.STATUS.in(protocolFeatures);
        if (status) {
            frontEnd.setStatus(STATUS_ACKNOWLEDGE);
            frontEnd.setStatus(STATUS_ACKNOWLEDGE | STATUS_DRIVER);
        }
        if (ProtocolFeature.CONFIG.in(protocolFeatures)) {
            configSpace = frontEnd.getConfig(0, DeviceConfig.KNOWN_BYTES);
        }
        config = DeviceConfig.parse(configSpace, offered);
        acked = GuestFeature.withoutUnmet(offered & options.wantedFeatures)
                | offered & GuestFeature.PROTOCOL_FEATURES.mask();
        int pairs = hasManyQueues() ? config.maxQueuePairs() : 1;
        if (options.queuePairs > pairs) {
            throw new VhostUserException("%d queue pairs asked for, but the device has %d (negotiated: %s)"
                    .formatted(options.queuePairs, pairs, GuestFeature.describe(acked)));
        }
        frontEnd.setFeatures(acked);
        if (status) {
            int wanted = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK;
            frontEnd.setStatus(wanted);
            if ((frontEnd.getStatus() & STATUS_FEATURES_OK) == 0) {
                throw new VhostUserException(
                        "the device does not take these features: " + GuestFeature.describe(acked));
            }
        }
    }

    /** A back-end that has a front-end already turns the next one away, or lets it wait for the first answer. */
    private long firstAnswer() throws IOException {
        try {
            return frontEnd.getFeatures();
        } catch (VhostUserException e) {
            if (e.getCause() == null) {
                // It did answer.
                throw e;
            }
            throw new VhostUserException(
                    "%s; is another front-end connected to %s? A back-end serves one at a time"
                            .formatted(e.getMessage(), options.socket),
                    e);
        }
    }

    private boolean hasManyQueues() {
        return GuestFeature.MQ.in(acked) || GuestFeature.RSS.in(acked);
    }

    /** VIRTIO 1.3, 5.1.2 Virtqueues: the control queue comes after those of <em>all</em> pairs the device has. */
    private int controlIndex() {
        return 2 * (hasManyQueues() ? config.maxQueuePairs() : 1);
    }

    private void setUpQueues() throws IOException {
        int headerBytes = VirtioNetHeader.bytes(acked);
        boolean eventIndex = GuestFeature.EVENT_IDX.in(acked);
        boolean mergeable = GuestFeature.MRG_RXBUF.in(acked);
        int bufferBytes = options.receiveBufferBytes != 0
                ? options.receiveBufferBytes
                : mergeable ? Options.MERGEABLE_BUFFER_BYTES : bigBufferBytes(headerBytes);
        ReceiveQueue.Layout layout = new ReceiveQueue.Layout(
                headerBytes, mergeable, bufferBytes, Math.min(bufferBytes, options.receivePieceBytes));
        // Long enough for a frame of 64 KiB in a transmit ring, and for one receive buffer.
        int indirect = GuestFeature.INDIRECT_DESC.in(acked) ? Math.max(Options.INDIRECT_ENTRIES, layout.pieces()) : 0;
        boolean hasControl = GuestFeature.CTRL_VQ.in(acked);

        int size = options.queueSize;
        long needed = options.queuePairs
                * (2 * DriverVirtqueue.memoryBytes(size, indirect)
                        + layout.memoryBytes(size, indirect)
                        + TransmitQueue.memoryBytes(size));
        if (hasControl) {
            needed += DriverVirtqueue.memoryBytes(CONTROL_RING_SIZE, indirect) + ControlQueueClient.memoryBytes();
        }
        // A ring that would cross regions leaves a gap before the next one.
        needed += (long) options.memoryRegions * DriverVirtqueue.memoryBytes(size, 0);
        if (options.memoryBytes != 0 && options.memoryBytes < needed) {
            throw new IllegalArgumentException("guest memory of %d bytes: these queues and buffers need %d"
                    .formatted(options.memoryBytes, needed));
        }
        ram = GuestRam.create(Math.max(needed, options.memoryBytes), options.memoryRegions);
        frontEnd.setMemTable(ram);

        List<ReceiveQueue> receive = new ArrayList<>();
        List<TransmitQueue> transmit = new ArrayList<>();
        for (int pair = 0; pair < options.queuePairs; pair++) {
            Vring receiveRing = vring(2 * pair, size, eventIndex, indirect);
            receive.add(new ReceiveQueue(receiveRing, pair, ram, layout, indirect));
            Vring transmitRing = vring(2 * pair + 1, size, eventIndex, indirect);
            transmit.add(new TransmitQueue(transmitRing, ram, headerBytes, options.headerApart, indirect));
        }
        channel = new VirtioNetChannel(options.socket, receive, transmit);
        options.pipeline.accept(channel.pipeline());
        if (hasControl) {
            Vring controlRing = vring(controlIndex(), CONTROL_RING_SIZE, eventIndex, indirect);
            control = new ControlQueueClient(controlRing, ram, loop, channel::abort);
        }
    }

    /** VIRTIO 1.3, 5.1.6.3.1: without MRG_RXBUF a buffer holds the largest packet. */
    private int bigBufferBytes(int headerBytes) {
        boolean large = (acked & GuestFeature.LARGE_RECEIVE) != 0;
        return headerBytes + (large ? Options.LARGE_FRAME_BYTES : Math.max(Options.FRAME_BYTES, config.mtu() + 14 + 4));
    }

    private Vring vring(int index, int size, boolean eventIndex, int indirect) throws IOException {
        Vring vring = Vring.create(index, new DriverVirtqueue(ram, size, options.ringBase, eventIndex, indirect));
        vrings.add(vring);
        return vring;
    }

    private CompletableFuture<Void> channelRegistered() {
        CompletableFuture<Void> registered = new CompletableFuture<>();
        channel.start(loop).addListener(future -> {
            if (future.isSuccess()) {
                registered.complete(null);
            } else {
                registered.completeExceptionally(future.cause());
            }
        });
        return registered;
    }

    private void startRings() throws IOException {
        if (GuestFeature.PROTOCOL_FEATURES.in(acked)) {
            // Without that feature rings are born enabled. vhost-user, Ring states.
            for (Vring vring : vrings) {
                frontEnd.setVringEnable(vring.index(), true);
            }
        }
        if (ProtocolFeature.STATUS.in(protocolFeatures)) {
            frontEnd.setStatus(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
        }
        // A ring starts with its first kick, so each gets one, wanted or not.
        CompletableFuture<Void> kicked = new CompletableFuture<>();
        loop.execute(() -> {
            try {
                channel.fillReceiveQueues();
                for (Vring vring : vrings) {
                    vring.kick();
                }
                kicked.complete(null);
            } catch (IOException | RuntimeException e) {
                kicked.completeExceptionally(e);
            }
        });
        join(kicked, "the first kicks");
    }

    private void watch() throws IOException {
        hangUp = new ReadinessHandle(frontEnd.fd().number(), EpollIoOps.EPOLLRDHUP, this::backEndGone, channel::abort);
        loop.execute(() -> hangUp.register(loop));
        if (ProtocolFeature.BACKEND_REQ.in(protocolFeatures)) {
            backEndRequests = BackEndRequests.open();
            backEndRequests.handOver(frontEnd);
            backEndAsks = new ReadinessHandle(
                    backEndRequests.fd().number(), EpollIoOps.EPOLLIN, this::backEndAsked, channel::abort);
            loop.execute(() -> backEndAsks.register(loop));
        }
    }

    private void backEndAsked() throws IOException {
        boolean configChanged = backEndRequests.receive();
        if (configChanged && ProtocolFeature.CONFIG.in(protocolFeatures)) {
            // Asking the back-end blocks, which the loop must not.
            Thread.ofPlatform().daemon().name("ringtap-guest-config").start(this::configChanged);
        }
    }

    private void configChanged() {
        try {
            DeviceConfig changed = readConfig();
            config = changed;
            channel.pipeline().fireUserEventTriggered(changed);
        } catch (IOException e) {
            if (!closed) {
                channel.abort(e);
            }
        }
    }

    private void backEndGone() throws VhostUserException {
        throw new VhostUserException("the back-end closed the connection");
    }

    private <T> T join(CompletableFuture<T> future, String what) throws IOException {
        try {
            return future.get(options.replyTimeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new VhostUserException(
                    "%s is not done after %d ms".formatted(what, options.replyTimeout.toMillis()), e);
        } catch (ExecutionException e) {
            throw new VhostUserException(what + " failed: " + e.getCause().getMessage(), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VhostUserException("interrupted while waiting for " + what, e);
        }
    }

    // ---- End

    /**
     * Stops the rings in order (SET_VRING_ENABLE 0, GET_VRING_BASE), then closes the channel, the socket and the
     * memory. Packets not yet received are dropped, frames still with the device fail. Does nothing the second time. Blocks.
     *
     * @throws IllegalStateException on the event loop, which has to do its part
     */
    @Override
    public synchronized void close() {
        if (loop.inEventLoop()) {
            throw new IllegalStateException("a guest cannot be closed on its own event loop");
        }
        if (!closed) {
            stopRings();
            release();
        }
    }

    /** Closes everything without a word to the back-end, rings running, as if the process had been killed. */
    public synchronized void vanish() {
        if (!closed) {
            release();
        }
    }

    private void release() {
        closed = true;
        leaveLoop();
        frontEnd.close();
        if (backEndRequests != null) {
            backEndRequests.close();
        }
        if (ownGroup != null) {
            ownGroup.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
        }
        vrings.forEach(Vring::close);
        if (ram != null) {
            ram.close();
        }
    }

    /** When this returns, nothing on the loop touches descriptors or memory any more. */
    private void leaveLoop() {
        if (channel == null) {
            return;
        }
        try {
            if (channel.isRegistered()) {
                channel.close().syncUninterruptibly();
            }
            CompletableFuture.runAsync(this::cancelWatches, loop).join();
            if (control != null) {
                control.close().join();
            }
        } catch (RejectedExecutionException e) {
            // The caller's loop has ended, and all registrations with it; not always with a word to the handles.
            return;
        }
    }

    private void cancelWatches() {
        if (hangUp != null) {
            hangUp.cancel();
        }
        if (backEndAsks != null) {
            backEndAsks.cancel();
        }
    }

    private void stopRings() {
        boolean gone = channel == null || !channel.isActive();
        if (!gone) {
            channel.stopReceiving();
        }
        try {
            for (int i = 0; i < vrings.size() && !gone; i++) {
                int index = vrings.get(i).index();
                if (GuestFeature.PROTOCOL_FEATURES.in(acked)) {
                    frontEnd.setVringEnable(index, false);
                }
                frontEnd.getVringBase(index);
            }
        } catch (IOException e) {
            // The back-end is gone or refuses: closing the socket says the same.
            return;
        }
    }

    @Override
    public String toString() {
        return "FakeGuest[%s, %d queue pairs, %s]"
                .formatted(options.socket, options.queuePairs, GuestFeature.describe(acked));
    }

    /** What {@link Builder} gathered; validated. */
    private record Options(
            Path socket,
            int queuePairs,
            int queueSize,
            long wantedFeatures,
            int receiveBufferBytes,
            int receivePieceBytes,
            boolean headerApart,
            boolean activate,
            long memoryBytes,
            int memoryRegions,
            int ringBase,
            Duration replyTimeout,
            Consumer<ChannelPipeline> pipeline) {

        static final int MERGEABLE_BUFFER_BYTES = 1536;
        /** A maximum-size IPv6 packet in an Ethernet frame. VIRTIO 1.3, 5.1.6.3. */
        static final int LARGE_FRAME_BYTES = 65589;

        static final int FRAME_BYTES = 1514;
        static final int INDIRECT_ENTRIES = 20;
    }

    /** Options of a guest. Every one has a default but the socket. */
    public static final class Builder {
        private final Path socket;
        private int queuePairs = 1;
        private int queueSize = 256;
        private long wantedFeatures = GuestFeature.DEFAULT;
        private int receiveBufferBytes;
        private int receivePieceBytes = Integer.MAX_VALUE;
        private boolean headerApart;
        private boolean activate = true;
        private long memoryBytes;
        private int memoryRegions = 1;
        private int ringBase;
        private Duration replyTimeout = Duration.ofSeconds(5);
        private EventLoopGroup group;
        private Consumer<ChannelPipeline> pipeline = ignored -> {};

        private Builder(Path socket) {
            this.socket = socket;
        }

        /** Queue pairs to set up rings for, 1 to 256; default 1. More than the device has is an error. */
        public Builder queuePairs(int pairs) {
            queuePairs = inRange("queue pairs", pairs, 1, 256);
            return this;
        }

        /** Entries of each ring but the control queue's, a power of two, 2 to 32768; default 256. */
        public Builder queueSize(int entries) {
            if (Integer.bitCount(entries) != 1) {
                throw new IllegalArgumentException("queue size " + entries + ": must be a power of two");
            }
            queueSize = inRange("queue size", entries, 2, DriverVirtqueue.MAX_SIZE);
            return this;
        }

        /**
         * What to acknowledge of what is offered, {@link GuestFeature} bits; default {@link GuestFeature#DEFAULT}.
         * Features whose requirements are not met are left out.
         */
        public Builder wantedFeatures(long mask) {
            wantedFeatures = mask;
            return this;
        }

        /** Adds features to those wanted. */
        public Builder with(GuestFeature... features) {
            wantedFeatures |= GuestFeature.of(features);
            return this;
        }

        /** Takes features from those wanted. */
        public Builder without(GuestFeature... features) {
            wantedFeatures &= ~GuestFeature.of(features);
            return this;
        }

        /**
         * Size of a receive buffer, header included, at least 20. Default: 1536 with MRG_RXBUF; without it, what the
         * specification asks for (1526 to 65609).
         */
        public Builder receiveBufferBytes(int bytes) {
            receiveBufferBytes = inRange("receive buffer bytes", bytes, 20, 1 << 20);
            return this;
        }

        /** Makes each receive buffer a chain of descriptors of at most this size; default one descriptor. */
        public Builder receivePieceBytes(int bytes) {
            receivePieceBytes = inRange("receive piece bytes", bytes, 1, Integer.MAX_VALUE);
            return this;
        }

        /** Whether a transmitted header has a descriptor of its own; default false. */
        public Builder headerApart(boolean apart) {
            headerApart = apart;
            return this;
        }

        /** Whether {@link #connect} enables all queue pairs by VQ_PAIRS_SET where MQ is agreed; default true. */
        public Builder activateQueuePairs(boolean activateAll) {
            activate = activateAll;
            return this;
        }

        /** Size of guest memory; default: what rings and buffers need. */
        public Builder memoryBytes(long bytes) {
            if (bytes <= 0) {
                throw new IllegalArgumentException("memory bytes " + bytes + ": must be positive");
            }
            memoryBytes = bytes;
            return this;
        }

        /** Into how many regions the memory is cut, 1 to 8; default 1. Buffers then lie across them. */
        public Builder memoryRegions(int regions) {
            memoryRegions = inRange("memory regions", regions, 1, GuestRam.MAX_REGIONS);
            return this;
        }

        /** Where all ring indexes start, 0 to 65,535; default 0. Near the end it makes them wrap early. */
        public Builder ringBase(int base) {
            ringBase = inRange("ring base", base, 0, 0xFFFF);
            return this;
        }

        /** How long the back-end may take to answer; default 5 s. */
        public Builder replyTimeout(Duration timeout) {
            if (timeout.isNegative() || timeout.toMillis() == 0) {
                throw new IllegalArgumentException("reply timeout " + timeout + ": must be 1 ms or more");
            }
            replyTimeout = timeout;
            return this;
        }

        /** Epoll event loops to take one of; default: one of its own. */
        public Builder eventLoopGroup(EventLoopGroup epollGroup) {
            group = epollGroup;
            return this;
        }

        /** Adds handlers before the first packet can arrive. Called once by {@link #connect}, on its thread. */
        public Builder pipeline(Consumer<ChannelPipeline> handlers) {
            pipeline = pipeline.andThen(handlers);
            return this;
        }

        private static int inRange(String what, int value, int least, int most) {
            if (value < least || value > most) {
                throw new IllegalArgumentException("%s %d: must be %d to %d".formatted(what, value, least, most));
            }
            return value;
        }

        /**
         * The whole handshake. When it returns, rings run, receive buffers are posted and the control queue is ready.
         * Blocks; not on an event loop. After a failure nothing is left open.
         *
         * @throws VhostUserException if the back-end refuses a message or does not answer
         */
        public FakeGuest connect() throws IOException {
            Options options = new Options(
                    socket,
                    queuePairs,
                    queueSize,
                    wantedFeatures,
                    receiveBufferBytes,
                    receivePieceBytes,
                    headerApart,
                    activate,
                    memoryBytes,
                    memoryRegions,
                    ringBase,
                    replyTimeout,
                    pipeline);
            FrontEnd frontEnd = FrontEnd.connect(socket, replyTimeout);
            EventLoopGroup own = group == null ? new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory()) : null;
            EventLoop loop = (group == null ? own : group).next();
            if (!ReadinessHandle.fits(loop)) {
                frontEnd.close();
                throw new IllegalArgumentException("the guest needs an epoll event loop, not " + loop);
            }
            FakeGuest guest = new FakeGuest(options, frontEnd, (IoEventLoop) loop, own);
            try {
                guest.start();
                return guest;
            } catch (IOException | RuntimeException e) {
                guest.close();
                throw e;
            }
        }
    }
}
