// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An object file as clang writes it, understood but not yet loaded: its programs, its maps, its license. What can be
 * used and what is refused is in {@code docs/bpf-loading.md}; nothing that is not understood is silently left out.
 */
public final class BpfObject {
    private final String file;
    private final ElfFile elf;
    private final String license;
    private final Map<String, MapDefinition> maps = new LinkedHashMap<>();
    private final List<ProgramDefinition> programs = new ArrayList<>();

    private BpfObject(String file, byte[] content) throws BpfException {
        this.file = file;
        elf = new ElfFile(file, content);
        license = readLicense();
        var variables = new GlobalVariables(elf);
        var btf = elf.section(".BTF");
        var types = btf == null ? null : new BtfTypes(elf, btf);
        var extension = new BtfExtension(elf, types);
        CoreRelocations.check(elf, types, extension);
        var declared = readMaps(types);
        var code = new CodeSections(elf);
        maps.putAll(declared);
        for (var map : variables.maps().values()) {
            // Names in C have no dot, names in a hostile object may have.
            if (maps.putIfAbsent(map.name(), map) != null) throw elf.fault("there are two maps '" + map.name() + "'");
        }
        link(code, new ProgramLinker(elf, code, declared, variables, new SourceLines(elf, types, extension)));
    }

    /**
     * @param file what to call the object in messages
     * @throws BpfException if it is malformed or needs what is not supported
     */
    public static BpfObject parse(String file, byte[] content) throws BpfException {
        return new BpfObject(file, content);
    }

    public String file() {
        return file;
    }

    public String license() {
        return license;
    }

    /** By name, in the order of the file; global variables last. */
    public Map<String, MapDefinition> maps() {
        return maps;
    }

    /** In the order of the file. No two have the same name. */
    public List<ProgramDefinition> programs() {
        return programs;
    }

    private String readLicense() throws BpfException {
        var section = elf.section("license");
        if (section == null) throw elf.fault("has no section 'license'");
        var data = section.data();
        byte[] text = new byte[data.limit()];
        data.get(0, text);
        int end = 0;
        while (end < text.length && text[end] != 0) end++;
        if (end == text.length || end > 127) throw elf.fault(section + ": is no text of up to 127 bytes");
        return new String(text, 0, end, StandardCharsets.UTF_8);
    }

    private Map<String, MapDefinition> readMaps(BtfTypes types) throws BpfException {
        for (var section : elf.sections()) {
            if (section.name().equals("maps"))
                throw elf.fault(section + ": maps of the old kind (struct bpf_map_def); define them in '.maps'");
        }
        var section = elf.section(".maps");
        if (section == null) return Map.of();
        if (!elf.relocationsOf(section).isEmpty())
            throw elf.fault(section + ": slots that are filled by an initializer are not supported");
        if (types == null) throw elf.fault("has maps, but no section '.BTF' that describes them (clang -g)");
        return types.maps();
    }

    /** The global functions of the sections that name a type are programs; static ones are there to be called. */
    private void link(CodeSections code, ProgramLinker linker) throws BpfException {
        var names = new HashSet<String>();
        for (var function : code.functions()) {
            String section = function.section().name();
            if (section.equals(CodeSections.SUBPROGRAMS)) continue;
            var type = ProgramType.ofSection(section);
            if (type == null)
                throw elf.fault(function.section() + ": programs of this type are not supported, only those of "
                        + ProgramType.supportedSections());
            if (function.symbol().local()) continue;
            if (!names.add(function.name())) throw elf.fault("there are two programs '" + function.name() + "'");
            programs.add(linker.link(function, type));
        }
        if (!programs.isEmpty()) return;
        if (code.functions().isEmpty()) throw elf.fault("holds no program");
        var function = code.functions().getFirst();
        throw elf.fault("holds no program: " + function.symbol() + " of " + function.section()
                + (function.symbol().local() ? " is static" : " has no SEC(\"socket\") or the like"));
    }
}
