// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.vm.EbpfFault;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmProgram;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A program that answers with a hash beside the queue. Both come from one run, and stay with the frame. */
public final class HashProgramChooser implements QueueChooser {
    private static final Logger LOG = LoggerFactory.getLogger(HashProgramChooser.class);

    private final VmProgram program;
    private final boolean queueInContext;
    private final BooleanSupplier automatic;
    private volatile boolean faulted;

    private HashProgramChooser(VmProgram program, boolean queueInContext, BooleanSupplier automatic) {
        this.program = Objects.requireNonNull(program, "program");
        this.queueInContext = queueInContext;
        this.automatic = automatic;
    }

    /**
     * A program of the proposed type: queue and hash are what it leaves in {@code vnet_rss_queue}, {@code vnet_hash_value} and
     * {@code vnet_hash_report}.
     *
     * @param program of the type VNET_HASH
     * @param automatic whether the first of the fields is to hold the choice of automatic steering before the run; otherwise
     *     it holds 0, and nothing is spent on it
     */
    public static HashProgramChooser vnetHash(VmProgram program, BooleanSupplier automatic) {
        return new HashProgramChooser(program, true, automatic);
    }

    /**
     * A steering program that reports the hash by {@link ReportHash}; the queue is its result.
     *
     * @param program of the type SOCKET_FILTER
     */
    public static HashProgramChooser reporting(VmProgram program) {
        return new HashProgramChooser(program, false, () -> false);
    }

    @Override
    public int choose(SentPacket packet) {
        SkBuff skb = packet.skBuff();
        if (automatic.getAsBoolean()) {
            skb.vnetRssQueue(packet.automaticQueue());
        }
        try {
            int result = (int) program.run(skb);
            packet.reportHash(skb.vnetHashValue(), skb.vnetHashReport());
            return queueInContext ? skb.vnetRssQueue() : result;
        } catch (EbpfFault e) {
            // Told once; the packets go where a program that answers nothing sends them.
            if (!faulted) {
                faulted = true;
                LOG.error("the steering program failed, packets of this kind go to queue 0", e);
            }
            return 0;
        }
    }
}
