// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.queue;

import java.util.Objects;

/**
 * The driver broke a rule of its virtqueue. The message is one line for a log and holds no text chosen by the guest.
 *
 * <p>A queue that threw this has not touched the used ring. Whoever owns it stops that device and tells the front-end; other
 * devices go on.
 */
public final class VirtqueueException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Which rule, and what {@link #value()} then holds. Sections are those of VIRTIO 1.3. */
    public enum Reason {
        /** More chains made available at once than there are descriptors (2.7.13). Value: how many. */
        AVAIL_INDEX("the available index is ahead by ", false, ", more than the queue's size"),
        /** With those that the device has not used yet, more than there are descriptors. Value: how many. */
        IN_FLIGHT("with those not yet used there are ", false, " available chains, more than the queue's size"),
        /** An available ring entry that is no descriptor. Value: the entry. */
        HEAD_INDEX("the available ring names descriptor ", false, ", beyond the descriptor table"),
        /** A {@code next} that is no descriptor of the table it stands in. Value: the index. */
        NEXT_INDEX("a chain goes on at descriptor ", false, ", beyond its table"),
        /** A chain longer than the table it stands in, so that it comes back to itself (2.7.5). Value: its head. */
        LOOP("the chain of head ", false, " is longer than its table: it loops"),
        /** An indirect table whose length is zero or no multiple of 16 (2.7.5.3). Value: the length. */
        INDIRECT_TABLE("an indirect table has ", false, " bytes, not a multiple of 16 above 0"),
        /** An indirect descriptor, a feature that was not negotiated (2.7.5.3). Value: the chain's head. */
        INDIRECT_NOT_NEGOTIATED("the chain of head ", false, " has an indirect table without INDIRECT_DESC"),
        /** INDIRECT together with NEXT (2.7.5.3). Value: the chain's head. */
        INDIRECT_WITH_NEXT("the chain of head ", false, " goes on after its indirect table"),
        /** INDIRECT within an indirect table (2.7.5.3). Value: the chain's head. */
        NESTED_INDIRECT("the chain of head ", false, " has an indirect table within an indirect table"),
        /** A buffer or an indirect table with a byte in no region of memory. Value: a guest address in the gap or table. */
        UNMAPPED("guest address ", true, " is in no region of memory"),
        /** A buffer or an indirect table beyond the last 64-bit address. Value: its first guest address. */
        ADDRESS_OVERFLOW("what starts at guest address ", true, " goes beyond the last address"),
        /** A device-readable buffer after a device-writable one (2.7.4.2). Value: the chain's head. */
        READABLE_AFTER_WRITABLE("the chain of head ", false, " has a device-readable buffer after a writable one"),
        /** More pieces, or more descriptors in an indirect table, than the device takes (2.7.4.1). Value: the limit. */
        TOO_MANY_PIECES("a chain has more than the ", false, " pieces that this device takes"),
        /** More than 2^32 bytes in a chain (2.7.5.2). Value: the bytes counted when that was seen. */
        TOO_LONG("a chain has at least ", false, " bytes, more than 2^32"),
        /** Fewer bytes than what the device type needs there. Value: how many there are. */
        TOO_SHORT("a chain has only ", false, " bytes"),
        /** A device-readable buffer where the device type only writes. Value: the chain's head. */
        NOT_WRITABLE("the chain of head ", false, " has device-readable buffers where the device writes"),
        /** A device-writable buffer where the device type only reads. Value: the chain's head. */
        NOT_READABLE("the chain of head ", false, " has device-writable buffers where the device reads");

        private final String before;
        private final boolean hexadecimal;
        private final String after;

        Reason(String before, boolean hexadecimal, String after) {
            this.before = before;
            this.hexadecimal = hexadecimal;
            this.after = after;
        }

        private String text(long value) {
            return before + (hexadecimal ? "0x" + Long.toHexString(value) : Long.toString(value)) + after;
        }
    }

    private final Reason reason;
    private final long value;

    /** A fault of the driver, with the value that {@code reason} describes. */
    public VirtqueueException(Reason reason, long value) {
        super(Objects.requireNonNull(reason, "reason").text(value));
        this.reason = reason;
        this.value = value;
    }

    /** Which rule was broken. */
    public Reason reason() {
        return reason;
    }

    /** The offending value; see the {@linkplain Reason reason} for its meaning. */
    public long value() {
        return value;
    }
}
