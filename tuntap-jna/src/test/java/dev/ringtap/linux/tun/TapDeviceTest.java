// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.tun;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.ConstantProgram;
import dev.ringtap.linux.RequiresBpf;
import dev.ringtap.linux.RequiresRoot;
import dev.ringtap.linux.RequiresTap;
import dev.ringtap.linux.WeakThread;
import dev.ringtap.linux.net.LinkConfig;
import dev.ringtap.linux.net.LinkInfo;
import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import dev.ringtap.linux.tun.TapDevice.Options;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@RequiresTap
class TapDeviceTest {
    private static final int IFF_TUN = 1;

    @Nested
    class Opening {
        @Test
        void makesAnInterfaceThatVanishesOnClose() throws Exception {
            try (var namespace = NetworkNamespace.create()) {
                namespace.run(() -> {
                    var tap = TapDevice.open(Options.of("tap0", 3));
                    var info = LinkInfo.find("tap0");
                    assertThat(info.kind()).isEqualTo("tun");
                    assertThat(info.up()).isFalse();
                    assertThat(info.tun()).isEqualTo(new LinkInfo.Tun(true, true, true, false, -1, -1, 3, 0));
                    assertThat(tap.name()).isEqualTo("tap0");
                    assertThat(tap.queueCount()).isEqualTo(3);
                    assertThat(tap.attachedQueues()).isEqualTo(3);
                    assertThat(tap.link().index()).isEqualTo(info.index());
                    tap.close();
                    tap.close();
                    assertThat(LinkConfig.exists("tap0")).isFalse();
                });
            }
        }

        @Test
        void descriptorsDoNotBlockAndAreClosedOnExec() throws Exception {
            try (var harness = new TapHarness(2)) {
                for (int i = 0; i < 2; i++) {
                    int fd = harness.tap.queue(i).fd().number();
                    assertThat(Posix.fcntl(fd, Posix.F_GETFL, 0) & Posix.O_NONBLOCK)
                            .isNotZero();
                    assertThat(Posix.fcntl(fd, Posix.F_GETFD, 0)).isEqualTo(1);
                    assertThat(harness.poll(i)).isNull();
                }
            }
        }

        @Test
        void givesAFreeNumberToANamePattern() throws Exception {
            try (var namespace = NetworkNamespace.create()) {
                namespace.run(() -> {
                    try (var first = TapDevice.open(Options.of("rt%d", 1));
                            var second = TapDevice.open(Options.of("rt%d", 2))) {
                        assertThat(first.name()).isEqualTo("rt0");
                        assertThat(second.name()).isEqualTo("rt1");
                        assertThat(second.link().info().tun().queues()).isEqualTo(2);
                    }
                });
            }
        }

        @Test
        void takesAsManyQueuesAsTheKernelHas() throws Exception {
            try (var namespace = NetworkNamespace.create();
                    var tap = namespace.call(() -> TapDevice.open(Options.of("tap0", 256)))) {
                assertThat(tap.link().info().tun().queues()).isEqualTo(256);
            }
        }

        @Test
        void aNameOf15BytesFits() throws Exception {
            try (var namespace = NetworkNamespace.create();
                    var tap = namespace.call(() -> TapDevice.open(Options.of("abcdefghijklmno", 1)))) {
                assertThat(tap.link().name()).isEqualTo("abcdefghijklmno");
            }
        }

