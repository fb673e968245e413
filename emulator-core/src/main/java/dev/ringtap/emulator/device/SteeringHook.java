// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.device;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.linux.bpf.SteeringConfig;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.bpf.VmSteeringProgram;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;

/** The steering program at its place: loaded for a TAP that runs it for every packet while it is attached. */
interface SteeringHook extends AutoCloseable {

    /** What runs the program, for people. */
    String runner();

    /** From when this returns on, no packet is steered by the configuration before. */
    void configure(SteeringConfig config) throws IOException;

    /** Lets the program steer. */
    void attach() throws IOException;

    /** Lets the TAP steer by itself. */
    void detach() throws IOException;

    @Override
    void close();

    /** In the kernel. */
    static SteeringHook inKernel(TapDevice tap) throws IOException {
        SteeringProgram program = SteeringProgram.load();
        return new SteeringHook() {
            @Override
            public String runner() {
                return "in the kernel";
            }

            @Override
            public void configure(SteeringConfig config) throws IOException {
                program.configure(config);
            }

            @Override
            public void attach() throws IOException {
                tap.setSteering(program.fd());
            }

            @Override
            public void detach() throws IOException {
                tap.clearSteering();
            }

            @Override
            public void close() {
                program.close();
            }
        };
    }

    /** In this process. */
    static SteeringHook inProcess(EmulatedTap tap) throws BpfException {
        VmSteeringProgram program = VmSteeringProgram.load();
        return inProcess(tap, program, () -> tap.setSteering(program.program()));
    }

    /**
     * In this process, attached in a way of its own.
     *
     * @param program closed with the hook
     */
    static SteeringHook inProcess(EmulatedTap tap, VmSteeringProgram program, Runnable attach) {
        return new SteeringHook() {
            @Override
            public String runner() {
                return "run by ebpf-vm";
            }

            @Override
            public void configure(SteeringConfig config) throws IOException {
                program.configure(config);
                tap.synchronizeSenders();
            }

            @Override
            public void attach() {
                attach.run();
            }

            @Override
            public void detach() {
                tap.clearSteering();
            }

            @Override
            public void close() {
                program.close();
            }
        };
    }
}
