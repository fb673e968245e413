// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.emulator.datapath.CallSignal;
import dev.ringtap.emulator.datapath.ControlVring;
import dev.ringtap.emulator.datapath.DriverContract;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.PairEvents;
import dev.ringtap.emulator.datapath.QueuePair;
import dev.ringtap.emulator.datapath.Vring;
import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.tap.TapPort;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.ControlCommand;
import dev.ringtap.virtio.net.ControlCommandException;
import dev.ringtap.virtio.net.NetDeviceConfig;
import dev.ringtap.virtio.net.NetDeviceState;
import dev.ringtap.virtio.net.NetFeature;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.net.Toeplitz;
import dev.ringtap.virtio.net.VirtioFeature;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The virtio-net device: what the driver negotiated and configured, and how that reaches the TAP, the steering program and
 * the queue pairs. Lives on the control loop: methods are called there, and futures complete there.
 *
 * <p>A change goes through the loops in steps, each finished everywhere before the next: <em>prepare</em> (a packet may
 * come from the old or the new configuration), <em>steer</em> (the kernel switches, at once), <em>commit</em> (no more
 * packets of the old one come). So a packet's queue and hash always come from one configuration.
 */
public final class NetDevice {
    private static final Logger LOG = LoggerFactory.getLogger(NetDevice.class);
    private static final int ETHERNET_HEADER_BYTES = 14;
    private static final int VLAN_TAGS_BYTES = 2 * 4;
    /** Longest frame with segmentation offload: VIRTIO 1.3, 5.1.6.3.1 asks for buffers of 65,562 bytes with header. */
    private static final int LONGEST_FRAME_BYTES = 65_535 + ETHERNET_HEADER_BYTES + VLAN_TAGS_BYTES;

    private static final int ACK_OK = 0;
    private static final int ACK_ERR = 1;

    private final NetDeviceConfig config;
    private final TapPort tap;
    private final SteeringDesign steering;
    private final IoLoop controlLoop;
    private final List<QueuePair> pairs;
    private final PairEvents events;
    private final long offered;
    private long features;
    private NetDeviceState state;
    private HashRules rules = HashRules.NONE;
    private DriverContract contract;
    private int pairsInForce = 1;
    private ControlVring control;
    /** What {@link #summary} says before a driver has spoken. */
    public static final String NO_DRIVER = "no driver";

    /** A driver may send wrong commands without end; the log is finite. */
    private int refusalsToLog = 20;

    private volatile String summary = NO_DRIVER;
    private CompletableFuture<Void> change = CompletableFuture.completedFuture(null);

    /**
     * @param steering steers {@code tap}
     * @param withheld feature bits not to offer
     */
    public NetDevice(
            NetDeviceConfig config,
            TapPort tap,
            SteeringDesign steering,
            IoLoop controlLoop,
            List<QueuePair> pairs,
            PairEvents events,
            long withheld)
            throws IOException {
        this.config = config;
        this.tap = tap;
        this.steering = steering;
        this.controlLoop = controlLoop;
        this.pairs = List.copyOf(pairs);
        this.events = events;
        this.offered = offer() & ~withheld;
        this.state = NetDeviceState.initial(config, 0);
        this.contract = contractFor(state);
        setOffloads(0);
        steering.automatic(1, rules, false);
    }

