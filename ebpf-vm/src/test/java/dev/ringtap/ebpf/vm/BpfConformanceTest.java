// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.ringtap.ebpf.object.BpfException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The programs of the public suite bpf_conformance, which are not part of this project: their folder is given by
 * {@code -Dringtap.bpf.conformance=DIR}. Each must leave in r0 what its file says, in both engines.
 */
class BpfConformanceTest {
    private static final String FOLDER = "ringtap.bpf.conformance";

    /** Of the 313 files of the suite; a folder with much less is not the suite. */
    private static final int LEAST_APPLICABLE = 300;

    private static final int MOST_NOT_APPLICABLE = 5;

    private record Program(String name, String source, byte[] memory, long result) {}

    @ParameterizedTest
    @EnumSource
    void everyProgramGivesItsResult(Engine engine) throws IOException {
        String folder = System.getProperty(FOLDER, "");
        assumeTrue(!folder.isBlank(), "no folder of conformance programs: -D" + FOLDER + "=DIR");
        var wrong = new ArrayList<String>();
        var notApplicable = new TreeMap<String, String>();
        int right = 0;
        for (var file : files(Path.of(folder))) {
            var program = read(file);
            byte[] code;
            try {
                code = Assembler.assemble(program.source());
            } catch (Assembler.SyntaxException e) {
                wrong.add(program.name() + ": " + e.getMessage());
                continue;
            }
            if (callsRegister(code)) {
                notApplicable.put(
                        program.name(), "calls the function in a register (callx), which eBPF programs cannot");
                continue;
            }
            try {
                long result = run(program, code, engine);
                if (result == program.result()) right++;
                else
                    wrong.add(program.name() + ": 0x" + Long.toHexString(result) + " instead of 0x"
                            + Long.toHexString(program.result()));
            } catch (BpfException | EbpfFault e) {
                wrong.add(program.name() + ": " + e.getMessage());
            }
        }
        System.out.println("bpf_conformance, " + engine + ": " + right + " programs right, " + wrong.size()
                + " wrong, not applicable: " + notApplicable);
        int rightCount = right;
        assertAll(
                () -> assertEquals(List.of(), wrong),
                () -> assertTrue(rightCount >= LEAST_APPLICABLE, rightCount + " programs are too few for the suite"),
                () -> assertTrue(notApplicable.size() <= MOST_NOT_APPLICABLE, notApplicable.toString()));
    }

    private static long run(Program program, byte[] code, Engine engine) throws BpfException {
        var options = VmOptions.defaults().withEngine(engine);
        byte[] memory = program.memory().clone();
        var skb = new SkBuff().wrap(memory, 0, memory.length);
        return EbpfVm.memoryProgram(program.name(), code, options).run(skb);
    }

    private static boolean callsRegister(byte[] code) {
        for (int at = 0; at < code.length; at += 8) {
            if (code[at] == (byte) 0x8D) return true;
            if (code[at] == 0x18) at += 8;
        }
        return false;
    }

    private static List<Path> files(Path folder) throws IOException {
        try (var files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".data"))
                    .sorted()
                    .toList();
        }
    }

    private static Program read(Path file) throws IOException {
        var sections = new TreeMap<String, StringBuilder>();
        String section = "";
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("-- ")) section = line.substring(3).strip();
            else
                sections.computeIfAbsent(section, any -> new StringBuilder())
                        .append(line)
                        .append('\n');
        }
        String name = file.getFileName().toString().replace(".data", "");
        if (!sections.containsKey("asm") || !sections.containsKey("result"))
            fail(name + " has no program or no result");
        String memory = plain(sections.getOrDefault("mem", new StringBuilder()));
        String result = plain(sections.get("result"));
        return new Program(
                name,
                sections.get("asm").toString(),
                HexFormat.of().parseHex(memory),
                result.startsWith("0x")
                        ? Long.parseUnsignedLong(result.substring(2), 16)
                        : Long.parseUnsignedLong(result));
    }

    private static String plain(StringBuilder section) {
        return section.toString().replaceAll("#.*", "").replaceAll("\\s+", "");
    }
}
