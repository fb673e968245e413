// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.vhost;

import dev.ringtap.emulator.datapath.CallSignal;
import dev.ringtap.emulator.device.NetDevice;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.socket.UnixConnection;
import dev.ringtap.virtio.net.FeatureRules;
import dev.ringtap.virtio.net.NetFeature;
import dev.ringtap.virtio.queue.VirtqueueException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One front-end's connection, from accept to close: messages in order, each carried out before the next is read. Control
 * loop only.
 *
 * <p>A message that makes no sense is answered with a failure if the front-end asked for an answer, and ends the connection
 * otherwise: nothing else can tell the front-end. Neither touches any other connection, and the next front-end finds a
 * device as after a reset.
 */
public final class BackEndSession {
    private static final Logger LOG = LoggerFactory.getLogger(BackEndSession.class);

    /** VHOST_USER_F_PROTOCOL_FEATURES, a feature bit of the transport that drivers never see. */
    private static final long F_PROTOCOL_FEATURES = 1L << 30;

    private static final int VRING_INDEX_MASK = 0xFF;
    private static final int VRING_NO_FD = 1 << 8;
    private static final int STATUS_NEEDS_RESET = 1 << 6;
    private static final int BACKEND_CONFIG_CHANGE_MSG = 2;
    private static final int LEAST_MTU = 68;
    private static final int MOST_MTU = 65_535;

    private final UnixConnection connection;
    private final IoLoop loop;
    private final NetDevice device;
    private final Runnable onEnd;
    private final MessageReader reader;
    private final VringSetup[] vrings;
    private final Watch watch;
    private UnixConnection backEndRequests;
    private long features;
    private boolean negotiated;
    private long protocolFeatures;
    private int status;
    private MemoryTable memory;
    /** Everything that starts or stops rings goes through here, one after the other. */
    private CompletableFuture<?> last = CompletableFuture.completedFuture(null);

    private boolean busy;
    private boolean ended;
    private CompletableFuture<Void> end;
    private boolean faultLogged;
    private boolean backlogDiscarded;

    /**
     * Starts to serve a front-end.
     *
     * @param connection non-blocking, owned by the session from now on
     * @param onEnd runs once when everything of the session has been given back
     */
    public BackEndSession(UnixConnection connection, IoLoop loop, NetDevice device, Runnable onEnd) {
        this.connection = connection;
        this.loop = loop;
        this.device = device;
        this.onEnd = onEnd;
        reader = new MessageReader(connection);
        vrings = IntStream.range(0, device.virtqueues())
                .mapToObj(VringSetup::new)
                .toArray(VringSetup[]::new);
        watch = loop.watch(connection.fd().number(), this::readMessages);
    }

    private void readMessages() {
        while (!busy && !ended) {
            Message message;
            try {
                message = reader.next();
            } catch (PeerException | NativeException e) {
                end("front-end refused: " + e.getMessage());
                return;
            }
            if (message == null) {
                if (reader.ended()) {
                    end(null);
                }
                return;
            }
            busy = true;
            carryOut(message);
        }
    }

    private void carryOut(Message message) {
        LOG.debug("{}{}", message.request(), message.needReply() ? ", reply wanted" : "");
        CompletableFuture<ByteBuffer> answer = next(() -> {
            try {
                return ended ? CompletableFuture.completedFuture(null) : handle(message);
            } catch (PeerException | NativeException e) {
                return CompletableFuture.failedFuture(e);
            }
        });
        answer.whenCompleteAsync(
                (reply, failure) -> {
                    message.close();
                    busy = false;
                    if (ended) {
                        return;
                    }
                    respond(message, reply, failure);
                    readMessages();
                },
                loop.executor());
    }

    private <T> CompletableFuture<T> next(Supplier<CompletableFuture<T>> work) {
        CompletableFuture<T> result =
                last.handle((nothing, failure) -> null).thenComposeAsync(nothing -> work.get(), loop.executor());
        last = result;
        return result;
    }

