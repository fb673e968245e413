// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import static dev.ringtap.virtio.queue.DriverDouble.DATA;
import static dev.ringtap.virtio.queue.DriverDouble.INDIRECT;
import static dev.ringtap.virtio.queue.DriverDouble.NEXT;
import static dev.ringtap.virtio.queue.DriverDouble.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Reading and writing by byte position, over two direct descriptors and a table of three. */
class DescriptorChainTest {
    private final DriverDouble driver = DriverDouble.startingAt(65_534, 8);
    private final DescriptorChain chain = new DescriptorChain(8);
    private SplitVirtqueue queue;

    @BeforeEach
    void readAChain() throws Exception {
        driver.descriptor(6, DATA + 0x100, 3, NEXT, 2);
        driver.descriptor(2, DATA + 0x200, 4, NEXT, 4);
        // The write flag of this one means nothing.
        driver.descriptor(4, DATA + 0x1000, 4 * 16, INDIRECT | WRITE, 0);
        driver.indirect(DATA + 0x1000, 0, DATA + 0x300, 2, NEXT, 3);
        driver.indirect(DATA + 0x1000, 3, DATA + 0x400, 5, NEXT | WRITE, 1);
        driver.indirect(DATA + 0x1000, 1, DATA + 0x500, 6, WRITE, 0);
        driver.data(0).put(0x100, new byte[] {1, 2, 3}).put(0x200, new byte[] {4, 5, 6, 7});
        driver.data(0).put(0x300, new byte[] {8, 9});
        queue = driver.deviceSide();
        driver.makeAvailable(6).publish();
        queue.readChain(queue.pollHead(), chain);
    }

    @AfterEach
    void close() {
        driver.close();
    }

    @Test
    void countsItsPiecesAndBytes() {
        assertThat(chain.head()).isEqualTo(6);
        assertThat(chain.pieces()).isEqualTo(5);
        assertThat(chain.readable()).isEqualTo(3);
        assertThat(chain.writable()).isEqualTo(2);
        assertThat(chain.readableBytes()).isEqualTo(9);
        assertThat(chain.writableBytes()).isEqualTo(11);
        assertThat(chain.length(4)).isEqualTo(6);
        assertThat(chain.offset(4)).isEqualTo(0x500);
        assertThat(chain.nativeAddress(4)).isEqualTo(chain.segment(4).address() + 0x500);
        assertThat(chain)
                .hasToString("DescriptorChain[head=6, readable=3 pieces of 9 bytes, writable=2 pieces of 11 bytes]");
    }

    @Test
    void copiesOutFromEveryPositionInEveryLength() {
        for (int from = 0; from <= 10; from++) {
            for (int length = 0; length <= 10; length++) {
                byte[] array = new byte[12];
                MemorySegment segment = MemorySegment.ofArray(new byte[12]);
                int expected = Math.max(0, Math.min(length, 9 - from));
                assertThat(chain.copyOut(from, array, 1, length)).isEqualTo(expected);
                assertThat(chain.copyOut(from, segment, 1, length)).isEqualTo(expected);
                for (int i = 0; i < 12; i++) {
                    boolean copied = i >= 1 && i < 1 + expected;
                    assertThat(array[i]).isEqualTo((byte) (copied ? from + i : 0));
                    assertThat(segment.get(java.lang.foreign.ValueLayout.JAVA_BYTE, i))
                            .isEqualTo(array[i]);
                }
            }
        }
    }

    @Test
    void copiesInAtEveryPositionInEveryLengthAndNowhereElse() {
        for (int at = 0; at <= 12; at++) {
            for (int length = 0; length <= 12; length++) {
                for (boolean fromArray : new boolean[] {true, false}) {
                    var data = driver.data(0);
                    for (int i = 0x400; i < 0x600; i++) {
                        data.put(i, DriverDouble.FILL);
                    }
                    byte[] source = new byte[13];
                    for (int i = 0; i < source.length; i++) {
                        source[i] = (byte) (i + 100);
                    }
                    int expected = Math.max(0, Math.min(length, 11 - at));
                    int copied = fromArray
                            ? chain.copyIn(at, source, 1, length)
                            : chain.copyIn(at, MemorySegment.ofArray(source), 1, length);
                    assertThat(copied).isEqualTo(expected);
                    for (int i = 0x400; i < 0x600; i++) {
                        int position = i < 0x405 ? i - 0x400 : i >= 0x500 && i < 0x506 ? i - 0x500 + 5 : -1;
                        boolean written = position >= at && position < at + expected;
                        assertThat(data.get(i)).isEqualTo(written ? (byte) (position - at + 101) : DriverDouble.FILL);
                    }
                }
            }
        }
    }

    @Test
    void copiesNothingWhereTheArrayIsTooShort() {
        byte[] small = new byte[4];
        assertThatThrownBy(() -> chain.copyOut(0, small, 1, 4)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> chain.copyOut(0, MemorySegment.ofArray(small), 1, 4))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(small).containsOnly(0);
        assertThatThrownBy(() -> chain.copyIn(0, small, 1, 4)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> chain.copyIn(0, MemorySegment.ofArray(small), 1, 4))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(driver.data(0).get(0x400)).isEqualTo(DriverDouble.FILL);
        assertThatThrownBy(() -> chain.copyOut(-1, small, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> chain.copyIn(-1, small, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> chain.copyIn(0, small, 0, -1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void givesNoPieceThatIsNotThere() {
        assertThatThrownBy(() -> chain.nativeAddress(5)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> chain.length(-1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void isCopiedWhole() {
        var copy = new DescriptorChain(5);
        copy.copyFrom(chain);
        chain.clear();
        assertThat(copy)
                .hasToString(
                        "DescriptorChain[head=6, readable=3 pieces of 9 bytes, writable=2 pieces of 11" + " bytes]");
        assertThat(copy.offset(1)).isEqualTo(0x200);
        assertThat(chain.pieces()).isZero();
        assertThat(chain.head()).isEqualTo(SplitVirtqueue.EMPTY);
        assertThatIllegalArgumentException().isThrownBy(() -> new DescriptorChain(4).copyFrom(copy));
    }

    @Test
    void holdsAChainWithoutAnyBytes() throws Exception {
        driver.descriptor(0, DATA, 0, NEXT, 1);
        driver.descriptor(1, DATA, 0, WRITE, 0);
        driver.makeAvailable(0).publish();
        queue.readChain(queue.pollHead(), chain);
        assertThat(chain.pieces()).isZero();
        assertThat(chain.head()).isZero();
        assertThat(chain.copyIn(0, new byte[1], 0, 1)).isZero();
    }

    @Test
    void needsRoomForAPiece() {
        assertThatIllegalArgumentException().isThrownBy(() -> new DescriptorChain(0));
    }
}