        @ParameterizedTest
        @ValueSource(
                strings = {
                    "",
                    "abcdefghijklmnop",
                    ".",
                    "..",
                    "a/b",
                    "a:b",
                    "a b",
                    "a\tb",
                    "a%",
                    "a%s",
                    "%d%d",
                    "äöüäöüäö"
                })
        void refusesAWrongName(String name) {
            assertThatThrownBy(() -> Options.of(name, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("TAP name \"" + name + "\": ");
        }

        @ParameterizedTest
        @ValueSource(ints = {-1, 0, 257, 300})
        void refusesAWrongNumberOfQueues(int queues) {
            assertThatThrownBy(() -> Options.of("tap0", queues))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(queues + " TAP queues: there are 1 to 256");
        }

        @Test
        void refusesANameThatIsTaken() throws Exception {
            try (var namespace = NetworkNamespace.create();
                    var tap = namespace.call(() -> TapDevice.open(Options.of("tap0", 2)));
                    var tun = namespace.call(() -> foreign("tun0", IFF_TUN | TunIoctl.IFF_NO_PI));
                    var single = namespace.call(() -> foreign("single0", TunIoctl.IFF_TAP | TunIoctl.IFF_NO_PI))) {
                namespace.run(() -> {
                    refused("tap0")
                            .hasMessageContaining("(the name is taken by a TAP that another process holds open)");
                    refused("tun0").hasMessageContaining("(the name is taken by a TUN interface");
                    refused("lo")
                            .hasMessage("cannot open the TAP device lo (the name is taken by an interface that is"
                                    + " not a TAP): ioctl TUNSETIFF: Device or resource busy (EBUSY)");
                    assertThat(single.isOpen()).isTrue();
                    refused("single0").hasMessageContaining("(the TAP of that name was made without multi_queue)");
                    assertThat(tap.link().info().tun().queues()).isEqualTo(2);
                    assertThat(tun.isOpen()).isTrue();
                });
            }
        }

        private org.assertj.core.api.AbstractThrowableAssert<?, ?> refused(String name) {
            return assertThatThrownBy(() -> TapDevice.open(Options.of(name, 1)))
                    .isInstanceOfSatisfying(
                            NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
        }

        private OwnedFd foreign(String name, int flags) throws NativeException {
            var fd = OwnedFd.of(Posix.open("/dev/net/tun", Posix.O_RDWR | Posix.O_CLOEXEC));
            NativeException.check(
                    TunIoctl.TUNSETIFF.tryFlags(fd.number(), new String[] {name}, flags), "TUNSETIFF", "test");
            return fd;
        }

        @Test
        void leavesNoDescriptorBehindWhenItFails() throws Exception {
            try (var namespace = NetworkNamespace.create()) {
                namespace.run(() -> {
                    long before = openDescriptors();
                    refused("lo");
                    assertThat(openDescriptors()).isEqualTo(before);
                });
            }
        }

        private long openDescriptors() throws Exception {
            try (var entries = java.nio.file.Files.list(java.nio.file.Path.of("/proc/self/fd"))) {
                return entries.count();
            }
        }

        @Test
        void saysWhatToDoWithoutPrivilege() throws Exception {
            try (var namespace = NetworkNamespace.create()) {
                namespace.run(() -> assertThatThrownBy(
                                () -> WeakThread.callWithoutCapabilities(() -> TapDevice.open(Options.of("tap0", 1))))
                        .isInstanceOf(NativeException.class)
                        .hasMessage(
                                "cannot open the TAP device tap0 (this needs CAP_NET_ADMIN, or a persistent TAP that"
                                        + " belongs to this user): ioctl TUNSETIFF: Operation not permitted (EPERM)"));
            }
        }

        @Test
        @RequiresRoot
        void saysWhenTheDeviceFileMayNotBeOpened() throws Exception {
            var tun = java.nio.file.Path.of("/dev/net/tun");
            var permissions = java.nio.file.Files.getPosixFilePermissions(tun);
            org.junit.jupiter.api.Assumptions.assumeFalse(
                    permissions.contains(java.nio.file.attribute.PosixFilePermission.OTHERS_WRITE),
                    "everybody may open " + tun + " here");
            assertThatThrownBy(() -> WeakThread.callAsUser(65_534, () -> TapDevice.open(Options.of("tap0", 1))))
                    .isInstanceOf(NativeException.class)
                    .hasMessage("cannot open the TAP device tap0 (this user may not open the file): open /dev/net/tun:"
                            + " Permission denied (EACCES)");
        }
    }

    @Nested
    class Persistence {
        @Test
        void aPersistentTapStaysAndIsOpenedAgain() throws Exception {
            try (var namespace = NetworkNamespace.create()) {
                namespace.run(() -> {
                    TapDevice.open(Options.of("tap0", 4).withPersist(true)).close();
                    assertThat(LinkInfo.find("tap0").tun().persistent()).isTrue();
                    assertThat(LinkInfo.find("tap0").tun().queues()).isZero();
                    int index = LinkInfo.find("tap0").index();

                    try (var again = TapDevice.open(Options.of("tap0", 2))) {
                        assertThat(again.link().index()).isEqualTo(index);
                        assertThat(again.link().info().tun().queues()).isEqualTo(2);
                    }
                    assertThat(LinkConfig.exists("tap0")).isTrue();

                    try (var last = TapDevice.open(Options.of("tap0", 2))) {
                        last.setPersist(false);
                    }
                    assertThat(LinkConfig.exists("tap0")).isFalse();
                });
            }
        }

        @Test
        void itsOwnerNeedsNoPrivilegeAndOthersDo() throws Exception {
            int user = Posix.effectiveUid();
            try (var namespace = NetworkNamespace.create()) {
                namespace.run(() -> {
                    TapDevice.open(Options.of("mine0", 1).withPersist(true).withOwner(user))
                            .close();
                    TapDevice.open(Options.of("others0", 1).withPersist(true).withOwner(user + 12_345))
                            .close();
                    assertThat(LinkInfo.find("others0").tun().ownerUid()).isEqualTo(user + 12_345);
                    WeakThread.callWithoutCapabilities(() -> {
                        try (var tap = TapDevice.open(Options.of("mine0", 2))) {
                            tap.setOffloads(TunOffload.CSUM);
                            tap.setAttachedQueues(1);
                            tap.setCarrier(false);
                            tap.setMac(new byte[] {2, 3, 4, 5, 6, 7});
                            assertThat(tap.mac()).containsExactly(2, 3, 4, 5, 6, 7);
                        }
                        return null;
                    });
                    assertThatThrownBy(() ->
                                    WeakThread.callWithoutCapabilities(() -> TapDevice.open(Options.of("others0", 1))))
                            .isInstanceOf(NativeException.class)
                            .hasMessageContaining("a persistent TAP that belongs to this user");
                    for (var name : List.of("mine0", "others0"))
                        try (var link = LinkConfig.open(name)) {
                            link.delete();
                        }
                });
            }
        }
    }

    @Nested
    class Settings {
        @Test
        void carrierAndAddress() throws Exception {
            try (var harness = new TapHarness(1)) {
                var tap = harness.tap;
                assertThat(tap.link().running()).isTrue();
                tap.setCarrier(false);
                assertThat(tap.link().running()).isFalse();
                tap.setCarrier(true);
                assertThat(tap.link().running()).isTrue();

                tap.setMac(new byte[] {2, 9, 8, 7, 6, 5});
                assertThat(tap.mac()).containsExactly(2, 9, 8, 7, 6, 5);
                assertThat(tap.link().mac()).containsExactly(2, 9, 8, 7, 6, 5);
                assertThatThrownBy(() -> tap.setMac(new byte[] {1, 0, 0, 0, 0, 0}))
                        .isInstanceOf(NativeException.class)
                        .hasMessageContaining("01:00:00:00:00:00");
                assertThatThrownBy(() -> tap.setMac(new byte[5])).isInstanceOf(IllegalArgumentException.class);
                assertThat(tap.features() & TunIoctl.IFF_MULTI_QUEUE).isNotZero();
            }
        }

        @Test
        void offloadsAreProbedAndChecked() throws Exception {
            try (var harness = new TapHarness(1)) {
                var tap = harness.tap;
                int tcp = TunOffload.CSUM | TunOffload.TSO4 | TunOffload.TSO6 | TunOffload.TSO_ECN;
                assertThat(tap.supportedOffloads() & tcp).isEqualTo(tcp);
                assertThat(tap.offloads()).isZero();
                tap.setOffloads(tap.supportedOffloads());
                assertThat(tap.offloads()).isEqualTo(tap.supportedOffloads());
                assertThatThrownBy(() -> tap.setOffloads(0x1000))
                        .isInstanceOf(NativeException.class)
                        .hasMessageStartingWith("cannot set the offloads of tap0 to 0x1000 (it supports CSUM TSO4");
                assertThat(tap.offloads()).isEqualTo(tap.supportedOffloads());
                tap.setOffloads(0);
            }
        }

        @Test
        void offloadNamesAreThoseOfTheHeader() {
            assertThat(TunOffload.describe(0)).isEqualTo("none");
            assertThat(TunOffload.describe(TunOffload.CSUM | TunOffload.USO6)).isEqualTo("CSUM USO6");
            assertThat(TunOffload.describe(0x180)).isEqualTo("0x180");
        }
    }

    @Nested
    class Traffic {
        @Test
        void aFrameOfTheHostComesOutBehindAHeaderOf12Bytes() throws Exception {
            try (var harness = new TapHarness(1)) {
                byte[] frame = Frames.experimental(42);
                harness.send(frame);
                var received = harness.receive(1).get(0);
                assertThat(received).hasSize(1);
                byte[] whole = received.get(0);
                // Bytes 10 and 11, num_buffers, are zero or untouched depending on the kernel: its reader sets them.
                assertThat(Arrays.copyOf(whole, 10)).containsOnly(0);
                assertThat(Arrays.copyOfRange(whole, 12, whole.length)).isEqualTo(frame);
            }
        }

        @Test
        void aFrameWrittenReachesTheHost() throws Exception {
            try (var harness = new TapHarness(2)) {
                byte[] frame = Frames.experimental(7);
                harness.write(1, frame);
                assertThat(harness.awaitAtHost()).isEqualTo(frame);
            }
        }

        @Test
        void aVlanTagSurvivesBothWays() throws Exception {
            try (var harness = new TapHarness(1)) {
                byte[] frame = Frames.tagged(Frames.experimental(7), 0x8100_6123);
                harness.write(0, frame);
                assertThat(harness.awaitAtHost()).isEqualTo(frame);
                harness.send(frame);
                byte[] whole = harness.receive(1).get(0).get(0);
                assertThat(Arrays.copyOfRange(whole, 12, whole.length)).isEqualTo(frame);
            }
        }

        @Test
        void largeFramesComeWholeOnlyWithSegmentationOffload() throws Exception {
            byte[] frame = Frames.tcp(10_000);
            int headers = Frames.TCP_HEADERS_BYTES;
            try (var harness = new TapHarness(1)) {
                harness.tap.setOffloads(TunOffload.CSUM | TunOffload.TSO4);
                harness.host.sendSegmented(frame, frame.length, 1, headers, 1000, 34, 16);
                byte[] whole = harness.receive(1).get(0).get(0);
                assertThat(whole).hasSize(12 + frame.length);
                // flags NEEDS_CSUM, gso_type TCPV4, hdr_len, gso_size 1000, csum_start 34, csum_offset 16: little
                // endian
                assertThat(Arrays.copyOf(whole, 10))
                        .containsExactly(1, 1, headers, 0, 1000 & 0xFF, 1000 >> 8, 34, 0, 16, 0);

                harness.tap.setOffloads(0);
                harness.host.sendSegmented(frame, frame.length, 1, headers, 1000, 34, 16);
                var segments = harness.receive(10).get(0);
                assertThat(segments).hasSize(10).allMatch(segment -> segment.length == 12 + headers + 1000);
                assertThat(segments).allMatch(segment -> segment[0] == 0 && segment[1] == 0);
            }
        }
    }

    @Nested
    class Queues {
        private static final int FLOWS = 100;

        private List<Integer> spread(TapHarness harness) throws NativeException {
            for (int i = 0; i < FLOWS; i++) harness.send(Frames.udp(1000 + i, 10));
            return harness.receive(FLOWS).stream().map(List::size).toList();
        }

        private void onlyAttached(List<Integer> spread, Integer... attached) {
            assertThat(spread.stream().mapToInt(Integer::intValue).sum()).isEqualTo(FLOWS);
            var used = IntStream.range(0, spread.size())
                    .filter(i -> spread.get(i) > 0)
                    .boxed()
                    .toList();
            // Of so many flows each queue gets some: with two queues and a fair hash all miss one once in 2^99 times.
            assertThat(used).containsExactly(attached);
        }

        @Test
        void framesGoToAttachedQueuesOnly() throws Exception {
            try (var harness = new TapHarness(4)) {
                var tap = harness.tap;
                onlyAttached(spread(harness), 0, 1, 2, 3);
                tap.setAttachedQueues(2);
                assertThat(tap.attachedQueues()).isEqualTo(2);
                assertThat(tap.link().info().tun().queues()).isEqualTo(2);
                assertThat(tap.link().info().tun().detachedQueues()).isEqualTo(2);
                onlyAttached(spread(harness), 0, 1);
                tap.setAttachedQueues(1);
                onlyAttached(spread(harness), 0);
                tap.setAttachedQueues(4);
                onlyAttached(spread(harness), 0, 1, 2, 3);
            }
        }

        @Test
        void aDetachedQueueReadsEmptyAndStillTakesFramesForTheHost() throws Exception {
            try (var harness = new TapHarness(2)) {
                harness.tap.setAttachedQueues(1);
                assertThat(harness.tap.queue(1).attached()).isFalse();
                harness.send(Frames.experimental(1));
                assertThat(harness.receive(1).get(0)).hasSize(1);
                assertThat(harness.poll(1)).isNull();
                harness.write(1, Frames.experimental(2));
                assertThat(harness.awaitAtHost()).isEqualTo(Frames.experimental(2));
            }
        }

        @Test
        @RequiresBpf
        void whatAQueueHoldsWhenItIsDetachedIsDropped() throws Exception {
            try (var harness = new TapHarness(2);
                    var program = ConstantProgram.load(1)) {
                harness.tap.setSteering(program.number());
                harness.send(Frames.experimental(1));
                harness.tap.setAttachedQueues(1);
                assertThat(harness.poll(1)).isNull();
                harness.tap.setAttachedQueues(2);
                harness.send(Frames.experimental(2));
                assertThat(harness.receive(1).get(1))
                        .extracting(frame -> frame[12 + 17])
                        .containsExactly((byte) 2);
            }
        }

        @Test
        void settingsWorkWhileQueuesAreDetached() throws Exception {
            try (var harness = new TapHarness(2)) {
                harness.tap.queue(0).detach();
                harness.tap.setCarrier(false);
                assertThat(harness.tap.link().running()).isFalse();
                harness.tap.setCarrier(true);
                assertThat(harness.tap.link().running()).isTrue();
                harness.tap.setAttachedQueues(0);
                harness.tap.setOffloads(TunOffload.CSUM);
                harness.tap.setCarrier(false);
                assertThatThrownBy(() -> harness.tap.setCarrier(true))
                        .isInstanceOf(NativeException.class)
                        .hasMessageContaining("(no queue is attached)");
                assertThat(harness.tap.link().info().tun().detachedQueues()).isEqualTo(2);
            }
        }

        @Test
        void withNoQueueAttachedTheHostsFramesAreDropped() throws Exception {
            try (var harness = new TapHarness(2)) {
                harness.tap.setAttachedQueues(0);
                harness.send(Frames.experimental(1));
                harness.tap.setAttachedQueues(2);
                harness.send(Frames.experimental(2));
                var received = harness.receive(1).stream().flatMap(List::stream).toList();
                assertThat(received).hasSize(1);
                assertThat(received.get(0)[12 + 17]).isEqualTo((byte) 2);
            }
        }

        @Test
        void refusesToAttachMoreThanThereAre() throws Exception {
            try (var harness = new TapHarness(2)) {
                for (int n : new int[] {-1, 3})
                    assertThatThrownBy(() -> harness.tap.setAttachedQueues(n))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessage(n + " attached queues: tap0 has 2");
            }
        }

        @Test
        @RequiresBpf
        void aSteeringProgramChoosesTheQueueModuloTheirNumber() throws Exception {
            try (var harness = new TapHarness(3)) {
                for (int answer = 0; answer < 5; answer++) {
                    try (var program = ConstantProgram.load(answer)) {
                        harness.tap.setSteering(program.number());
                    }
                    onlyAttached(spread(harness), answer % 3);
                }
                harness.tap.clearSteering();
                onlyAttached(spread(harness), 0, 1, 2);
                harness.tap.clearSteering();
            }
        }

        @Test
        @RequiresBpf
        void theKernelsNumbersAreFollowedThroughAnyOrder() throws Exception {
            try (var harness = new TapHarness(4)) {
                var tap = harness.tap;
                tap.queue(1).detach();
                assertThat(kernelOrder(harness)).containsExactly(0, 3, 2);
                tap.queue(0).detach();
                assertThat(kernelOrder(harness)).containsExactly(2, 3);
                tap.queue(0).detach();
                tap.queue(1).attach();
                tap.queue(1).attach();
                assertThat(kernelOrder(harness)).containsExactly(2, 3, 1);
                tap.setAttachedQueues(4);
                assertThat(kernelOrder(harness)).containsExactly(0, 1, 2, 3);
                tap.queue(1).detach();
                tap.setAttachedQueues(3);
                assertThat(kernelOrder(harness)).containsExactly(0, 1, 2);
            }
        }

        // Where the kernel really puts what is steered to 0, 1 and so on; checked against what we believe.
        private List<Integer> kernelOrder(TapHarness harness) throws NativeException {
            var tap = harness.tap;
            var order = IntStream.range(0, tap.attachedQueues())
                    .map(answer -> {
                        try (var program = ConstantProgram.load(answer)) {
                            tap.setSteering(program.number());
                            harness.send(Frames.udp(1, 1));
                            var received = harness.receive(1);
                            return IntStream.range(0, 4)
                                    .filter(i -> !received.get(i).isEmpty())
                                    .findFirst()
                                    .orElse(-1);
                        } catch (NativeException e) {
                            throw new IllegalStateException(e);
                        }
                    })
                    .boxed()
                    .toList();
            for (int i = 0; i < 4; i++) assertThat(tap.queue(i).kernelIndex()).isEqualTo(order.indexOf(i));
            return order;
        }

        @Test
        @RequiresBpf
        void aFilterProgramDropsAndCuts() throws Exception {
            try (var harness = new TapHarness(1);
                    var none = ConstantProgram.load(0);
                    var all = ConstantProgram.load(0xFFFF)) {
                harness.tap.setFilter(none.number());
                harness.send(Frames.experimental(1));
                harness.tap.setFilter(all.number());
                harness.send(Frames.experimental(2));
                harness.tap.setFilter(none.number());
                harness.tap.clearFilter();
                harness.send(Frames.experimental(3));
                var received = harness.receive(2).get(0);
                assertThat(received).extracting(frame -> frame[12 + 17]).containsExactly((byte) 2, (byte) 3);
            }
        }

        @Test
        @RequiresBpf
        void aPersistentTapDoesNotKeepTheProgramsOfWhoClosesIt() throws Exception {
            try (var harness = new TapHarness(1);
                    var none = ConstantProgram.load(0);
                    var arena = Arena.ofConfined()) {
                harness.tap.setPersist(true);
                harness.tap.setFilter(none.number());
                harness.tap.close();
                byte[] frame = Frames.experimental(7);
                try (var again = harness.namespace.call(() -> TapDevice.open(Options.of("tap0", 1)))) {
                    harness.send(frame);
                    var room = arena.allocate(4096);
                    long bytes = Posix.read(again.queue(0).fd().number(), room.address(), room.byteSize());
                    assertThat(bytes).isEqualTo(TapDevice.HEADER_BYTES + frame.length);
                }
            }
        }

        @Test
        void refusesADescriptorThatIsNoProgram() throws Exception {
            try (var harness = new TapHarness(1)) {
                assertThatThrownBy(() -> harness.tap.setSteering(
                                harness.tap.queue(0).fd().number()))
                        .isInstanceOf(NativeException.class)
                        .hasMessageStartingWith(
                                "cannot set the steering program of the TAP device tap0: ioctl TUNSETSTEERINGEBPF: ");
            }
        }
    }
}
