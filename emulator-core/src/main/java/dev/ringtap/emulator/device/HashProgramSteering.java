// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.HashRules;
import dev.ringtap.emulator.datapath.HashSource;
import dev.ringtap.emulator.datapath.HeaderHashSource;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.emulator.tap.emulated.HashProgramChooser;
import dev.ringtap.emulator.tap.emulated.ReportHash;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.VmSteeringProgram;
import dev.ringtap.virtio.net.NetHeader;
import dev.ringtap.virtio.net.RssConfig;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An emulated TAP with a program that answers with queue and hash at once, the designs {@code vnet-hash} and {@code kfunc}.
 * The hash travels with the frame and is read from the TAP's header.
 *
 * <p>Under automatic steering a program of the proposed type goes on hashing, since it may leave the queue as it found it. A
 * steering program's result is a queue always, so it has to be detached then, and the hash is computed here.
 */
public final class HashProgramSteering implements SteeringDesign {
    private final EmulatedTap tap;
    private final SteeringHook hook;
    private final String description;
    /** Whether the program wants to know what automatic steering would choose; null if it cannot ask. */
    private final AtomicBoolean automatic;

    private boolean byHash;

    private HashProgramSteering(EmulatedTap tap, SteeringHook hook, String description, AtomicBoolean automatic) {
        this.tap = tap;
        this.hook = hook;
        this.description = description;
        this.automatic = automatic;
    }

    /**
     * A program of the proposed type.
     *
     * @param tap has 20-byte headers
     * @throws BpfException if the program is refused
     */
    public static HashProgramSteering vnetHash(EmulatedTap tap) throws BpfException {
        checkHeader(tap);
        VmSteeringProgram program = VmSteeringProgram.loadVnetHash();
        AtomicBoolean automatic = new AtomicBoolean();
        HashProgramChooser chooser = HashProgramChooser.vnetHash(program.program(), automatic::get);
        SteeringHook hook = SteeringHook.inProcess(tap, program, () -> tap.setSteering(chooser));
        return new HashProgramSteering(tap, hook, "program of the type vnet_hash, run by ebpf-vm", automatic);
    }

    /**
     * A steering program that calls {@link ReportHash}.
     *
     * @param tap has 20-byte headers
     * @throws BpfException if the program is refused
     */
    public static HashProgramSteering kfunc(EmulatedTap tap) throws BpfException {
        checkHeader(tap);
        VmSteeringProgram program = VmSteeringProgram.loadReporting(ReportHash.EXPORTS);
        HashProgramChooser chooser = HashProgramChooser.reporting(program.program());
        SteeringHook hook = SteeringHook.inProcess(tap, program, () -> tap.setSteering(chooser));
        String description = "steering program that calls %s version %d, run by ebpf-vm"
                .formatted(ReportHash.NAME, ReportHash.VERSION);
        return new HashProgramSteering(tap, hook, description, null);
    }

    private static void checkHeader(EmulatedTap tap) {
        if (tap.options().headerBytes() != NetHeader.SIZE_WITH_HASH) {
            throw new IllegalArgumentException("the TAP %s has headers of %d bytes, hash reports need %d"
                    .formatted(tap.name(), tap.options().headerBytes(), NetHeader.SIZE_WITH_HASH));
        }
    }

    @Override
    public String description() {
        return description;
    }

    @Override
    public String rssUnavailable() {
        return null;
    }

    @Override
    public HashSource hashSource(int queue) {
        // With one queue there is nothing to choose, and no program runs.
        return tap.queueCount() == 1 ? new DeviceHashSource(queue) : new HeaderHashSource(queue);
    }

    @Override
    public void rss(HashRules rules, boolean reported) throws IOException {
        if (!byHash) {
            holdAtQueueZero();
            tap.setAttachedQueues(tap.queueCount());
        }
        RssConfig rss = rules.steering();
        hook.configure(SteeringConfig.rss(
                rss.hashTypes(),
                rss.unclassifiedQueue(),
                rss.table(),
                rules.key().byteTable()));
        byHash = true;
    }

    @Override
    public void holdAtQueueZero() throws IOException {
        hook.configure(SteeringConfig.constant(0));
        if (automatic != null) {
            automatic.set(false);
        }
        hook.attach();
    }

    @Override
    public void automatic(int pairs, HashRules rules, boolean reported) throws IOException {
        tap.setAttachedQueues(pairs);
        byHash = false;
        boolean hashes = reported && rules.key() != null && rules.enabledTypes() != 0;
        if (automatic == null || !hashes) {
            hook.detach();
            return;
        }
        automatic.set(true);
        hook.configure(SteeringConfig.hashOnly(rules.enabledTypes(), rules.key().byteTable()));
        hook.attach();
    }

    @Override
    public int attachedQueues() {
        return tap.attachedQueues();
    }

    @Override
    public void close() {
        hook.close();
    }
}
