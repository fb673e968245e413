// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.datapath;

import dev.ringtap.emulator.io.IoLoop;
import dev.ringtap.emulator.io.Watch;
import dev.ringtap.emulator.tap.PortQueue;
import java.lang.foreign.Arena;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * One queue pair: a TAP queue, the receive and the transmit path, and the loop that owns them all. The methods here may
 * be called from any thread; each becomes a message to that loop, and messages of one caller keep their order.
 */
public final class QueuePair {
    private final int index;
    private final IoLoop loop;
    private final PairCounters counters = new PairCounters();
    private final HashSource hashSource;
    private final Arena arena = Arena.ofShared();
    private final PortQueue tapQueue;
    private final PairEvents events;
    private ReceivePath receive;
    private TransmitPath transmit;
    private Watch tapWatch;
    private Watch receiveKick;
    private Watch transmitKick;

    /**
     * @param index index of the pair: receiveq{@code index + 1}, transmitq{@code index + 1} and TAP queue {@code index}
     * @param tapQueue stays owned by the caller and open until {@link #close} completed
     */
    public QueuePair(int index, IoLoop loop, PortQueue tapQueue, HashSource hashSource, PairEvents events) {
        this.index = index;
        this.loop = loop;
        this.tapQueue = tapQueue;
        this.hashSource = hashSource;
        this.events = events;
    }

    /** Index of the pair. */
    public int index() {
        return index;
    }

    /** The counters; any thread. */
    public PairCounters counters() {
        return counters;
    }

    /** Begins to listen to the TAP queue. */
    public CompletableFuture<Void> open() {
        return onLoop(() -> {
            receive = new ReceivePath(loop, arena, tapQueue, hashSource, counters, events);
            transmit = new TransmitPath(loop, arena, tapQueue, counters, events);
            tapWatch = tapQueue.watch(loop, receive::run);
        });
    }

    /** Ends both vrings and gives everything back. */
    public CompletableFuture<Void> close() {
        return stopReceive()
                .thenCombine(stopTransmit(), (a, b) -> a)
                .thenRunAsync(
                        () -> {
                            tapWatch.close();
                            receive.close();
                            transmit.close();
                            arena.close();
                        },
                        loop.executor());
    }

    /** Puts another contract in force between two bursts. */
    public CompletableFuture<Void> contract(DriverContract contract) {
        return onLoop(() -> {
            receive.contract(contract);
            transmit.contract(contract);
        });
    }

    /** Throws away frames that were sent before there was a driver. */
    public CompletableFuture<Void> discardBacklog() {
        return answeredOnLoop(done -> receive.discardBacklog(() -> done.complete(null)));
    }

    /** Starts the receive virtqueue, with the contract in force for the whole pair. */
    public CompletableFuture<Void> startReceive(Vring vring, DriverContract contract) {
        return onLoop(() -> {
            receive.contract(contract);
            transmit.contract(contract);
            if (vring.kick() != null) {
                receiveKick = loop.watch(vring.kick().number(), () -> {
                    counters.add(Counter.RX_KICKS, 1);
                    receive.run();
                });
            }
            receive.start(vring);
        });
    }

    /** Starts the transmit virtqueue, with the contract in force for the whole pair. */
    public CompletableFuture<Void> startTransmit(Vring vring, DriverContract contract) {
        return onLoop(() -> {
            receive.contract(contract);
            transmit.contract(contract);
            if (vring.kick() != null) {
                transmitKick = loop.watch(vring.kick().number(), () -> {
                    counters.add(Counter.TX_KICKS, 1);
                    transmit.run();
                });
            }
            transmit.start(vring);
        });
    }

    /** Stops the receive virtqueue; completes with its next available index (negative if it was not running). */
    public CompletableFuture<Integer> stopReceive() {
        return answeredOnLoop(base -> {
            if (receiveKick != null) {
                receiveKick.close();
                receiveKick = null;
            }
            receive.stop(base::complete);
        });
    }

    /** Stops the transmit virtqueue; completes with its next available index (negative if it was not running). */
    public CompletableFuture<Integer> stopTransmit() {
        return answeredOnLoop(base -> {
            if (transmitKick != null) {
                transmitKick.close();
                transmitKick = null;
            }
            transmit.stop(base::complete);
        });
    }

    /** Replaces the call descriptor of a running vring; the old one may be closed when this completed. */
    public CompletableFuture<Void> call(boolean receiving, CallSignal call) {
        return onLoop(() -> {
            Vring vring = receiving ? receive.vring() : transmit.vring();
            if (vring != null) {
                vring.call(call);
                if (call != null) {
                    // A used buffer published before the descriptor came would otherwise wait for the next one.
                    call.signal();
                }
            }
        });
    }

    /** See {@link HashSource#prepare}. */
    public CompletableFuture<Void> prepareHash(HashRules rules) {
        return onLoop(() -> hashSource.prepare(rules));
    }

    /** See {@link HashSource#commit}. */
    public CompletableFuture<Void> commitHash() {
        return onLoop(() -> {
            hashSource.commit();
            // An idle queue is empty now, and nothing else would come to see it.
            receive.run();
        });
    }

    /** Completes when the TAP queue has been read empty, or nothing is there to read for. */
    public CompletableFuture<Void> drain() {
        return answeredOnLoop(done -> receive.drain(() -> done.complete(null)));
    }

    /** Runs {@code work} on the loop; it answers by the future it gets, now or later. */
    private <T> CompletableFuture<T> answeredOnLoop(Consumer<CompletableFuture<T>> work) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        onLoop(() -> work.accept(answer)).exceptionally(failure -> {
            answer.completeExceptionally(failure);
            return null;
        });
        return answer;
    }

    private CompletableFuture<Void> onLoop(Runnable work) {
        Executor executor = loop.executor();
        return CompletableFuture.runAsync(work, executor);
    }
}