    private void respond(Message message, ByteBuffer reply, Throwable failure) {
        try {
            if (reply != null) {
                send(connection, reply);
                return;
            }
            boolean acknowledges = message.needReply() && ProtocolFeature.REPLY_ACK.in(protocolFeatures);
            if (failure != null) {
                Throwable cause = causeOf(failure);
                if (!(cause instanceof PeerException || cause instanceof NativeException)) {
                    LOG.error("{} failed", message.request(), cause);
                }
                if (!acknowledges) {
                    end("front-end refused: %s: %s".formatted(message.request(), cause.getMessage()));
                    return;
                }
                LOG.warn("{} refused: {}", message.request(), cause.getMessage());
            }
            if (acknowledges) {
                ByteBuffer ack = Message.reply(message.request(), Long.BYTES);
                send(connection, ack.putLong(failure == null ? 0 : 1));
            }
        } catch (NativeException e) {
            end("the front-end takes no reply: " + e.getMessage());
        }
    }

    /** A stage wraps what an earlier one threw. */
    private static Throwable causeOf(Throwable failure) {
        return failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
    }

    private static void send(UnixConnection to, ByteBuffer message, int... fds) throws NativeException {
        to.send(message.array(), 0, message.position(), fds);
    }

    private CompletableFuture<ByteBuffer> handle(Message message) throws PeerException, NativeException {
        ByteBuffer payload = message.payload();
        return switch (message.request()) {
            case GET_FEATURES ->
                reply(Message.reply(message.request(), Long.BYTES).putLong(device.offered() | F_PROTOCOL_FEATURES));
            case SET_FEATURES -> silently(setFeatures(payload.getLong()));
            case SET_OWNER -> silently(done());
            case RESET_OWNER, RESET_DEVICE -> silently(resetDevice());
            case SET_MEM_TABLE -> silently(setMemoryTable(message));
            case SET_VRING_NUM -> {
                vring(payload.getInt()).size(payload.getInt());
                yield silently(done());
            }
            case SET_VRING_ADDR -> silently(setVringAddresses(payload));
            case SET_VRING_BASE -> {
                vring(payload.getInt()).base(payload.getInt());
                yield silently(done());
            }
            case GET_VRING_BASE -> getVringBase(message);
            case SET_VRING_KICK -> silently(setVringKick(message));
            case SET_VRING_CALL -> silently(setVringCall(message));
            case SET_VRING_ERR -> {
                int index = payload.getInt();
                vring(index & VRING_INDEX_MASK).err(descriptorOf(message, index));
                yield silently(done());
            }
            case GET_PROTOCOL_FEATURES ->
                reply(Message.reply(message.request(), Long.BYTES).putLong(ProtocolFeature.offered()));
            case SET_PROTOCOL_FEATURES -> silently(setProtocolFeatures(payload.getLong()));
            case GET_QUEUE_NUM ->
                reply(Message.reply(message.request(), Long.BYTES).putLong(device.virtqueues()));
            case SET_VRING_ENABLE -> silently(setVringEnable(payload.getInt(), payload.getInt()));
            case NET_SET_MTU -> silently(checkMtu(payload.getLong()));
            case SET_BACKEND_REQ_FD -> silently(setBackEndChannel(message));
            case GET_CONFIG -> getConfig(message);
            case SET_CONFIG ->
                throw new PeerException("the configuration space has no field that a driver of VERSION_1 may write");
            case SET_STATUS -> silently(setStatus(payload.getLong()));
            case GET_STATUS ->
                reply(Message.reply(message.request(), Long.BYTES).putLong(status));
        };
    }

    private static CompletableFuture<ByteBuffer> reply(ByteBuffer reply) {
        return CompletableFuture.completedFuture(reply);
    }

    private static CompletableFuture<ByteBuffer> silently(CompletableFuture<Void> work) {
        return work.thenApply(nothing -> null);
    }

    private static CompletableFuture<Void> done() {
        return CompletableFuture.completedFuture(null);
    }