    private long offer() {
        long all = VirtioFeature.VERSION_1.mask()
                | VirtioFeature.INDIRECT_DESC.mask()
                | VirtioFeature.EVENT_IDX.mask()
                | mask(
                        NetFeature.CSUM,
                        NetFeature.GUEST_CSUM,
                        NetFeature.CTRL_GUEST_OFFLOADS,
                        NetFeature.MTU,
                        NetFeature.MAC,
                        NetFeature.GUEST_TSO4,
                        NetFeature.GUEST_TSO6,
                        NetFeature.GUEST_ECN,
                        NetFeature.HOST_TSO4,
                        NetFeature.HOST_TSO6,
                        NetFeature.HOST_ECN,
                        NetFeature.MRG_RXBUF,
                        NetFeature.STATUS,
                        NetFeature.CTRL_VQ,
                        NetFeature.CTRL_RX,
                        NetFeature.CTRL_RX_EXTRA,
                        NetFeature.CTRL_VLAN,
                        NetFeature.CTRL_MAC_ADDR,
                        NetFeature.HASH_REPORT,
                        NetFeature.SPEED_DUPLEX);
        int tunOffloads = tap.supportedOffloads();
        int uso = Offloads.tunFlags(mask(NetFeature.GUEST_CSUM, NetFeature.GUEST_USO4, NetFeature.GUEST_USO6));
        if ((tunOffloads & uso) == uso) {
            all |= mask(NetFeature.GUEST_USO4, NetFeature.GUEST_USO6, NetFeature.HOST_USO);
        }
        if (pairs.size() > 1) {
            all |= NetFeature.MQ.mask();
        }
        if (steering.rssUnavailable() == null) {
            all |= NetFeature.RSS.mask();
        }
        return all;
    }

    private static long mask(NetFeature... features) {
        long all = 0;
        for (NetFeature feature : features) {
            all |= feature.mask();
        }
        return all;
    }

    /** Feature bits offered to drivers. */
    public long offered() {
        return offered;
    }

    /** Feature bits acknowledged; 0 before a driver spoke. */
    public long features() {
        return features;
    }

    /** Index of the control virtqueue: after all receive and transmit queues that the device has. */
    public int controlQueueIndex() {
        return 2 * pairs.size();
    }

    /** Number of virtqueues, the control queue included. */
    public int virtqueues() {
        return 2 * pairs.size() + 1;
    }

    /** The configuration space as the driver sees it now. */
    public byte[] configSpace() {
        return config.withMac(state.mac()).encode(offered, true, false);
    }

    /** One line for people: what the driver has set. Any thread. */
    public String summary() {
        return summary;
    }

    /** A driver starts over with these features: everything it had set is as after a reset. */
    public CompletableFuture<Void> negotiate(long acknowledged) {
        return enqueue(() -> {
            features = acknowledged;
            pairsInForce = 1;
            return moveTo(NetDeviceState.initial(config, acknowledged));
        });
    }

    /** The front-end says itself how many pairs are in use, because the control queue stays with it. */
    public CompletableFuture<Void> enabledPairs(int count) {
        if (NetFeature.CTRL_VQ.in(features) || count == pairsInForce) {
            return CompletableFuture.completedFuture(null);
        }
        return enqueue(() -> {
            pairsInForce = Math.clamp(count, 1, pairs.size());
            return moveTo(state);
        });
    }

    /** Starts a virtqueue, after any change under way. */
    public CompletableFuture<Void> start(Vring vring) {
        return enqueue(() -> {
            int index = vring.index();
            if (index == controlQueueIndex()) {
                control = new ControlVring(controlLoop, vring, this::execute, events);
                return CompletableFuture.completedFuture(null);
            }
            QueuePair pair = pairs.get(index / 2);
            return onControlLoop(
                    index % 2 == 0 ? pair.startReceive(vring, contract) : pair.startTransmit(vring, contract));
        });
    }

    /** Stops a virtqueue; completes with its next available index, negative if it was not running. */
    public CompletableFuture<Integer> stop(int index) {
        if (index == controlQueueIndex()) {
            if (control == null) {
                return CompletableFuture.completedFuture(-1);
            }
            CompletableFuture<Integer> stopped = control.stop();
            control = null;
            return onControlLoop(stopped);
        }
        QueuePair pair = pairs.get(index / 2);
        return onControlLoop(index % 2 == 0 ? pair.stopReceive() : pair.stopTransmit());
    }

    /** Replaces a running virtqueue's call descriptor. */
    public CompletableFuture<Void> call(int index, CallSignal call) {
        if (index == controlQueueIndex()) {
            if (control != null) {
                control.call(call);
            }
            return CompletableFuture.completedFuture(null);
        }
        return onControlLoop(pairs.get(index / 2).call(index % 2 == 0, call));
    }

