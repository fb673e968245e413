// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.model.Capability;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Capabilities of a container, in the words that this engine takes. Where it has no way to give BPF and PERFMON, what they
 * are parts of: SYS_ADMIN.
 *
 * @param byName those that the engine is asked for
 * @param runtime the OCI runtime, or null for the engine's own choice
 * @param environment what else the container's environment must have, for the runtime
 * @param effective what the container has then, all in all
 */
record CapabilityRequest(
        Set<Capability> byName, String runtime, Map<String, String> environment, Set<Capability> effective) {
    private static final Set<Capability> SINCE_23 = EnumSet.of(Capability.BPF, Capability.PERFMON);

    static CapabilityRequest of(Capability... capabilities) {
        Set<Capability> wanted = EnumSet.noneOf(Capability.class);
        wanted.addAll(Arrays.asList(capabilities));
        Set<Capability> known = EnumSet.copyOf(wanted);
        if (Engine.instance().knowsBpf() || !known.removeAll(SINCE_23)) {
            return new CapabilityRequest(wanted, null, Map.of(), wanted);
        }
        if (Engine.instance().missingBpfByName() != null) {
            known.add(Capability.SYS_ADMIN);
            return new CapabilityRequest(known, null, Map.of(), known);
        }
        String others = wanted.stream()
                .filter(SINCE_23::contains)
                .map(capability -> "CAP_" + capability)
                .collect(Collectors.joining(","));
        return new CapabilityRequest(
                known, Engine.CAPABILITIES_RUNTIME, Map.of(Engine.CAPABILITIES_VARIABLE, others), wanted);
    }
}
