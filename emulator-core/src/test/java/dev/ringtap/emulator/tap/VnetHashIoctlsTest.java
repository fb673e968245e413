// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.virtio.net.RssConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class VnetHashIoctlsTest {
    @Test
    void requestNumbersAreThoseOfTheProposal() {
        assertAll(
                () -> assertEquals(0x800454E4L, VnetHashIoctls.TUNGETVNETHASHTYPES),
                () -> assertEquals(0x800454E5L, VnetHashIoctls.TUNSETVNETREPORTINGAUTOMQ),
                () -> assertEquals(0x800854E6L, VnetHashIoctls.TUNSETVNETREPORTINGRSS),
                () -> assertEquals(0x800854E7L, VnetHashIoctls.TUNSETVNETRSS));
    }

    @Test
    void rssArgumentIsLaidOutAsTheKernelReadsIt() {
        byte[] key = new byte[36];
        Arrays.fill(key, (byte) 0x6D);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment argument =
                    VnetHashIoctls.encode(new RssConfig(0x1FF, 3, new int[] {2, 0, 0xABCD, 1}, 4, key), arena);
            byte[] expected = ByteBuffer.allocate(8 + 8 + 40)
                    .order(ByteOrder.nativeOrder())
                    .putInt(0x1FF)
                    .putShort((short) 3)
                    .putShort((short) 3)
                    .putShort((short) 2)
                    .putShort((short) 0)
                    .putShort((short) 0xABCD)
                    .putShort((short) 1)
                    .put(key)
                    .array();
            assertArrayEquals(expected, argument.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Test
    void aTapWithoutThemSaysThatNoReleasedKernelHasThem() {
        VnetHashIoctls ioctls = new VnetHashIoctls((request, argument) -> -Errno.EINVAL);
        NativeException refused = assertThrows(NativeException.class, ioctls::hashTypes);
        assertTrue(refused.getMessage().contains("no released kernel"), refused.getMessage());
    }
}
