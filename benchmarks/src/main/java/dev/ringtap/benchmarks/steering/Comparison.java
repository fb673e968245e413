// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.benchmarks.steering;

import dev.ringtap.benchmarks.SampleFrame;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs several programs over the same frames, in turns: what slows the machine down for a while slows down all of them.
 * The answer for a frame is the median over the rounds of the difference to the empty program of the same round.
 */
final class Comparison {
    private final int rounds;
    private final int repeat;

    Comparison(int rounds, int repeat) {
        this.rounds = rounds;
        this.repeat = repeat;
    }

    /**
     * One frame's figures.
     *
     * @param emptyNs median duration of a run of the empty program
     * @param queues what each candidate answered
     * @param netNs median duration of each above the empty program's; can be below 0 for a program that does nothing
     */
    record Row(SampleFrame frame, long emptyNs, int[] queues, double[] netNs) {}

    List<Row> run(Candidate empty, List<Candidate> candidates) throws IOException {
        var frames = SampleFrame.values();
        long[][] emptyNs = new long[frames.length][rounds];
        double[][][] netNs = new double[frames.length][candidates.size()][rounds];
        int[][] queues = new int[frames.length][candidates.size()];
        // The first round warms caches and is not counted.
        for (int round = -1; round < rounds; round++) {
            for (int f = 0; f < frames.length; f++) {
                byte[] frame = frames[f].bytes();
                long base = empty.run(frame, repeat).nsPerRun();
                if (round >= 0) emptyNs[f][round] = base;
                for (int c = 0; c < candidates.size(); c++) {
                    var run = candidates.get(c).run(frame, repeat);
                    queues[f][c] = run.queue();
                    if (round >= 0) netNs[f][c][round] = run.nsPerRun() - base;
                }
            }
        }
        var rows = new ArrayList<Row>();
        for (int f = 0; f < frames.length; f++) {
            double[] medians =
                    Arrays.stream(netNs[f]).mapToDouble(Comparison::median).toArray();
            long base =
                    Math.round(median(Arrays.stream(emptyNs[f]).asDoubleStream().toArray()));
            rows.add(new Row(frames[f], base, queues[f], medians));
        }
        return rows;
    }

    static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