    /** Frames sent before there was a driver are thrown away. */
    public CompletableFuture<Void> discardBacklog() {
        return everywhere(QueuePair::discardBacklog);
    }

    private CompletableFuture<Integer> execute(byte[] request, int lengthBytes) {
        ControlCommand command;
        try {
            command = ControlCommand.parse(request, lengthBytes, config, features);
        } catch (ControlCommandException e) {
            if (refusalsToLog > 0) {
                refusalsToLog--;
                LOG.warn("control command refused: {}{}", e.getMessage(), refusalsToLog == 0 ? " (the last told)" : "");
            }
            return CompletableFuture.completedFuture(ACK_ERR);
        }
        return enqueue(() -> {
                    NetDeviceState next = state.apply(command);
                    if (next.rss() != null && steering.rssUnavailable() != null) {
                        throw new IllegalStateException("RSS was not offered: " + steering.rssUnavailable());
                    }
                    return moveTo(next);
                })
                .handle((nothing, failure) -> {
                    if (failure != null) {
                        LOG.error("control command {} failed: {}", command, failure.getMessage());
                        LOG.debug("how it failed", failure);
                        return ACK_ERR;
                    }
                    LOG.debug("control command {}", command);
                    return ACK_OK;
                });
    }

    /** Brings a state into force, step by step; one change at a time. */
    private CompletableFuture<Void> moveTo(NetDeviceState next) {
        NetDeviceState before = state;
        int pairsWanted = NetFeature.CTRL_VQ.in(features) ? next.queuePairs() : pairsInForce;
        HashRules nextRules = rulesOf(next);
        DriverContract nextContract = contractFor(next);
        boolean resteer = next.rss() != before.rss()
                || next.hash() != before.hash()
                || (next.rss() == null && pairsWanted != steering.attachedQueues());
        CompletableFuture<Void> steered =
                resteer ? resteer(next, nextRules, pairsWanted) : CompletableFuture.completedFuture(null);
        return steered.thenCompose(nothing -> exchangeContracts(nextContract)).thenRun(() -> {
            state = next;
            rules = nextRules;
            contract = nextContract;
            pairsInForce = pairsWanted;
            summary = summarize();
        });
    }

    private CompletableFuture<Void> resteer(NetDeviceState next, HashRules nextRules, int pairsWanted) {
        HashRules before = rules;
        return everywhere(pair -> pair.prepareHash(nextRules))
                .thenCompose(nothing -> steer(next, nextRules, pairsWanted))
                .exceptionallyCompose(failure -> everywhere(pair -> pair.prepareHash(before))
                        .thenCompose(nothing -> everywhere(QueuePair::commitHash))
                        .thenCompose(nothing -> CompletableFuture.failedFuture(failure)))
                .thenCompose(nothing -> everywhere(QueuePair::commitHash));
    }

    private CompletableFuture<Void> steer(NetDeviceState next, HashRules nextRules, int pairsWanted) {
        boolean reported = NetFeature.HASH_REPORT.in(features);
        return attempt(() -> {
            if (next.rss() != null) {
                steering.rss(nextRules, reported);
                return CompletableFuture.completedFuture(null);
            }
            if (pairsWanted >= steering.attachedQueues()) {
                steering.automatic(pairsWanted, nextRules, reported);
                return CompletableFuture.completedFuture(null);
            }
            steering.holdAtQueueZero();
            Stream<QueuePair> leaving = pairs.stream().skip(pairsWanted);
            return onControlLoop(allOf(leaving.map(QueuePair::drain)))
                    .thenCompose(nothing -> attempt(() -> {
                        steering.automatic(pairsWanted, nextRules, reported);
                        return CompletableFuture.completedFuture(null);
                    }));
        });
    }

