// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Which queue the frames of a flow last came from, by the flow's hash. Lookups take no lock. The numbers are those of the
 * kernel's tun.c: 1,024 buckets, 4,096 flows, 3 seconds.
 */
final class FlowTable {
    static final int BUCKETS = 1024;
    static final int MAX_FLOWS = 4096;
    static final long AGEING_NS = 3_000_000_000L;
    static final int NO_QUEUE = -1;

    private static final class Flow {
        final int hash;
        volatile int queue;
        volatile long updatedNs;
        volatile Flow next;

        Flow(int hash, int queue, long updatedNs, Flow next) {
            this.hash = hash;
            this.queue = queue;
            this.updatedNs = updatedNs;
            this.next = next;
        }
    }

    private final AtomicReferenceArray<Flow> buckets = new AtomicReferenceArray<>(BUCKETS);
    private int flows;

    /** @return the queue of a flow, {@link #NO_QUEUE} if it is not known */
    int find(int hash) {
        Flow flow = lookUp(hash);
        return flow == null ? NO_QUEUE : flow.queue;
    }

    /**
     * A frame of the flow came from a queue. A full table takes no new flow.
     *
     * @return whether the table gained a flow
     */
    boolean learn(int hash, int queue, long nowNs) {
        Flow flow = lookUp(hash);
        if (flow == null) {
            return create(hash, queue, nowNs);
        }
        if (flow.queue != queue) {
            flow.queue = queue;
        }
        flow.updatedNs = nowNs;
        return false;
    }

    private synchronized boolean create(int hash, int queue, long nowNs) {
        if (flows == MAX_FLOWS || lookUp(hash) != null) {
            return false;
        }
        int bucket = bucket(hash);
        buckets.set(bucket, new Flow(hash, queue, nowNs, buckets.get(bucket)));
        flows++;
        return true;
    }

    private Flow lookUp(int hash) {
        Flow flow = buckets.get(bucket(hash));
        while (flow != null && flow.hash != hash) {
            flow = flow.next;
        }
        return flow;
    }

    private static int bucket(int hash) {
        return hash & BUCKETS - 1;
    }

    /** Forgets the flows of one queue. */
    synchronized void forgetQueue(int queue) {
        remove(queue, Long.MIN_VALUE, false);
    }

    /**
     * Forgets the flows of which nothing was heard for {@link #AGEING_NS}.
     *
     * @return whether there are flows left
     */
    synchronized boolean age(long nowNs) {
        remove(NO_QUEUE, nowNs, true);
        return flows > 0;
    }

    private void remove(int queue, long nowNs, boolean byAge) {
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            Flow before = null;
            for (Flow flow = buckets.get(bucket); flow != null; flow = flow.next) {
                if (byAge ? nowNs - flow.updatedNs < AGEING_NS : flow.queue != queue) {
                    before = flow;
                    continue;
                }
                if (before == null) {
                    buckets.set(bucket, flow.next);
                } else {
                    before.next = flow.next;
                }
                flows--;
            }
        }
    }

    synchronized int size() {
        return flows;
    }
}