    private VringSetup vring(int index) throws PeerException {
        if (index < 0 || index >= vrings.length) {
            throw new PeerException("virtqueue %s, there are %d (%d queue pairs and the control queue)"
                    .formatted(Integer.toUnsignedString(index), vrings.length, vrings.length / 2));
        }
        return vrings[index];
    }

    private CompletableFuture<Void> setFeatures(long bits) throws PeerException {
        long driverBits = bits & ~F_PROTOCOL_FEATURES;
        // QEMU keeps the control queue to itself and passes the features that need one on without it.
        long withControlQueue = driverBits | NetFeature.CTRL_VQ.mask() & device.offered();
        String problem = FeatureRules.check(withControlQueue, device.offered());
        if (problem != null) {
            throw new PeerException("features 0x%x: %s".formatted(bits, problem));
        }
        boolean running = IntStream.range(0, vrings.length).anyMatch(i -> vrings[i].running());
        if (running) {
            if (bits != features) {
                throw new PeerException("features 0x%x while virtqueues run with 0x%x".formatted(bits, features));
            }
            return done();
        }
        features = bits;
        negotiated = true;
        LOG.info("driver features: {}", NetFeature.describe(driverBits));
        return device.negotiate(driverBits).thenCompose(nothing -> startReady());
    }

    private CompletableFuture<Void> setProtocolFeatures(long bits) throws PeerException {
        long unknown = bits & ~ProtocolFeature.offered();
        if (unknown != 0) {
            throw new PeerException("protocol features 0x%x: 0x%x were not offered".formatted(bits, unknown));
        }
        protocolFeatures = bits;
        return done();
    }

    private CompletableFuture<Void> setMemoryTable(Message message) throws PeerException, NativeException {
        MemoryTable table = MemoryTable.map(message.payload(), message.fds());
        return stopAll()
                .thenCompose(nothing -> {
                    MemoryTable before = memory;
                    memory = table;
                    release(before);
                    return startReady();
                })
                .whenComplete((nothing, failure) -> {
                    if (memory != table) {
                        release(table);
                    }
                });
    }

    /** Unmapping takes milliseconds, and this loop has commands to answer. */
    private static void release(MemoryTable table) {
        if (table != null) {
            Thread.ofVirtual().name("ringtap-unmap").start(table::close);
        }
    }

    private CompletableFuture<Void> setVringAddresses(ByteBuffer payload) throws PeerException {
        VringSetup vring = vring(payload.getInt());
        int flags = payload.getInt();
        if (flags != 0) {
            throw new PeerException("virtqueue %d asks for write logging (flags 0x%x), which is not offered"
                    .formatted(vring.index(), flags));
        }
        long descriptors = payload.getLong();
        long used = payload.getLong();
        long available = payload.getLong();
        if (!vring.running()) {
            vring.addresses(descriptors, used, available);
            return startReady();
        }
        return stop(vring).thenCompose(nothing -> {
            vring.addresses(descriptors, used, available);
            return startReady();
        });
    }

    private static OwnedFd descriptorOf(Message message, int vringIndex) throws PeerException {
        boolean none = (vringIndex & VRING_NO_FD) != 0;
        if (none != message.fds().isEmpty()) {
            throw new PeerException("virtqueue %d: the no-descriptor flag is %s but %s"
                    .formatted(
                            vringIndex & VRING_INDEX_MASK,
                            none ? "set" : "clear",
                            none ? "a descriptor came" : "no descriptor came"));
        }
        return message.takeFd();
    }

    private CompletableFuture<Void> setVringKick(Message message) throws PeerException {
        int index = message.payload().getInt();
        VringSetup vring = vring(index & VRING_INDEX_MASK);
        OwnedFd kick = descriptorOf(message, index);
        return stop(vring)
                .whenComplete((nothing, failure) -> {
                    if (failure != null && kick != null) {
                        kick.close();
                    }
                })
                .thenCompose(nothing -> {
                    try {
                        vring.kick(kick);
                    } catch (PeerException e) {
                        return CompletableFuture.failedFuture(e);
                    }
                    return startReady();
                });
    }

