// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class GuestMemoryTest {
    private static final long USER = 0x7f00_0000_0000L;

    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void close() {
        arena.close();
    }

    private GuestMemory.Region region(long guestAddress, long userAddress, long sizeBytes) {
        return new GuestMemory.Region(guestAddress, userAddress, arena.allocate(sizeBytes));
    }

    @Test
    void findsTheRegionOfEachEndAndNoneBesideIt() {
        var memory = GuestMemory.of(List.of(
                region(0x10_0000, USER + 0x10_0000, 0x2000),
                region(0, USER, 0x1000),
                region(0x10_2000, USER + 0x40_0000, 0x1000)));
        assertThat(memory.regions()).isEqualTo(3);
        assertThat(memory.guestAddress(1)).as("sorted").isEqualTo(0x10_0000);
        assertThat(memory.sizeBytes(1)).isEqualTo(0x2000);
        assertThat(memory.find(0)).isZero();
        assertThat(memory.find(0xFFF)).isZero();
        assertThat(memory.find(0x1000)).isEqualTo(-1);
        assertThat(memory.find(0xF_FFFF)).isEqualTo(-1);
        assertThat(memory.find(0x10_0000)).isEqualTo(1);
        assertThat(memory.find(0x10_1FFF)).isEqualTo(1);
        assertThat(memory.find(0x10_2000)).isEqualTo(2);
        assertThat(memory.find(0x10_3000)).isEqualTo(-1);
        assertThat(memory.find(-1)).isEqualTo(-1);
        assertThat(memory.find(Long.MIN_VALUE)).isEqualTo(-1);
    }

    @Test
    void trustsNoHintAboutTheRegion() {
        var memory = GuestMemory.of(List.of(region(0, USER, 0x1000), region(0x2000, USER + 0x2000, 0x1000)));
        for (int hint = -2; hint <= 3; hint++) {
            assertThat(memory.find(0x10, hint)).isZero();
            assertThat(memory.find(0x2010, hint)).isEqualTo(1);
            assertThat(memory.find(0x1010, hint)).isEqualTo(-1);
        }
    }

    @Test
    void hasRegionsInTheUpperHalfAndUpToTheLastAddress() throws Exception {
        var memory = GuestMemory.of(List.of(
                region(-0x1000, -0x1000, 0x1000),
                region(Long.MIN_VALUE - 0x800, USER, 0x1000),
                region(0, USER + 0x10_0000, 0x1000)));
        assertThat(memory.guestAddress(2)).as("sorted as unsigned").isEqualTo(-0x1000);
        assertThat(memory.find(-1)).isEqualTo(2);
        assertThat(memory.find(Long.MAX_VALUE)).isEqualTo(1);
        assertThat(memory.find(Long.MIN_VALUE)).isEqualTo(1);
        assertThat(memory.find(Long.MIN_VALUE + 0x7FF)).isEqualTo(1);
        assertThat(memory.find(Long.MIN_VALUE + 0x800)).isEqualTo(-1);
        assertThat(memory.slice(-16, 16).byteSize()).isEqualTo(16);
        assertThatExceptionOfType(GuestMemoryException.class).isThrownBy(() -> memory.slice(-16, 17));
        assertThat(memory.holds(-16, 16)).isTrue();
        assertThat(memory.holds(-16, 17)).as("does not go on at 0").isFalse();
        assertThat(memory.holds(-16, Long.MAX_VALUE)).isFalse();
    }

    @Test
    void holdsARangeOverRegionsThatTouch() {
        var memory = GuestMemory.of(List.of(
                region(0, USER, 0x1000), region(0x1000, USER + 0x8000, 0x1000), region(0x3000, USER + 0x4000, 0x1000)));
        assertThat(memory.holds(0, 0x2000)).isTrue();
        assertThat(memory.holds(0xFFF, 2)).isTrue();
        assertThat(memory.holds(0, 0x2001)).isFalse();
        assertThat(memory.holds(0x1800, 0x2000)).isFalse();
        assertThat(memory.holds(0x2800, 0)).as("no byte is missing").isTrue();
    }

    @Test
    void slicesWithinOneRegionOnly() throws Exception {
        var first = region(0x1000, USER, 0x1000);
        var memory = GuestMemory.of(List.of(first, region(0x2000, USER + 0x1000, 0x1000)));
        assertThat(memory.slice(0x1010, 0xFF0).address())
                .isEqualTo(first.segment().address() + 0x10);
        assertThat(memory.slice(0x1FFF, 0).byteSize()).isZero();
        assertThatExceptionOfType(GuestMemoryException.class)
                .isThrownBy(() -> memory.slice(0x1010, 0xFF1))
                .withMessage("4081 bytes at guest address 0x1010 are not within one region of the front-end's memory")
                .satisfies(e -> assertThat(e.address()).isEqualTo(0x1010))
                .satisfies(e -> assertThat(e.lengthBytes()).isEqualTo(0xFF1));
        assertThatExceptionOfType(GuestMemoryException.class).isThrownBy(() -> memory.slice(0xFFF, 1));
        assertThatExceptionOfType(GuestMemoryException.class).isThrownBy(() -> memory.slice(0x1000, Long.MAX_VALUE));
        assertThatIllegalArgumentException().isThrownBy(() -> memory.slice(0x1000, -1));
    }

    @Test
    void keepsUserAddressesApartFromGuestAddresses() throws Exception {
        var first = region(0x1000, USER, 0x1000);
        var memory = GuestMemory.of(List.of(first, region(USER, 0x1000, 0x1000)));
        assertThat(memory.sliceUser(USER + 8, 16).address())
                .isEqualTo(first.segment().address() + 8);
        assertThat(memory.slice(0x1008, 16).address()).isEqualTo(first.segment().address() + 8);
        assertThatExceptionOfType(GuestMemoryException.class)
                .isThrownBy(() -> memory.sliceUser(USER + 0xFF8, 9))
                .withMessageContaining("user address 0x7f0000000ff8");
        assertThatExceptionOfType(GuestMemoryException.class).isThrownBy(() -> memory.sliceUser(0, 1));
        assertThatExceptionOfType(GuestMemoryException.class).isThrownBy(() -> memory.sliceUser(-1, 1));
    }

    @Test
    void refusesRegionsThatOverlap() {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        GuestMemory.of(List.of(region(0x1FFF, USER, 0x1000), region(0x1000, USER + 0x10_0000, 0x1000))))
                .withMessage("the regions at guest addresses 0x1000 and 0x1fff overlap");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GuestMemory.of(List.of(region(0, USER, 0x1000), region(0x1000, USER, 0x1000))))
                .withMessageContaining("user addresses");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GuestMemory.of(
                        List.of(region(Long.MAX_VALUE - 1, USER, 0x1000), region(Long.MIN_VALUE, 0, 0x1000))));
    }

    @Test
    void refusesARegionBeyondTheLastAddress() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> region(-0xFFF, USER, 0x1000))
                .withMessageContaining("guest address 0xfffffffffffff001");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> region(0, -0xFFF, 0x1000))
                .withMessageContaining("user address");
    }

    @Test
    void refusesARegionThatIsNoWritableMapping() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new GuestMemory.Region(0, 0, MemorySegment.ofArray(new byte[16])));
        MemorySegment readOnly = arena.allocate(16).asReadOnly();
        assertThatIllegalArgumentException().isThrownBy(() -> new GuestMemory.Region(0, 0, readOnly));
        MemorySegment empty = arena.allocate(16).asSlice(0, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> new GuestMemory.Region(0, 0, empty));
    }

    @Test
    void mayHaveNoRegions() {
        var memory = GuestMemory.of(List.of());
        assertThat(memory.find(0)).isEqualTo(-1);
        assertThat(memory).hasToString("GuestMemory[]");
        assertThatExceptionOfType(GuestMemoryException.class).isThrownBy(() -> memory.sliceUser(0, 0));
    }
}
