// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.compare;

/** Every design there is, in the order in which they are shown. */
enum Design {
    KERNEL_DEVICE(Tap.KERNEL, "device", "steering program for the queue; ringtap hashes the frame once more"),
    KERNEL_EBPF(Tap.KERNEL, "ebpf", "program at TC egress for queue and hash, which travels in front of the frame"),
    KERNEL_IOCTLS(Tap.KERNEL, "kernel", "the TAP itself, by the proposed ioctls"),
    EMULATED_DEVICE(Tap.EMULATED, "device", "steering program for the queue; ringtap hashes the frame once more"),
    EMULATED_IOCTLS(Tap.EMULATED, "kernel", "the TAP itself, by the proposed ioctls"),
    EMULATED_VNET_HASH(Tap.EMULATED, "vnet-hash", "program of the proposed type, which answers queue and hash"),
    EMULATED_KFUNC(Tap.EMULATED, "kfunc", "steering program that reports the hash by a kernel function");

    /** On what it runs. */
    enum Tap {
        KERNEL("kernel TAP"),
        EMULATED("emulated TAP");

        private final String title;

        Tap(String title) {
            this.title = title;
        }

        String title() {
            return title;
        }
    }

    private final Tap tap;
    private final String source;
    private final String does;

    Design(Tap tap, String source, String does) {
        this.tap = tap;
        this.source = source;
        this.does = does;
    }

    Tap tap() {
        return tap;
    }

    /** The name that {@code --hash-source} has for it. */
    String source() {
        return source;
    }

    /** Who chooses the queue and makes the hash, for people. */
    String does() {
        return does;
    }

    /** For messages. */
    String title() {
        return source + " on the " + tap.title();
    }
}
