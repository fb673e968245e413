// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.cli.CommandException;
import dev.ringtap.cli.Opened;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.guest.check.GuestRss;
import dev.ringtap.guest.traffic.Topology;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;

/** One run: every design that can, side by side, with the same packets in turn. */
final class CompareRun {
    private static final int TABLE_ENTRIES = 128;
    private static final int KEY_BYTES = 40;
    private static final int WARM_UP_PASSES = 2;
    /**
     * Everything that is measured counts as compiled after so long without a gain, for each run of a measurement: with the
     * usual 30,000 that is 3 s. A program is one long method, and a busy machine compiles it late.
     */
    private static final long STEADY_NS_PER_RUN = 100_000;

    private static final int MAX_WARM_UP_ROUNDS = 200;

    private static final byte[] HOST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x01};
    private static final byte[] GUEST_MAC = {0x02, 0x72, 0x74, 0x61, 0x70, 0x02};

    private final CompareSettings settings;
    private final Consumer<String> status;
    private final GuestRss rss;
    private final Traffic traffic;

    /** @param status is told what is going on, in a few words */
    CompareRun(CompareSettings settings, Consumer<String> status) {
        this.settings = settings;
        this.status = status;
        Random random = new Random(settings.seed());
        byte[] key = new byte[KEY_BYTES];
        random.nextBytes(key);
        int[] table = random.ints(TABLE_ENTRIES, 0, settings.queuePairs()).toArray();
        rss = new GuestRss(settings.hashTypes(), table, random.nextInt(settings.queuePairs()), key);
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
        try (Opened opened = Opened.untilSignal("ringtap-clean-up", () -> {})) {
            try {
                for (Design design : Design.values()) {
                    status.accept(design.title());
                    Contender contender = opened.open(() -> start(design, beds));
                    if (contender != null) {
                        contenders.add(contender);
                    }
                }
                drive(contenders);
            } catch (Exception e) {
                // What breaks when everything is closed under its hands is not worth a word.
                throw opened.stopping() ? new CommandException("stopped by a signal", e) : e;
            }
            Map<Design, Entry> ran = new LinkedHashMap<>();
            for (Contender contender : contenders) {
                ran.put(contender.design(), contender.entry());
                differences.addAll(contender.differences());
            }
            for (Design design : Design.values()) {
                entries.add(
                        ran.containsKey(design) ? ran.get(design) : Entry.unavailable(design, beds.refusal(design)));
            }
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

    /** Null if this host cannot run the design. */
    private Contender start(Design design, Beds beds) throws Exception {
        Bed bed = beds.make(design);
        return bed == null ? null : Contender.start(bed, traffic, ofDesign(design));
    }

    /** The designs take turns, so that what else the machine does meets them alike. */
    private void drive(List<Contender> contenders) throws Exception {
        status.accept("warming up");
        for (int pass = 0; pass < WARM_UP_PASSES; pass++) {
            for (Contender contender : contenders) {
                contender.pass(false);
            }
        }
        long steadyNs = STEADY_NS_PER_RUN * settings.measuredRuns();
        long gainNs = System.nanoTime();
        for (int round = 0; round < MAX_WARM_UP_ROUNDS && System.nanoTime() - gainNs < steadyNs; round++) {
            for (Contender contender : contenders) {
                if (contender.warmUp()) {
                    gainNs = System.nanoTime();
                }
            }
        }
        for (int pass = 0; pass < settings.passes(); pass++) {
            status.accept("pass %d of %d".formatted(pass + 1, settings.passes()));
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
