// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

/** A frame in a queue, in a buffer that is used again and again. */
final class Frame {
    final byte[] data;
    final FrameInfo info = new FrameInfo();
    int lengthBytes;
    int hashValue;
    int hashReport;

    Frame(int capacityBytes) {
        data = new byte[capacityBytes];
    }
}
