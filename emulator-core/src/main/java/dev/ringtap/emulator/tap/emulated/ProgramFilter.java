// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.vm.EbpfFault;
import dev.ringtap.ebpf.vm.VmProgram;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A filter program, TUNSETFILTEREBPF. */
final class ProgramFilter implements PacketFilter {
    private static final Logger LOG = LoggerFactory.getLogger(ProgramFilter.class);

    private final VmProgram program;
    private volatile boolean faulted;

    ProgramFilter(VmProgram program) {
        this.program = Objects.requireNonNull(program, "program");
    }

    @Override
    public int keep(SentPacket packet) {
        try {
            return (int) program.run(packet.skBuff());
        } catch (EbpfFault e) {
            // Told once; what cannot be judged is not let through.
            if (!faulted) {
                faulted = true;
                LOG.error("the filter program failed, packets of this kind are dropped", e);
            }
            return 0;
        }
    }
}