    /** New offloads: first both kinds of frame are taken, then the TAP switches, then only the new kind is taken. */
    private CompletableFuture<Void> exchangeContracts(DriverContract next) {
        if (next.equals(contract)) {
            return CompletableFuture.completedFuture(null);
        }
        long both = next.guestOffloads() | contract.guestOffloads();
        if (both == next.guestOffloads() && both == contract.guestOffloads()) {
            return everywhere(pair -> pair.contract(next));
        }
        DriverContract either = new DriverContract(
                next.features(),
                next.headerBytes(),
                next.mergeable(),
                both,
                Math.max(next.largestFrameBytes(), contract.largestFrameBytes()),
                next.usualFrameBytes(),
                next.filter());
        return everywhere(pair -> pair.contract(either))
                .thenCompose(nothing -> attempt(() -> {
                    setOffloads(Offloads.tunFlags(next.guestOffloads()));
                    return everywhere(QueuePair::drain);
                }))
                .thenCompose(nothing -> everywhere(pair -> pair.contract(next)));
    }

    private void setOffloads(int tunFlags) throws IOException {
        steering.beforeOffloads(tunFlags);
        tap.setOffloads(tunFlags);
        steering.afterOffloads(tunFlags);
    }

    private static HashRules rulesOf(NetDeviceState state) {
        if (state.rss() != null) {
            return new HashRules(new Toeplitz(state.rss().key()), state.rss().hashTypes(), state.rss());
        }
        if (state.hash() != null && state.hash().hashTypes() != 0) {
            return new HashRules(new Toeplitz(state.hash().key()), state.hash().hashTypes(), null);
        }
        return HashRules.NONE;
    }

    private DriverContract contractFor(NetDeviceState next) {
        int usual = config.mtu() + ETHERNET_HEADER_BYTES;
        return new DriverContract(
                features,
                NetHeader.bytes(features),
                NetFeature.MRG_RXBUF.in(features),
                next.guestOffloads(),
                Offloads.longFrames(next.guestOffloads()) ? LONGEST_FRAME_BYTES : usual + VLAN_TAGS_BYTES,
                usual,
                next.filter());
    }

    private String summarize() {
        if (features == 0) {
            return NO_DRIVER;
        }
        String steeredBy = state.rss() == null
                ? "automatic steering over %d of %d queue pairs".formatted(pairsInForce, pairs.size())
                : "RSS, table of %d, hash types 0x%x"
                        .formatted(state.rss().table().length, state.rss().hashTypes());
        return "%s, header of %d bytes%s"
                .formatted(
                        steeredBy,
                        contract.headerBytes(),
                        contract.headerBytes() == NetHeader.SIZE_WITH_HASH ? " with hash report" : "");
    }

    // One change after another: a command that comes while the loops still follow an earlier one waits for it.
    private CompletableFuture<Void> enqueue(Supplier<CompletableFuture<Void>> work) {
        change = change.handle((nothing, failure) -> null)
                .thenComposeAsync(nothing -> work.get(), controlLoop.executor());
        return change;
    }

    private CompletableFuture<Void> everywhere(Function<QueuePair, CompletableFuture<Void>> message) {
        return onControlLoop(allOf(pairs.stream().map(message)));
    }

    private static CompletableFuture<Void> allOf(Stream<CompletableFuture<Void>> parts) {
        return CompletableFuture.allOf(parts.toArray(CompletableFuture[]::new));
    }

    private <T> CompletableFuture<T> onControlLoop(CompletableFuture<T> future) {
        Executor executor = controlLoop.executor();
        return future.thenApplyAsync(Function.identity(), executor);
    }

    private interface HostStep {
        CompletableFuture<Void> run() throws IOException;
    }

    private CompletableFuture<Void> attempt(HostStep step) {
        try {
            return step.run();
        } catch (IOException e) {
            if (e instanceof NativeException refusal && refusal.errno() == Errno.EBADFD) {
                events.tapGone();
            }
            return CompletableFuture.failedFuture(e);
        }
    }
}