    private CompletableFuture<Void> setVringCall(Message message) throws PeerException {
        int index = message.payload().getInt();
        VringSetup vring = vring(index & VRING_INDEX_MASK);
        CallSignal before = vring.call(descriptorOf(message, index));
        CompletableFuture<Void> replaced = vring.running() ? device.call(vring.index(), vring.call()) : done();
        return replaced.whenComplete((nothing, failure) -> {
            if (before != null) {
                before.close();
            }
        });
    }

    private CompletableFuture<Void> setVringEnable(int index, int on) throws PeerException {
        VringSetup vring = vring(index);
        if (on != 0 && on != 1) {
            throw new PeerException(
                    "virtqueue %d: enable is %s, expected 0 or 1".formatted(index, Integer.toUnsignedString(on)));
        }
        vring.enable(on == 1);
        if (on == 1) {
            return startReady().thenCompose(nothing -> device.enabledPairs(enabledPairs()));
        }
        return stop(vring).thenCompose(nothing -> device.enabledPairs(enabledPairs()));
    }

    private int enabledPairs() {
        int pairs = 0;
        while (2 * pairs + 1 < vrings.length && vrings[2 * pairs].enabled()) {
            pairs++;
        }
        return pairs;
    }

    private CompletableFuture<ByteBuffer> getVringBase(Message message) throws PeerException {
        VringSetup vring = vring(message.payload().getInt());
        return stop(vring).thenApply(nothing -> {
            vring.unkick();
            return Message.reply(message.request(), Long.BYTES)
                    .putInt(vring.index())
                    .putInt(vring.base());
        });
    }

    private CompletableFuture<Void> checkMtu(long mtu) throws PeerException {
        if (mtu < LEAST_MTU || mtu > MOST_MTU) {
            throw new PeerException(
                    "an MTU of %s, expected %d to %d".formatted(Long.toUnsignedString(mtu), LEAST_MTU, MOST_MTU));
        }
        return done();
    }

    private CompletableFuture<Void> setBackEndChannel(Message message) throws NativeException {
        if (backEndRequests != null) {
            backEndRequests.close();
        }
        backEndRequests = UnixConnection.adopt(message.takeFd());
        // A front-end that reads no requests must not hold up its own messages.
        backEndRequests.fd().setNonBlocking(true);
        return done();
    }

    private CompletableFuture<ByteBuffer> getConfig(Message message) {
        ByteBuffer payload = message.payload();
        int offset = payload.getInt();
        int size = payload.getInt();
        int flags = payload.getInt();
        if (offset < 0 || size < 0 || size > FrontEndRequest.Limits.CONFIG_BYTES - offset) {
            LOG.warn(
                    "GET_CONFIG refused: {} bytes at offset {}, the configuration space has {}",
                    Integer.toUnsignedString(size),
                    Integer.toUnsignedString(offset),
                    FrontEndRequest.Limits.CONFIG_BYTES);
            // The protocol's word for a failure: a reply without payload.
            return reply(Message.reply(message.request(), 0));
        }
        byte[] space = device.configSpace();
        ByteBuffer reply = Message.reply(message.request(), 12 + size)
                .putInt(offset)
                .putInt(size)
                .putInt(flags);
        for (int i = offset; i < offset + size; i++) {
            // Fields behind the last one that this device has read as zero.
            reply.put(i < space.length ? space[i] : 0);
        }
        return reply(reply);
    }

    private CompletableFuture<Void> setStatus(long value) throws PeerException {
        if (value < 0 || value > 0xFF) {
            throw new PeerException("a device status of 0x%x has more than 8 bits".formatted(value));
        }
        if (value == 0) {
            return resetDevice();
        }
        status = (int) value | status & STATUS_NEEDS_RESET;
        return done();
    }

