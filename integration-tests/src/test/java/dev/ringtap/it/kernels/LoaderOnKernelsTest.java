// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.it.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Native;
import dev.ringtap.ebpf.object.BpfObject;
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
                List.of(LoaderInGuest.class.getName()));
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

    @ParameterizedTest
    @MethodSource("kernels")
    void objectsLoadAndAnswer(GuestKernel kernel) throws Exception {
        List<String> output = GUESTS.get(kernel).get();
        System.out.println(kernel + ": " + summary(output));

        assertThat(kernel.release()).startsWith(kernel.series() + ".");
        assertThat(output).contains("kernel " + kernel.release(), "done");
        for (KnownFrame known : KnownFrame.values()) {
            String hash = known.classified() ? "%08x".formatted(known.hash()) : "none";
            int queue = known.classified() ? known.hash() & LoaderInGuest.QUEUES - 1 : LoaderInGuest.UNCLASSIFIED_QUEUE;
            assertThat(output).contains("hash " + known + " " + hash, "queue " + known + " " + queue);
        }
    }

    private static String summary(List<String> output) {
        return String.join(
                ", ",
                output.stream()
                        .filter(line ->
                                line.startsWith("verified") || line.startsWith("booted") || line.startsWith("exit"))
                        .toList());
    }
}
