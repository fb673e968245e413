// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.verify;

import dev.ringtap.guest.check.HashTypes;
import dev.ringtap.guest.traffic.FlowKind;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The outcome for machines: one JSON object. Fields may be added, none is renamed. */
final class JsonReport {
    private final JsonMapper mapper =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /** @param all whether every flow is listed */
    void print(Outcome outcome, boolean all, PrintStream out) {
        out.println(mapper.writeValueAsString(tree(outcome, all)));
    }

    ObjectNode tree(Outcome outcome, boolean all) {
        ObjectNode root = mapper.createObjectNode();
        root.put("passed", outcome.passed());
        root.put("packets", outcome.total().packets());
        root.put("mismatches", outcome.mismatches());
        root.put("lost", outcome.lost());
        root.put("droppedByKernel", outcome.dropped());
        root.put("kernelsOwn", outcome.unasked());
        root.put("seed", outcome.seed());
        root.put("flows", outcome.rows().size());
        root.put("queuePairs", outcome.queuePairs());
        root.put("tap", outcome.setup().tap().choice().name());
        root.put("tapReason", outcome.setup().tap().reason());
        root.put("steering", outcome.setup().steering());
        root.put("engine", outcome.setup().engine());
        root.put("kernel", outcome.setup().kernel());
        root.put("elapsedMs", outcome.elapsedMs());
        numbers(root.putArray("perQueue"), outcome.total().queues());
        numbers(root.putArray("spread"), outcome.spread().queues());
        ObjectNode types = root.putObject("perType");
        long[] reports = outcome.total().reports();
        for (int report = 0; report < reports.length; report++) {
            types.put(HashTypes.name(report), reports[report]);
        }
        kinds(root.putObject("perKind"), outcome);
        ArrayNode phases = root.putArray("phases");
        for (Outcome.Phase phase : outcome.phases()) {
            phases.addObject()
                    .put("name", phase.name())
                    .put("packets", phase.packets())
                    .put("mismatches", phase.mismatches())
                    .put("elapsedMs", phase.elapsedMs());
        }
        root.putObject("hostToGuest")
                .put("partialChecksums", outcome.total().partialChecksums())
                .put("largeFrames", outcome.total().largeFrames());
        Outcome.Back back = outcome.back();
        root.putObject("guestToHost")
                .put("frames", back.frames())
                .put("datagrams", back.datagrams())
                .put("partialChecksums", back.partialChecksums())
                .put("streamBytes", back.streamBytes())
                .put("largeFrames", back.largeFrames());
        failures(root.putArray("failures"), outcome.failures());
        if (all) {
            ArrayNode rows = root.putArray("rows");
            outcome.rows().forEach(row -> row(rows.addObject(), row));
        }
        return root;
    }

    private static void numbers(ArrayNode array, long[] numbers) {
        for (long number : numbers) {
            array.add(number);
        }
    }

    private static void kinds(ObjectNode kinds, Outcome outcome) {
        Map<FlowKind, Integer> flows = new EnumMap<>(FlowKind.class);
        Map<FlowKind, Long> wrong = new EnumMap<>(FlowKind.class);
        for (FlowRow row : outcome.rows()) {
            flows.merge(row.flow().kind(), 1, Integer::sum);
            wrong.merge(row.flow().kind(), row.wrong(), Long::sum);
        }
        flows.forEach((kind, count) -> kinds.putObject(kind.label())
                .put("flows", count)
                .put("packets", outcome.total().ofKind(kind))
                .put("mismatches", wrong.get(kind)));
    }

    private static void failures(ArrayNode array, List<Failure> failures) {
        for (Failure failure : failures) {
            array.addObject()
                    .put("phase", failure.phase())
                    .put("flow", failure.flow())
                    .put("kind", failure.kind())
                    .put("packet", failure.packet())
                    .put("addresses", failure.addresses())
                    .put("problem", failure.problem());
        }
    }

    private static void row(ObjectNode node, FlowRow row) {
        node.put("flow", row.flow().id());
        node.put("kind", row.flow().kind().label());
        node.put("addresses", row.flow().describe());
        node.put("packets", row.packets());
        node.put("mismatches", row.wrong());
        if (row.shown() != null) {
            node.put("type", HashTypes.name(row.shown().hashReport()));
            node.put("hash", "%08x".formatted(row.shown().hashValue()));
            node.put("queue", row.shown().queue());
            node.put("expectedQueue", row.verdict().queue());
            node.put("expectedHash", "%08x".formatted(row.verdict().hashValue()));
            node.put("expectedType", HashTypes.name(row.verdict().hashReport()));
        }
    }
}
