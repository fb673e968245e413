// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The functions that a runtime exports to programs, by name and version. An object declares
 * {@code extern int name___v2(…) __ksym;}: the name, and the version that it was built for. Immutable.
 */
public final class Kfuncs {
    private static final Kfuncs NONE = new Kfuncs(Map.of());
    private static final int ARGUMENTS_MAX = 5;

    private final Map<String, Map<Integer, Kfunc>> byName;

    private Kfuncs(Map<String, Map<Integer, Kfunc>> byName) {
        this.byName = byName;
    }

    public static Kfuncs none() {
        return NONE;
    }

    public static Builder builder() {
        return new Builder();
    }

    public Optional<Kfunc> find(String name, int version) {
        return Optional.ofNullable(byName.getOrDefault(name, Map.of()).get(version));
    }

    /** Versions of a name that are exported, empty if the name is unknown. */
    public List<Integer> versions(String name) {
        return List.copyOf(byName.getOrDefault(name, Map.of()).keySet());
    }

    /** What an argument must be. */
    public enum Argument {
        /** The program's context, as it was in r1 at the start. */
        CONTEXT,
        /** A number; its type's width is the function's matter. */
        SCALAR
    }

    /** Arguments in r1 and up; the result in r0 is a number. */
    public record Signature(List<Argument> arguments) {
        public Signature {
            arguments = List.copyOf(arguments);
            if (arguments.size() > ARGUMENTS_MAX)
                throw new IllegalArgumentException(arguments.size() + " arguments: there are registers for 5");
        }

        public static Signature of(Argument... arguments) {
            return new Signature(List.of(arguments));
        }
    }

    /** What is called. Runs on the thread of the program; must not keep {@code skb}. */
    @FunctionalInterface
    public interface Implementation {
        /** @param skb the packet that the program runs on. Registers beyond the signature hold anything */
        long call(SkBuff skb, long r1, long r2, long r3, long r4, long r5);
    }

    /** An exported function. */
    public record Kfunc(String name, int version, Signature signature, Implementation implementation) {}

    /** Collects exports. */
    public static final class Builder {
        private final Map<String, Map<Integer, Kfunc>> byName = new LinkedHashMap<>();

        private Builder() {}

        /** @throws IllegalArgumentException if that name and version is exported already */
        public Builder export(String name, int version, Signature signature, Implementation implementation) {
            var kfunc = new Kfunc(name, version, signature, implementation);
            var previous =
                    byName.computeIfAbsent(name, any -> new LinkedHashMap<>()).putIfAbsent(version, kfunc);
            if (previous != null)
                throw new IllegalArgumentException(name + " version " + version + " is exported twice");
            return this;
        }

        public Kfuncs build() {
            var copy = new LinkedHashMap<String, Map<Integer, Kfunc>>();
            byName.forEach((name, versions) -> copy.put(name, new LinkedHashMap<>(versions)));
            return new Kfuncs(copy);
        }
    }
}
