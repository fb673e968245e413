// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.isa;

/** Width of an access to memory. */
public enum Size {
    B(1),
    H(2),
    W(4),
    DW(8);

    private final int bytes;

    Size(int bytes) {
        this.bytes = bytes;
    }

    public int bytes() {
        return bytes;
    }

    public int bits() {
        return bytes * 8;
    }
}
