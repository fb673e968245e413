// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.memory;

/** A range named by the front-end or the driver that is not, or not wholly, in one region of its memory. */
public final class GuestMemoryException extends Exception {
    private static final long serialVersionUID = 1L;

    private final long address;
    private final long lengthBytes;

    GuestMemoryException(String kind, long address, long lengthBytes) {
        super(lengthBytes + " bytes at " + kind + " address 0x" + Long.toHexString(address)
                + " are not within one region of the front-end's memory");
        this.address = address;
        this.lengthBytes = lengthBytes;
    }

    /** The first address asked for; unsigned. */
    public long address() {
        return address;
    }

    /** How many bytes were asked for. */
    public long lengthBytes() {
        return lengthBytes;
    }
}
