// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import dev.ringtap.guest.check.HashTypes;
import java.io.PrintStream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The comparison for machines: one JSON object. Fields may be added, none is renamed. */
final class JsonReport {
    private final JsonMapper mapper =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    void print(Comparison comparison, PrintStream out) {
        out.println(mapper.writeValueAsString(tree(comparison)));
    }

    ObjectNode tree(Comparison comparison) {
        CompareSettings settings = comparison.settings();
        ObjectNode root = mapper.createObjectNode();
        root.put("passed", comparison.passed());
        root.put("mismatches", comparison.mismatches());
        root.put("seed", settings.seed());
        root.put("flows", settings.flows());
        root.put("packets", settings.packets());
        root.put("passes", settings.passes());
        root.put("queuePairs", settings.queuePairs());
        root.put("hashTypes", HashTypes.describe(settings.hashTypes()));
        root.put("engine", comparison.engine());
        root.put("kernel", comparison.kernel());
        root.put("java", comparison.java());
        root.put("elapsedMs", comparison.elapsedMs());
        ArrayNode designs = root.putArray("designs");
        comparison.entries().forEach(entry -> entry(designs.addObject(), entry));
        ArrayNode differences = root.putArray("differences");
        comparison.differences().forEach(difference -> difference(differences.addObject(), difference));
        ArrayNode measured = root.putArray("measured");
        comparison.measured().forEach(measured::add);
        return root;
    }

    private static void entry(ObjectNode node, Entry entry) {
        node.put("tap", entry.design().tap() == Design.Tap.KERNEL ? "kernel" : "emulated");
        node.put("hashSource", entry.design().source());
        node.put("does", entry.design().does());
        node.put("ran", entry.ran());
        if (!entry.ran()) {
            node.put("unavailable", entry.unavailable());
            return;
        }
        node.put("packets", entry.packets());
        node.put("mismatches", entry.mismatches());
        node.put("packetsPerSecond", Math.round(entry.packetsPerSecond()));
        if (entry.cost() != null) {
            node.putObject("costNs")
                    .put("tap", tenths(entry.cost().tapNs()))
                    .put("ringtap", tenths(entry.cost().deviceNs()))
                    .put("sum", tenths(entry.cost().totalNs()))
                    .put("tapMeasured", entry.cost().tapMeasured());
        }
    }

    private static double tenths(double value) {
        return Math.round(value * 10) / 10.0;
    }

    private static void difference(ObjectNode node, Difference difference) {
        node.put("tap", difference.design().tap() == Design.Tap.KERNEL ? "kernel" : "emulated");
        node.put("hashSource", difference.design().source());
        node.put("packet", difference.packet());
        node.put("flow", difference.flow());
        answer(node.putObject("expected"), difference.expected());
        if (difference.seen() != null) {
            answer(node.putObject("seen"), difference.seen());
        }
    }

    private static void answer(ObjectNode node, Answer answer) {
        node.put("queue", answer.queue());
        node.put("hash", "%08x".formatted(answer.hashValue()));
        node.put("report", answer.hashReport());
    }
}
