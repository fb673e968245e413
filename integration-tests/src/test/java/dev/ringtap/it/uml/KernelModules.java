// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.uml;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The module tree of one kernel: which files to load, and in which order, for a wanted module. */
final class KernelModules {
    private final Path tree;
    private final Map<String, List<String>> dependencies;
    private final Set<String> builtIn;

    KernelModules(Path tree) throws IOException {
        this.tree = tree;
        // A line of modules.dep: path, colon, the modules it needs, those to be loaded last standing first.
        this.dependencies = Files.readAllLines(tree.resolve("modules.dep")).stream()
                .map(line -> line.split(":", 2))
                .collect(Collectors.toMap(
                        parts -> parts[0], parts -> List.of(parts[1].strip().split("\\s+"))));
        this.builtIn = Files.readAllLines(tree.resolve("modules.builtin")).stream()
                .map(KernelModules::moduleName)
                .collect(Collectors.toSet());
    }

    /** The files to insert, in order, so that all wanted modules are there; built-in ones need none. */
    List<Path> loadOrder(String... wanted) throws IOException {
        Set<String> order = new LinkedHashSet<>();
        for (String module : wanted) {
            if (builtIn.contains(module)) {
                continue;
            }
            String path = dependencies.keySet().stream()
                    .filter(candidate -> moduleName(candidate).equals(module))
                    .findFirst()
                    .orElseThrow(() -> new IOException("no module " + module + " in " + tree));
            List<String> chain = new ArrayList<>(dependencies.get(path));
            chain.removeIf(String::isEmpty);
            order.addAll(chain.reversed());
            order.add(path);
        }
        return order.stream().map(tree::resolve).toList();
    }

    private static String moduleName(String path) {
        return path.substring(path.lastIndexOf('/') + 1)
                .replaceFirst("\\.ko$", "")
                .replace('-', '_');
    }
}