    private CompletableFuture<Void> resetDevice() {
        return stopAll().thenCompose(nothing -> {
            status = 0;
            features = 0;
            negotiated = false;
            backlogDiscarded = false;
            for (VringSetup vring : vrings) {
                vring.reset();
            }
            return device.negotiate(0);
        });
    }

    private CompletableFuture<Void> stop(VringSetup vring) {
        if (!vring.running()) {
            return done();
        }
        return device.stop(vring.index()).thenAccept(vring::stoppedAt);
    }

    private CompletableFuture<Void> stopAll() {
        CompletableFuture<?>[] stops = new CompletableFuture<?>[vrings.length];
        for (int i = 0; i < vrings.length; i++) {
            stops[i] = stop(vrings[i]);
        }
        return CompletableFuture.allOf(stops);
    }

    /** Starts every virtqueue that has all it needs. */
    private CompletableFuture<Void> startReady() {
        if (memory == null || !negotiated) {
            return done();
        }
        boolean needsEnable = (features & F_PROTOCOL_FEATURES) != 0;
        CompletableFuture<Void> begun = done();
        for (VringSetup vring : vrings) {
            if (!vring.ready(needsEnable)) {
                continue;
            }
            if (!backlogDiscarded) {
                backlogDiscarded = true;
                begun = device.discardBacklog();
            }
            begun = begun.thenCompose(nothing -> {
                if (!vring.ready(needsEnable)) {
                    return done();
                }
                try {
                    return device.start(vring.start(memory.memory(), features));
                } catch (PeerException e) {
                    return CompletableFuture.failedFuture(e);
                }
            });
        }
        return begun.thenCompose(nothing -> device.enabledPairs(enabledPairs()));
    }

    /** A driver broke a rule: every virtqueue stops, and all there is to tell the driver by is used. */
    public void driverFault(int index, Throwable cause) {
        if (ended) {
            return;
        }
        if (!faultLogged) {
            // Once a session: a driver may break its rings again after every reset.
            faultLogged = true;
            String what = cause instanceof VirtqueueException ? cause.getMessage() : cause.toString();
            LOG.warn("virtqueue {} is broken by its driver: {}. The device needs a reset.", index, what);
        }
        status |= STATUS_NEEDS_RESET;
        next(() -> {
            for (VringSetup vring : vrings) {
                vring.markBroken();
            }
            return stopAll().thenRun(this::announceConfigChange);
        });
    }

    private void announceConfigChange() {
        if (backEndRequests == null || !ProtocolFeature.BACKEND_REQ.in(protocolFeatures)) {
            return;
        }
        try {
            send(backEndRequests, Message.encode(BACKEND_CONFIG_CHANGE_MSG, Message.VERSION, 0));
        } catch (NativeException e) {
            LOG.debug("the front-end takes no requests: {}", e.getMessage());
        }
    }

    /**
     * Ends the session: rings stop, memory and descriptors are given back, the device is reset.
     *
     * @param reason a line for the log, or {@code null} if the front-end just left
     * @return completes when all of that is done, also if it had begun before
     */
    public CompletableFuture<Void> end(String reason) {
        if (ended) {
            return end;
        }
        ended = true;
        if (reason != null) {
            LOG.warn("{}", reason);
        }
        watch.close();
        end = next(this::stopAll)
                .handle((nothing, failure) -> null)
                .thenComposeAsync(nothing -> device.negotiate(0), loop.executor())
                .whenCompleteAsync(
                        (nothing, failure) -> {
                            if (failure != null) {
                                LOG.error(
                                        "resetting the device failed: {}",
                                        causeOf(failure).getMessage());
                                LOG.debug("how it failed", failure);
                            }
                            release(memory);
                            memory = null;
                            for (VringSetup vring : vrings) {
                                vring.close();
                            }
                            if (backEndRequests != null) {
                                backEndRequests.close();
                            }
                            reader.close();
                            connection.close();
                            onEnd.run();
                        },
                        loop.executor());
        return end;
    }
}
