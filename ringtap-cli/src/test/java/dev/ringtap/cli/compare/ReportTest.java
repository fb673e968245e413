// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.cli.EngineChoice;
import dev.ringtap.guest.check.HashTypes;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import picocli.CommandLine.Help.Ansi;
import tools.jackson.databind.JsonNode;

class ReportTest {
    private static final CompareSettings SETTINGS =
            new CompareSettings(4, 600, 3000, 9, HashTypes.ALL, 30_000, 42, EngineChoice.auto, null);
    private static final String REASON = "no <kernel> has \"them\" & none will";

    @Test
    void textShowsEveryDesignAndWhyOneIsMissing() {
        String text = text(comparison(0));
        assertAll(
                () -> assertTrue(text.contains("kernel TAP"), text),
                () -> assertTrue(text.contains("emulated TAP"), text),
                () -> assertTrue(text.contains("not here: " + REASON), text),
                () -> assertTrue(text.contains("same queue and hash everywhere"), text),
                () -> assertTrue(text.contains("6 of 7 designs"), text),
                () -> assertTrue(text.contains("seed 42"), text));
        for (Design design : Design.values()) {
            assertTrue(text.contains("    " + design.source()), () -> design + " is missing in\n" + text);
        }
    }

    @Test
    void barsAreAsLongAsWhatTheyShow() {
        String text = text(comparison(0));
        // 400 = 300 + 100 is the longest of the costs: 44 characters.
        assertTrue(text.contains("400  " + "#".repeat(33) + "-".repeat(11) + System.lineSeparator()), text);
        assertFalse(text.contains("█"), "no block characters outside a terminal");
    }

    @Test
    void textNamesThePacketThatDiffers() {
        String text = text(comparison(1));
        assertAll(
                () -> assertTrue(
                        text.contains("kfunc on the emulated TAP: packet 17 of flow 3 (UDP, IPv4), a > b: "
                                + "queue 1, hash 0000abcd UDPv4, expected queue 2, hash 0000abce UDPv4"),
                        text),
                () -> assertTrue(text.contains("1 WRONG"), text),
                () -> assertTrue(text.contains("1 mismatches"), text));
    }

    @Test
    void jsonHasTheSameFigures() {
        JsonNode root = new JsonReport().tree(comparison(1));
        JsonNode kernel = root.get("designs").get(2);
        JsonNode kfunc = root.get("designs").get(6);
        assertAll(
                () -> assertFalse(root.get("passed").asBoolean()),
                () -> assertEquals(1, root.get("mismatches").asInt()),
                () -> assertEquals(7, root.get("designs").size()),
                () -> assertEquals(REASON, kernel.get("unavailable").asString()),
                () -> assertFalse(kernel.get("ran").asBoolean()),
                () -> assertEquals("kfunc", kfunc.get("hashSource").asString()),
                () -> assertEquals("emulated", kfunc.get("tap").asString()),
                () -> assertEquals(400, kfunc.get("costNs").get("sum").asDouble()),
                () -> assertEquals(
                        "0000abce",
                        root.get("differences")
                                .get(0)
                                .get("expected")
                                .get("hash")
                                .asString()));
    }

    @Test
    void svgIsWellFormedAndHasEveryRow() throws Exception {
        Document document = parse(SvgChart.of(comparison(0)));
        List<String> texts = new ArrayList<>();
        NodeList nodes = document.getElementsByTagName("text");
        for (int i = 0; i < nodes.getLength(); i++) {
            texts.add(nodes.item(i).getTextContent());
        }
        assertAll(
                () -> assertEquals("svg", document.getDocumentElement().getTagName()),
                () -> assertTrue(texts.contains("not here: " + REASON), texts.toString()),
                () -> assertTrue(texts.contains("400 = 300 + 100"), texts.toString()),
                () -> assertTrue(texts.contains("kernel TAP") && texts.contains("emulated TAP"), texts.toString()),
                () -> assertEquals(
                        6 * 2 + 6 + 2 + 1,
                        document.getElementsByTagName("rect").getLength(),
                        "two bars a cost, one a throughput, the legend, the page"));
        for (Design design : Design.values()) {
            assertTrue(texts.contains(design.source()), () -> design + " is missing in " + texts);
        }
    }

    @Test
    void svgKeepsEverythingInside() throws Exception {
        Document document = parse(SvgChart.of(comparison(0)));
        double width = Double.parseDouble(document.getDocumentElement().getAttribute("width"));
        double height = Double.parseDouble(document.getDocumentElement().getAttribute("height"));
        NodeList bars = document.getElementsByTagName("rect");
        for (int i = 1; i < bars.getLength(); i++) {
            Element bar = (Element) bars.item(i);
            double right = Double.parseDouble(bar.getAttribute("x")) + Double.parseDouble(bar.getAttribute("width"));
            double bottom = Double.parseDouble(bar.getAttribute("y")) + Double.parseDouble(bar.getAttribute("height"));
            assertTrue(right < width - 100, "no room for a label behind " + right);
            assertTrue(bottom < height, "below the page: " + bottom);
        }
    }

    @Test
    void nothingThatRanIsNoSuccess() {
        List<Entry> entries = new ArrayList<>();
        for (Design design : Design.values()) {
            entries.add(Entry.unavailable(design, REASON));
        }
        Comparison none = new Comparison(SETTINGS, "6.1", "25", "epoll", entries, List.of(), 5);
        String text = text(none);
        assertAll(
                () -> assertFalse(none.passed()),
                () -> assertTrue(text.contains("nothing could run"), text),
                () -> assertEquals(1, text.split(Pattern.quote(REASON), -1).length - 1, "one reason is told once"),
                () -> assertTrue(text.contains("not here: for the same reason"), text),
                () -> parse(SvgChart.of(none)));
    }

    private static Comparison comparison(int mismatches) {
        List<Entry> entries = new ArrayList<>();
        for (Design design : Design.values()) {
            boolean last = design == Design.EMULATED_KFUNC;
            entries.add(
                    design == Design.KERNEL_IOCTLS
                            ? Entry.unavailable(design, REASON)
                            : new Entry(
                                    design,
                                    null,
                                    33_000,
                                    last ? mismatches : 0,
                                    last
                                            ? new Entry.Cost(300, 100, "in a test")
                                            : new Entry.Cost(50 + design.ordinal(), 20, "in a test"),
                                    250_000));
        }
        List<Difference> differences = mismatches == 0
                ? List.of()
                : List.of(new Difference(
                        Design.EMULATED_KFUNC,
                        17,
                        "flow 3 (UDP, IPv4), a > b",
                        new Answer(2, 0xABCE, 3),
                        new Answer(1, 0xABCD, 3)));
        return new Comparison(SETTINGS, "6.1.0", "25.0.1", "epoll", entries, differences, 12_000);
    }

    private static String text(Comparison comparison) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new TextReport(new PrintStream(bytes, true, StandardCharsets.UTF_8), Ansi.OFF, false).print(comparison);
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static Document parse(String svg) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
    }
}
