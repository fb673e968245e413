// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.linux.memory.SharedMapping;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class GuestRamTest {
    @Test
    void theFourNamesOfAPlaceDiffer() throws Exception {
        try (GuestRam ram = GuestRam.create(1 << 20, 4)) {
            assertThat(ram.regions()).hasSize(4);
            for (GuestRam.Region region : ram.regions()) {
                assertThat(new long[] {region.guestAddress(), region.userAddress(), region.mmapOffsetBytes()})
                        .doesNotContain(0)
                        .doesNotHaveDuplicates();
            }
        }
    }

    @Test
    void regionsAreContiguousInGuestAddressesButNotInUserAddresses() throws Exception {
        try (GuestRam ram = GuestRam.create(3 * 4096, 3)) {
            GuestRam.Region first = ram.regions().get(0);
            GuestRam.Region second = ram.regions().get(1);
            assertThat(second.guestAddress()).isEqualTo(first.guestAddress() + first.sizeBytes());
            assertThat(second.userAddress()).isLessThan(first.userAddress());
            assertThat(ram.guestAddress(4097)).isEqualTo(second.guestAddress() + 1);
            assertThat(ram.userAddress(4097)).isEqualTo(second.userAddress() + 1);
        }
    }

    @Test
    void aRegionMappedFromItsDescriptorShowsTheSameBytes() throws Exception {
        try (GuestRam ram = GuestRam.create(2 * 4096, 2)) {
            GuestRam.Region second = ram.regions().get(1);
            ram.segment().set(ValueLayout.JAVA_BYTE, 4096 + 5, (byte) 42);
            try (SharedMapping mapping = SharedMapping.map(ram.fd(), second.mmapOffsetBytes(), second.sizeBytes())) {
                assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, 5)).isEqualTo((byte) 42);
            }
        }
    }

    @Test
    void ringsNeverLieAcrossRegions() throws Exception {
        try (GuestRam ram = GuestRam.create(3 * 4096, 3)) {
            assertThat(ram.allocate(4000, 1)).isZero();
            assertThat(ram.allocateInOneRegion(200, 16)).isEqualTo(4096);
            assertThat(ram.allocate(4096, 64)).as("buffers do").isEqualTo(4096 + 256);
            assertThatThrownBy(() -> ram.allocateInOneRegion(4097, 1)).hasMessageContaining("do not fit");
            assertThatThrownBy(() -> ram.allocate(1 << 20, 1)).hasMessageContaining("used up");
        }
    }

    @Test
    void placesOutsideAreRefused() throws Exception {
        try (GuestRam ram = GuestRam.create(1, 1)) {
            assertThat(ram.sizeBytes()).isEqualTo(4096);
            assertThatThrownBy(() -> ram.guestAddress(4096)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> ram.userAddress(-1)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> GuestRam.create(1, 9)).isInstanceOf(IllegalArgumentException.class);
    }
}
