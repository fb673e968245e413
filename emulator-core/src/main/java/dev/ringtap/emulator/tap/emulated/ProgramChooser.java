// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.vm.EbpfFault;
import dev.ringtap.ebpf.vm.VmProgram;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A steering program, TUNSETSTEERINGEBPF. */
final class ProgramChooser implements QueueChooser {
    private static final Logger LOG = LoggerFactory.getLogger(ProgramChooser.class);

    private final VmProgram program;
    private volatile boolean faulted;

    ProgramChooser(VmProgram program) {
        this.program = Objects.requireNonNull(program, "program");
    }

    @Override
    public int choose(SentPacket packet) {
        try {
            return (int) program.run(packet.skBuff());
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
