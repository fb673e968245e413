// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.cli.CommandException;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.Topology;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/** One run: every design that can, side by side, with the same packets in turn. */
final class CompareRun {
    private static final int TABLE_ENTRIES = 128;
    private static final int KEY_BYTES = 40;
    private static final int WARM_UP_PASSES = 2;
    /** Rounds without a gain after which everything that is measured counts as compiled: a program is one long method. */
    private static final int STEADY_ROUNDS = 6;

    private static final int MAX_WARM_UP_ROUNDS = 60;

    private static final byte[] HOST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x01};
    private static final byte[] GUEST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x02};

    private final CompareSettings settings;
    private final GuestRss rss;
    private final Traffic traffic;

    CompareRun(CompareSettings settings) {
        this.settings = settings;
        Random random = new Random(settings.seed());
        byte[] key = new byte[KEY_BYTES];
        random.nextBytes(key);
        int[] table = random.ints(TABLE_ENTRIES, 0, settings.queuePairs()).toArray();
        rss = new GuestRss(HashTypes.ALL, table, random.nextInt(settings.queuePairs()), key);
        traffic = Traffic.create(
                Topology.of(HOST_MAC, GUEST_MAC), settings.flows(), settings.packets(), settings.seed(), rss);
    }

    /**
     * Runs.
     *
     * @throws CommandException if something else than a packet is wrong
     */
    Comparison run() throws Exception {
        long startNs = System.nanoTime();
        IoEngine engine = settings.engine().resolve();
        Beds beds = new Beds(settings, engine, GUEST_MAC, traffic, rss);
        List<Contender> contenders = new ArrayList<>();
        List<Entry> entries = new ArrayList<>();
        List<Difference> differences = new ArrayList<>();
        try {
            for (Design design : Design.values()) {
                Bed bed = beds.make(design);
                if (bed != null) {
                    contenders.add(Contender.start(bed, traffic, ofDesign(design)));
                }
            }
            drive(contenders);
            Map<Design, Entry> ran = new LinkedHashMap<>();
            for (Contender contender : contenders) {
                ran.put(contender.design(), contender.entry());
                differences.addAll(contender.differences());
            }
            for (Design design : Design.values()) {
                entries.add(
                        ran.containsKey(design) ? ran.get(design) : Entry.unavailable(design, beds.refusal(design)));
            }
        } finally {
            contenders.forEach(Contender::close);
        }
        return new Comparison(
                settings,
                System.getProperty("os.version"),
                System.getProperty("java.version"),
                engine.name().toLowerCase(Locale.ROOT),
                List.copyOf(entries),
                List.copyOf(differences),
                (System.nanoTime() - startNs) / 1_000_000);
    }

    /** The designs take turns, so that what else the machine does meets them alike. */
    private void drive(List<Contender> contenders) throws Exception {
        for (int pass = 0; pass < WARM_UP_PASSES; pass++) {
            for (Contender contender : contenders) {
                contender.pass(false);
            }
        }
        int steady = 0;
        for (int round = 0; round < MAX_WARM_UP_ROUNDS && steady < STEADY_ROUNDS; round++) {
            steady++;
            for (Contender contender : contenders) {
                if (contender.warmUp()) {
                    steady = 0;
                }
            }
        }
        for (int pass = 0; pass < settings.passes(); pass++) {
            for (Contender contender : contenders) {
                contender.pass(true);
            }
            for (Contender contender : contenders) {
                contender.measure();
            }
        }
    }

    private GuestRss ofDesign(Design design) {
        if (design != settings.broken()) {
            return rss;
        }
        byte[] wrong = rss.key();
        for (int i = 0; i < wrong.length; i++) {
            wrong[i] ^= 0x55;
        }
        return rss.withKey(wrong);
    }
}
