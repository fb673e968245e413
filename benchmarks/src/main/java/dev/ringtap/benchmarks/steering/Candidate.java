// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.steering;

import dev.ringtap.benchmarks.SampleRss;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.linux.bpf.UnattachedProgram;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** A program in the kernel, configured by {@link SampleRss}, that is run over frames as a TAP would show them to it. */
interface Candidate extends AutoCloseable {
    /**
     * What the runs over one frame gave.
     *
     * @param queue as the program returned it
     */
    record Run(int queue, long nsPerRun) {}

    String title();

    int verifiedInstructions() throws IOException;

    /** Runs over a frame, from its destination MAC address. */
    Run run(byte[] frame, int repeat) throws IOException;

    @Override
    void close();

    /** The measure's zero: a program that does nothing. */
    static Candidate empty() throws IOException {
        return of("empty", UnattachedProgram.constant(0), PeerDescription.Reads.DATA);
    }

    /** A peer's. */
    static Candidate peer(Path file, PeerDescription description) throws IOException {
        var object = BpfObject.parse(file.getFileName().toString(), Files.readAllBytes(file));
        var program = UnattachedProgram.load(object, description.program(), description.contents(object));
        return of(description.program(), program, description.reads());
    }

    private static Candidate of(String title, UnattachedProgram program, PeerDescription.Reads reads) {
        return new Candidate() {
            @Override
            public String title() {
                return title;
            }

            @Override
            public int verifiedInstructions() throws IOException {
                return program.verifiedInstructions();
            }

            @Override
            public Run run(byte[] frame, int repeat) throws IOException {
                // A test run takes an Ethernet header off. Who reads from the data's beginning expects one there,
                // as on a TAP: so one more is put in front, of a type that is no protocol. The kernel's note of
                // where headers are would be wrong then.
                byte[] packet = reads == PeerDescription.Reads.HEADERS
                        ? frame
                        : ByteBuffer.allocate(14 + frame.length)
                                .putLong(-1)
                                .putInt(-1)
                                .putShort((short) -1)
                                .put(frame)
                                .array();
                var run = program.run(packet, repeat);
                return new Run(run.answer(), run.nsPerRun());
            }

            @Override
            public void close() {
                program.close();
            }
        };
    }

    /** Ours. */
    static Candidate ringtap() throws IOException {
        var program = SteeringProgram.load();
        try {
            program.configure(SampleRss.steeringConfig());
        } catch (Throwable e) {
            program.close();
            throw e;
        }
        return new Candidate() {
            @Override
            public String title() {
                return "ringtap";
            }

            @Override
            public int verifiedInstructions() throws IOException {
                return program.verifiedInstructions();
            }

            @Override
            public Run run(byte[] frame, int repeat) throws IOException {
                var run = program.testRun(frame, repeat);
                return new Run(run.queue(), run.nsPerRun());
            }

            @Override
            public void close() {
                program.close();
            }
        };
    }
}
