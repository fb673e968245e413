// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.Engine;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmMap;
import dev.ringtap.ebpf.vm.VmOptions;
import dev.ringtap.ebpf.vm.VmProgram;
import dev.ringtap.linux.RequiresBpf;
import java.lang.foreign.Arena;
import java.util.HexFormat;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * One object, random frames: the kernel, both engines of the user-space runtime, and the reference in Java must answer with
 * the same queue. {@code -Dringtap.packets=1000000} for more of them, {@code -Dringtap.seed=N} repeats a run.
 */
@RequiresBpf
class EnginesAgreeTest {
    private static final int PACKETS = Integer.getInteger("ringtap.packets", 20_000);
    private static final int FRAMES_PER_CONFIGURATION = 500;
    private static final int UNCLASSIFIED_QUEUE = 0xABCD;
    private static final byte[] FIRST = new byte[4];

    private final long seed = Long.getLong("ringtap.seed", System.nanoTime());
    private final Random random = new Random(seed);

    /** The steering program on one engine. */
    private static final class Runtime implements AutoCloseable {
        private final EbpfVm vm;
        private final VmProgram program;
        private final SkBuff skb = new SkBuff();

        Runtime(Engine engine) throws Exception {
            var object = BpfObject.parse("steering.bpf.o", SteeringProgram.builtObject());
            vm = EbpfVm.load(object, VmOptions.defaults().withEngine(engine));
            program = vm.program("ringtap_steer");
        }

        void configure(SteeringConfig config) throws Exception {
            var active = vm.map("ringtap_active");
            try (var arena = Arena.ofConfined()) {
                var next = VmMap.create(active.definition().inner());
                next.update(FIRST, SteeringLayout.encode(config, arena).toArray(JAVA_BYTE));
                active.update(FIRST, next);
            }
        }

        int queue(byte[] frame) {
            return (int) program.run(skb.reset(frame, 0, frame.length));
        }

        @Override
        public void close() {
            vm.close();
        }
    }

    @Test
    void kernelRuntimeAndReferenceAnswerAlike() throws Exception {
        System.out.println("EnginesAgreeTest: -Dringtap.seed=" + seed + ", " + PACKETS + " packets");
        var frames = new RandomFrames(random);
        var seen = new TreeMap<Integer, Integer>();
        try (var kernel = SteeringProgram.load();
                var compiled = new Runtime(Engine.COMPILED);
                var interpreted = new Runtime(Engine.INTERPRETED)) {
            byte[] key = new byte[40];
            int[][] toeplitz = new int[4][];
            int[] table = new int[SteeringConfig.TABLE_ENTRIES_MAX];
            for (int packet = 0; packet < PACKETS; packet++) {
                int configuration = packet / FRAMES_PER_CONFIGURATION;
                // A queue shows 9 bits of a hash. Four rotations show them all.
                int rotation = configuration % 4;
                if (packet % FRAMES_PER_CONFIGURATION == 0) {
                    if (configuration % 8 == 0) {
                        random.nextBytes(key);
                        for (int i = 0; i < 4; i++) toeplitz[i] = BitwiseToeplitz.table(key, 8 * i);
                    }
                    int types = random.nextInt(3) == 0 ? ReferenceHash.ALL : random.nextInt(ReferenceHash.ALL + 1);
                    for (int i = 0; i < table.length; i++) table[i] = i * 64 + random.nextInt(64);
                    var config = SteeringConfig.rss(types, UNCLASSIFIED_QUEUE, table, toeplitz[rotation]);
                    kernel.configure(config);
                    compiled.configure(config);
                    interpreted.configure(config);
                }
                int types = kernel.current().hashTypes();
                byte[] frame = frames.next();
                var answer = ReferenceHash.of(frame, false, types);
                seen.merge(answer == null ? 0 : answer.type(), 1, Integer::sum);
                int expected = UNCLASSIFIED_QUEUE;
                if (answer != null) {
                    int hash = Integer.rotateRight(BitwiseToeplitz.hash(key, answer.input()), 8 * rotation);
                    expected = table[hash & table.length - 1];
                }
                int[] queues = {kernel.testRun(frame, 1).queue(), compiled.queue(frame), interpreted.queue(frame)};
                if (queues[0] == expected && queues[1] == expected && queues[2] == expected) continue;
                assertThat(queues)
                        .as(
                                "kernel, compiled, interpreted; seed %d, types 0x%x, reference %s, frame %s",
                                seed, types, answer, HexFormat.of().formatHex(frame))
                        .containsOnly(expected);
            }
        }
        // No kind of answer may be missing, else the generator has stopped to test something.
        assertThat(seen).as("seed %d", seed).containsKeys(0, 1, 2, 4, 8, 16, 32, 64, 128, 256);
        System.out.println("EnginesAgreeTest: answers by hash type " + seen);
    }
}
