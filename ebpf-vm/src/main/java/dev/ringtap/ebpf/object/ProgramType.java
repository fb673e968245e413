// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** What a program is for: how it is called and what it may do. The name of its section in the object says it. */
public enum ProgramType {
    /** Steering programs and filters of a TAP; enum bpf_prog_type calls it BPF_PROG_TYPE_SOCKET_FILTER. */
    SOCKET_FILTER("socket", 1, List.of("socket", "socket/*")),
    /** Programs at a device's ingress or egress (BPF_PROG_TYPE_SCHED_CLS). */
    SCHED_CLS("tc", 3, List.of("tc", "tc/*", "tcx/ingress", "tcx/egress", "classifier", "classifier/*")),
    /** Actions of traffic control (BPF_PROG_TYPE_SCHED_ACT). */
    SCHED_ACT("action", 4, List.of("action", "action/*")),
    /** The proposed type of a steering program that reports its hash. No released kernel has it. */
    VNET_HASH("vnet_hash", 0, List.of("vnet_hash", "vnet_hash/*"));

    private final String title;
    private final int kernelNumber;
    private final List<String> sections;

    ProgramType(String title, int kernelNumber, List<String> sections) {
        this.title = title;
        this.kernelNumber = kernelNumber;
        this.sections = sections;
    }

    /** The usual section of such programs, which is how messages call the type. */
    public String title() {
        return title;
    }

    /** Number of {@code enum bpf_prog_type}, or 0 if no released kernel has this type. */
    public int kernelNumber() {
        return kernelNumber;
    }

    /** The type of the programs of a section, or null if none is meant by that name. */
    static ProgramType ofSection(String section) {
        for (var type : values()) {
            for (var pattern : type.sections) {
                boolean fits = pattern.endsWith("*")
                        ? section.startsWith(pattern.substring(0, pattern.length() - 1))
                        : section.equals(pattern);
                if (fits) return type;
            }
        }
        return null;
    }

    /** The names that {@link #ofSection} knows, for messages. */
    static String supportedSections() {
        return Arrays.stream(values())
                .flatMap(type -> type.sections.stream())
                .map(section -> "'" + section + "'")
                .collect(Collectors.joining(", "));
    }
}
