// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Native;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.Reference;
import dev.ringtap.linux.bpf.SteeringProgram;
import dev.ringtap.virtio.net.Toeplitz;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The same objects, loaded by the same loader, on kernels of several series. */
@RequiresKernels
class LoaderOnKernelsTest {
    private static final Map<GuestKernel, Future<List<String>>> GUESTS = new LinkedHashMap<>();
    private static ExecutorService boots;

    @BeforeAll
    static void boot() throws Exception {
        Path directory = Path.of(System.getProperty("basedir", "."), "target", "loader-guests")
                .toAbsolutePath();
        Files.createDirectories(directory);
        List<GuestKernel> kernels = kernels();
        Path initramfs = LoaderImage.build(
                directory,
                kernels,
                List.of(LoaderInGuest.class, SteeringProgram.class, BpfObject.class, Toeplitz.class, Native.class),
                Stream.concat(Stream.of(LoaderInGuest.class.getName()), objects().stream())
                        .toList());
        // An emulated processor keeps a real one busy.
        boots = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
        for (GuestKernel kernel : kernels) {
            GUESTS.put(kernel, boots.submit(() -> KernelGuest.run(kernel, initramfs, directory)));
        }
    }

    @AfterAll
    static void end() {
        if (boots != null) {
            boots.shutdownNow();
            boots.close();
        }
    }

    static List<GuestKernel> kernels() {
        return GuestKernel.all();
    }

    /** The objects that are checked in. */
    private static List<String> objects() {
        return List.of("steering.bpf.o", "inband.bpf.o", "kfunc.bpf.o", "vnet_hash.bpf.o");
    }

    @ParameterizedTest
    @MethodSource("kernels")
    void objectsLoadAndAnswer(GuestKernel kernel) throws Exception {
        List<String> output = GUESTS.get(kernel).get();
        System.out.println(kernel + ": " + summary(output));

        assertThat(kernel.release()).startsWith(kernel.series() + ".");
        assertThat(output).contains("kernel " + kernel.release(), "done");
        for (String name : objects()) {
            assertPrograms(name, output);
        }
        // Linux 6.6 has tcx.
        assertThat(output).contains("attached by " + (kernel.isBefore("6.6") ? "clsact" : "tcx"));
        for (KnownFrame known : KnownFrame.values()) {
            String hash = "%08x".formatted(known.hash());
            assertThat(output)
                    .contains(
                            "hash " + known + " " + (known.classified() ? hash : "none"),
                            "queue " + known + " " + queueOf(known),
                            "inband " + known + " " + queueOf(known) + " " + hash + " " + known.report());
        }
    }

    private static int queueOf(KnownFrame known) {
        return known.classified() ? known.hash() & LoaderInGuest.QUEUES - 1 : LoaderInGuest.UNCLASSIFIED_QUEUE;
    }

    /** All load, but for those of the proposals, which no released kernel has: they are refused by that reason. */
    private static void assertPrograms(String name, List<String> output) throws Exception {
        BpfObject object;
        try (var resource = SteeringProgram.class.getResourceAsStream(name)) {
            object = BpfObject.parse(name, resource.readAllBytes());
        }
        assertThat(object.programs()).isNotEmpty();
        for (var program : object.programs()) {
            boolean proposed = program.type().kernelNumber() == 0
                    || program.references().stream().anyMatch(Reference.KfuncCall.class::isInstance);
            String start = (proposed ? "refused " : "loaded ") + name + " " + program.name() + " ";
            String reason = proposed ? "no released kernel has" : "verified";
            assertThat(output).anyMatch(line -> line.startsWith(start) && line.contains(reason), start + reason);
        }
    }

    private static String summary(List<String> output) {
        return String.join(
                ", ",
                output.stream()
                        .filter(line -> line.startsWith("loaded")
                                || line.startsWith("attached")
                                || line.startsWith("booted")
                                || line.startsWith("exit"))
                        .toList());
    }
}
