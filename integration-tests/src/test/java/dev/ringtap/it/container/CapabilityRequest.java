// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.container;

import com.github.dockerjava.api.model.Capability;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Capabilities of a container, in the words that this engine takes.
 *
 * @param byName those that the engine knows
 * @param runtime the OCI runtime, or null for the engine's own choice
 * @param environment what else the container's environment must have, for the runtime
 */
record CapabilityRequest(List<Capability> byName, String runtime, Map<String, String> environment) {
    private static final Set<Capability> SINCE_23 = EnumSet.of(Capability.BPF, Capability.PERFMON);

    static CapabilityRequest of(Capability... capabilities) {
        List<Capability> known = new ArrayList<>(Arrays.asList(capabilities));
        if (Engine.instance().knowsBpf() || !known.removeAll(SINCE_23)) {
            return new CapabilityRequest(known, null, Map.of());
        }
        String others = Arrays.stream(capabilities)
                .filter(SINCE_23::contains)
                .map(capability -> "CAP_" + capability)
                .collect(Collectors.joining(","));
        return new CapabilityRequest(known, Engine.CAPABILITIES_RUNTIME, Map.of(Engine.CAPABILITIES_VARIABLE, others));
    }
}
