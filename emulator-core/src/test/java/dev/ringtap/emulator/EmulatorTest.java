// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.emulator.device.SteeringDesign;
import dev.ringtap.emulator.io.IoEngine;
import dev.ringtap.emulator.tap.emulated.EmulatedTap;
import dev.ringtap.virtio.net.NetDeviceConfig;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmulatorTest {
    private static final byte[] MAC = {2, 0, 0, 0, 0, 1};
    private static final long LIMIT_S = 30;

    @TempDir
    Path directory;

    /** As a shutdown hook and the command that it ends do: who halts the process must not do so in the midst of it. */
    @Test
    void whoeverClosesSecondWaitsForTheFirst() throws Exception {
        SteeredEmulatedTap made =
                SteeredEmulatedTap.with(EmulatedTap.Options.of("emulated0", 1), HashSourceChoice.DEVICE);
        AtomicInteger closes = new AtomicInteger();
        CountDownLatch closing = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        SteeringDesign steering = beforeClose(made.steering(), () -> {
            closes.incrementAndGet();
            closing.countDown();
            go.await();
        });
        NetDeviceConfig device =
                new NetDeviceConfig(MAC, 1, 1500, 128, steering.hashTypes(), NetDeviceConfig.SPEED_UNKNOWN);
        Emulator emulator = Emulator.start(
                new EmulatorConfig(directory.resolve("socket"), made.tap(), steering, device, IoEngine.EPOLL, 0));
        Thread first = Thread.ofPlatform().start(emulator::close);
        assertThat(closing.await(LIMIT_S, TimeUnit.SECONDS)).isTrue();
        Thread second = Thread.ofPlatform().start(emulator::close);
        second.join(200);
        assertThat(second.isAlive()).as("waits").isTrue();
        go.countDown();
        first.join();
        second.join();
        assertThat(closes).hasValue(1);
        assertThat(directory).isEmptyDirectory();
    }

    @FunctionalInterface
    private interface Step {
        void run() throws Exception;
    }

    private static SteeringDesign beforeClose(SteeringDesign design, Step step) {
        return (SteeringDesign) Proxy.newProxyInstance(
                EmulatorTest.class.getClassLoader(),
                new Class<?>[] {SteeringDesign.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        step.run();
                    }
                    try {
                        return method.invoke(design, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }
}
