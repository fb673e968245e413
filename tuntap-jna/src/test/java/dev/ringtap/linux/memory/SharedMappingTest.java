// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;
import dev.ringtap.linux.posix.Posix;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SharedMappingTest {
    private static final int PAGE = Posix.PAGE_SIZE_BYTES;

    @Test
    void twoMappingsOfAFileShareItsMemory() throws NativeException {
        try (var file = MemFd.create("test", 4L * PAGE);
                var whole = SharedMapping.map(file.fd().number(), 0, 4L * PAGE);
                var part = SharedMapping.map(file.fd().number(), PAGE, 2L * PAGE)) {
            assertThat(whole.segment().byteSize()).isEqualTo(4L * PAGE);
            assertThat(part.segment().byteSize()).isEqualTo(2L * PAGE);
            whole.segment().set(ValueLayout.JAVA_INT, PAGE + 8, 0x1234_5678);
            assertThat(part.segment().get(ValueLayout.JAVA_INT, 8)).isEqualTo(0x1234_5678);
            part.segment().set(ValueLayout.JAVA_INT, 12, -5);
            assertThat(whole.segment().get(ValueLayout.JAVA_INT, PAGE + 12)).isEqualTo(-5);
        }
    }

    @Test
    void anOffsetNeedNotBeAMultipleOfAPage() throws NativeException {
        try (var file = MemFd.create("test", 2L * PAGE);
                var whole = SharedMapping.map(file.fd().number(), 0, 2L * PAGE);
                var odd = SharedMapping.map(file.fd().number(), PAGE - 3L, 7)) {
            whole.segment().set(ValueLayout.JAVA_BYTE, PAGE + 3, (byte) 42);
            assertThat(odd.segment().byteSize()).isEqualTo(7);
            assertThat(odd.segment().get(ValueLayout.JAVA_BYTE, 6)).isEqualTo((byte) 42);
        }
    }

    @Test
    void outlivesTheDescriptor() throws NativeException {
        SharedMapping mapping;
        try (var file = MemFd.create("test", PAGE)) {
            mapping = SharedMapping.map(file.fd().number(), 0, PAGE);
        }
        try (mapping) {
            mapping.segment().fill((byte) 7);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, PAGE - 1)).isEqualTo((byte) 7);
        }
    }

    @Test
    void aSegmentBeyondTwoGigabytesWorks() throws NativeException {
        long size = (3L << 30) + 16;
        try (var file = MemFd.create("test", size);
                var mapping = SharedMapping.map(file.fd().number(), 0, size)) {
            mapping.segment().set(ValueLayout.JAVA_LONG, size - 8, -1);
            assertThat(mapping.segment().get(ValueLayout.JAVA_LONG, size - 8)).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "0, -1",
        "-4096, 4096",
        "0, 8193",
        "8192, 1",
        "4096, 4097",
        "9223372036854775807, 4096",
        "4096, 9223372036854775807"
    })
    void refusesARangeThatIsNotWithinTheFile(long offset, long size) throws NativeException {
        try (var file = MemFd.create("test", 8192)) {
            assertThatThrownBy(() -> SharedMapping.map(file.fd().number(), offset, size))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContaining(
                            Long.toUnsignedString(size) + " bytes at offset " + Long.toUnsignedString(offset))
                    .hasMessageContaining("the file has 8192 bytes");
            assertThat(file.fd().isOpen()).isTrue();
        }
    }

    @Test
    void refusesADescriptorThatHasNoSize() throws NativeException {
        try (var zero = OwnedFd.of(Posix.open("/dev/zero", Posix.O_RDWR | Posix.O_CLOEXEC))) {
            assertThatThrownBy(() -> SharedMapping.map(zero.number(), 0, PAGE))
                    .isInstanceOf(NativeException.class)
                    .hasMessageContaining("no file with a size");
        }
    }

    @Test
    void refusesADescriptorThatIsOnlyForReading(@TempDir Path directory) throws Exception {
        var path = directory.resolve("file");
        Files.write(path, new byte[PAGE]);
        try (var file = OwnedFd.of(Posix.open(path.toString(), Posix.O_RDONLY | Posix.O_CLOEXEC))) {
            assertThatThrownBy(() -> SharedMapping.map(file.number(), 0, PAGE))
                    .isInstanceOfSatisfying(
                            NativeException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EACCES));
        }
    }

    @Test
    void accessAfterTheFileWasTruncatedRaisesAnErrorAndTheProcessLives() throws NativeException {
        try (var file = MemFd.create("test", 2L * PAGE);
                var mapping = SharedMapping.map(file.fd().number(), 0, 2L * PAGE)) {
            mapping.segment().fill((byte) 1);
            file.resize(PAGE);
            assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 1);
            assertThatThrownBy(() -> mapping.segment().get(ValueLayout.JAVA_LONG, PAGE))
                    .isInstanceOf(InternalError.class);
            var copy = new byte[2 * PAGE];
            assertThatThrownBy(() -> java.lang.foreign.MemorySegment.copy(
                            mapping.segment(), ValueLayout.JAVA_BYTE, 0, copy, 0, copy.length))
                    .isInstanceOf(InternalError.class);
        }
    }

    @Test
    void theSegmentRefusesAccessAfterClose() throws NativeException {
        try (var file = MemFd.create("test", PAGE)) {
            var mapping = SharedMapping.map(file.fd().number(), 0, PAGE);
            var segment = mapping.segment();
            mapping.close();
            mapping.close();
            assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void closingUnmaps() throws Exception {
        try (var file = MemFd.create("ringtap-unmap", PAGE)) {
            var mapping = SharedMapping.map(file.fd().number(), 0, PAGE);
            assertThat(Files.readString(Path.of("/proc/self/maps"))).contains("ringtap-unmap");
            mapping.close();
            assertThat(Files.readString(Path.of("/proc/self/maps"))).doesNotContain("ringtap-unmap");
        }
    }
}
