// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import dev.ringtap.emulator.datapath.Counter;
import dev.ringtap.emulator.datapath.PairEvents;
import dev.ringtap.emulator.datapath.QueuePair;
import dev.ringtap.emulator.device.NetDevice;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.emulator.vhost.BackEndSession;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.socket.UnixConnection;
import dev.ringtap.linux.socket.UnixListener;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A TAP and a virtio-net device back to back: listens on a Unix socket and serves one vhost-user front-end after the
 * other, until closed. Loop 0 is the control loop (socket, messages, control queue); each queue pair has a loop of its
 * own.
 *
 * <p>Methods may be called from any thread but an emulator's own loops.
 */
public final class Emulator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Emulator.class);
    private static final long STOP_TIMEOUT_MS = 5_000;
    private static final long SECOND_FRONT_END_WAIT_MS = 1_000;
    private static final long ACCEPT_RETRY_INTERVAL_MS = 200;

    private final EmulatorConfig config;
    private final TapPort tap;
    private final MultiThreadIoEventLoopGroup loops;
    private final IoLoop controlLoop;
    private final List<QueuePair> pairs = new ArrayList<>();
    private final CompletableFuture<Void> failure = new CompletableFuture<>();
    private NetDevice device;
    private UnixListener listener;
    private Watch listenerWatch;
    private BackEndSession session;
    /** A front-end that came while another was there: mostly the same one again, before its end was seen. */
    private UnixConnection waiting;

    private volatile long connections;
    private volatile boolean connected;
    private volatile boolean closed;

    private Emulator(EmulatorConfig config) {
        this.config = config;
        this.tap = config.tap();
        int threads = 1 + tap.queueCount();
        loops = new MultiThreadIoEventLoopGroup(
                threads,
                new DefaultThreadFactory("ringtap-" + tap.name(), true),
                config.engine().handlers());
        controlLoop = config.engine().on(loops.next());
    }

    /**
     * Starts an emulator: takes TAP and steering, listens.
     *
     * @throws NativeException if a system call is refused; TAP and steering are closed then
     * @throws IOException if the socket's path is taken
     */
    public static Emulator start(EmulatorConfig config) throws IOException {
        Emulator emulator = new Emulator(config);
        try {
            emulator.open();
            return emulator;
        } catch (IOException | RuntimeException e) {
            emulator.close();
            throw e;
        }
    }

    private void open() throws IOException {
        PairEvents events = new PairEvents() {
            @Override
            public void driverFault(int vring, Throwable cause) {
                controlLoop.executor().execute(() -> {
                    if (session != null) {
                        session.driverFault(vring, cause);
                    }
                });
            }

            @Override
            public void tapGone() {
                failure.completeExceptionally(
                        new IOException("the TAP device %s is gone: somebody removed it".formatted(tap.name())));
            }
        };
        for (int i = 0; i < tap.queueCount(); i++) {
            QueuePair pair = new QueuePair(
                    i,
                    config.engine().on(loops.next()),
                    tap.queue(i),
                    config.steering().hashSource(i),
                    events);
            await(pair.open());
            pairs.add(pair);
        }
        device = new NetDevice(
                config.device(), tap, config.steering(), controlLoop, pairs, events, config.withheldFeatures());
        listener = UnixListener.bind(config.socket());
        await(CompletableFuture.runAsync(
                () -> listenerWatch = controlLoop.watch(listener.fd().number(), this::acceptFrontEnds),
                controlLoop.executor()));
    }

    private static void await(CompletableFuture<Void> work) throws IOException {
        try {
            work.get(STOP_TIMEOUT_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the emulator's loops were at work");
        } catch (ExecutionException e) {
            throw new IOException(e.getCause().getMessage(), e.getCause());
        } catch (TimeoutException e) {
            throw new IOException("the emulator's loops did not answer within %d ms".formatted(STOP_TIMEOUT_MS));
        }
    }

    private void acceptFrontEnds() {
        try {
            while (true) {
                UnixConnection connection = listener.accept();
                if (connection == null) {
                    return;
                }
                if (session == null) {
                    serve(connection);
                } else if (waiting == null) {
                    waiting = connection;
                    controlLoop
                            .executor()
                            .schedule(() -> endWait(connection), SECOND_FRONT_END_WAIT_MS, TimeUnit.MILLISECONDS);
                } else {
                    turnAway(connection);
                }
            }
        } catch (NativeException e) {
            LOG.error("cannot accept a front-end: {}", e.getMessage());
            // The descriptor limit, mostly; the connection still waits, and no edge will tell of it again.
            if (!closed) {
                controlLoop.executor().schedule(this::acceptFrontEnds, ACCEPT_RETRY_INTERVAL_MS, TimeUnit.MILLISECONDS);
            }
        }
    }

    private void serve(UnixConnection connection) {
        try {
            connection.fd().setNonBlocking(true);
        } catch (NativeException e) {
            LOG.error("cannot serve a front-end: {}", e.getMessage());
            connection.close();
            return;
        }
        connections++;
        connected = true;
        LOG.info("front-end connected");
        session = new BackEndSession(connection, controlLoop, device, this::sessionEnded);
    }

    private void endWait(UnixConnection connection) {
        if (connection == waiting) {
            waiting = null;
            turnAway(connection);
        }
    }

    private void turnAway(UnixConnection connection) {
        LOG.warn("a second front-end was turned away from {}: one at a time", config.socket());
        connection.close();
    }

    private void sessionEnded() {
        session = null;
        connected = false;
        LOG.info("front-end gone; waiting for the next on {}", config.socket());
        if (waiting != null && !closed) {
            UnixConnection next = waiting;
            waiting = null;
            serve(next);
        }
    }

    /** Completes exceptionally when the emulator cannot go on, with a message for people. */
    public CompletableFuture<Void> failure() {
        return failure;
    }

    /** Why RSS is not offered, or {@code null} if it is. */
    public String steeringUnavailable() {
        return config.steering().rssUnavailable();
    }

    /** What was made of the configuration. */
    public EmulatorConfig config() {
        return config;
    }

    /** A view of the counters now. */
    public EmulatorSnapshot snapshot() {
        List<Map<Counter, Long>> counts = new ArrayList<>();
        for (QueuePair pair : pairs) {
            Map<Counter, Long> values = new EnumMap<>(Counter.class);
            for (Counter counter : Counter.values()) {
                values.put(counter, pair.counters().get(counter));
            }
            counts.add(values);
        }
        return new EmulatorSnapshot(connected, connections, device.summary(), List.copyOf(counts));
    }

    /**
     * Stops: the front-end is disconnected, the socket removed, the TAP and the program released. Idempotent: whoever comes
     * second waits until it is done, such as a shutdown hook that ends the process afterwards.
     */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            if (listenerWatch != null) {
                await(CompletableFuture.supplyAsync(this::endSession, controlLoop.executor())
                        .thenCompose(ended -> ended));
            }
            for (QueuePair pair : pairs) {
                await(pair.close());
            }
        } catch (IOException e) {
            LOG.warn("stopping: {}", e.getMessage());
        }
        if (listener != null) {
            try {
                listener.close();
            } catch (IOException e) {
                LOG.warn("the socket {} could not be removed: {}", config.socket(), e.getMessage());
            }
        }
        loops.shutdownGracefully(0, STOP_TIMEOUT_MS, TimeUnit.MILLISECONDS).awaitUninterruptibly(STOP_TIMEOUT_MS);
        config.steering().close();
        tap.close();
    }

    private CompletableFuture<Void> endSession() {
        listenerWatch.close();
        if (waiting != null) {
            waiting.close();
            waiting = null;
        }
        return session == null ? CompletableFuture.completedFuture(null) : session.end(null);
    }
}
