// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.emulator.datapath.DeviceHashSource;
import dev.ringtap.emulator.datapath.InBandHashSource;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.tun.TapDevice;
import java.io.IOException;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Which design a TAP of the kernel's gets, and what is said of it. */
@RequiresTap
@RequiresBpf
class KernelTapTest {
    private static final Pattern FIGURES = Pattern.compile("measured here: device (\\d+) ns a packet, ebpf (\\d+) ns");

    private NetworkNamespace namespace;
    private TapDevice tap;

    @BeforeEach
    void open() throws Exception {
        namespace = NetworkNamespace.create();
        tap = namespace.call(() -> TapDevice.open(TapDevice.Options.of("chosen0", 2)));
    }

    @AfterEach
    void close() {
        tap.close();
        namespace.close();
    }

    @Test
    void sourceThatWasAskedForByNameIsTaken() throws Exception {
        KernelTap device = with(HashSourceChoice.DEVICE);
        assertThat(device.steering().hashSource(0)).isInstanceOf(DeviceHashSource.class);
        device.steering().close();
        KernelTap ebpf = with(HashSourceChoice.EBPF);
        assertThat(ebpf.steering().hashSource(0)).isInstanceOf(InBandHashSource.class);
        assertThat(ebpf.steering().description()).containsAnyOf("tcx", "clsact");
        ebpf.steering().close();
    }

    @Test
    void autoTakesWhatItMeasuredToBeCheaperAndSaysSo() throws Exception {
        KernelTap chosen = with(HashSourceChoice.AUTO);
        var figures = FIGURES.matcher(chosen.reason());
        if (!figures.matches()) {
            assertThat(chosen.reason()).contains("too busy to measure");
            assertThat(chosen.steering().hashSource(0)).isInstanceOf(DeviceHashSource.class);
            chosen.steering().close();
            return;
        }
        long device = Long.parseLong(figures.group(1));
        long ebpf = Long.parseLong(figures.group(2));
        assertThat(device).isPositive();
        assertThat(ebpf).isPositive();
        assertThat(chosen.steering().hashSource(0))
                .isInstanceOf(ebpf < device ? InBandHashSource.class : DeviceHashSource.class);
        chosen.steering().close();
    }

    /** Holds until a kernel is released that has the ioctls; then there is something new to run. */
    @Test
    void kernelIsRefusedWithTheReasonAndLeavesTheTapAsItWas() throws Exception {
        assertThatThrownBy(() -> with(HashSourceChoice.KERNEL))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no released kernel");
        assertThat(tap.queue(0).headerBytes()).isEqualTo(TapDevice.HEADER_BYTES);
        with(HashSourceChoice.DEVICE).steering().close();
    }

    @Test
    void designsOfTheEmulatedTapAreNoKernels() {
        assertThatThrownBy(() -> with(HashSourceChoice.KFUNC)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> with(HashSourceChoice.VNET_HASH)).isInstanceOf(IllegalArgumentException.class);
    }

    private KernelTap with(HashSourceChoice choice) throws Exception {
        return namespace.call(() -> KernelTap.with(tap, choice));
    }
}
