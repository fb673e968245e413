// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import java.nio.file.Path;
import java.util.List;

/**
 * The command lines that attach a guest to a socket, ready to be copied: only KERNEL and INITRD stand for files of the
 * user's own. docs/guests-qemu.md tells with which versions the QEMU lines were run.
 */
final class AttachLines {
    private static final int CONFIG_SPACE_BYTES = 28;
    private static final int VIRTQUEUE_ENTRIES = 256;

    private AttachLines() {}

    /** @param absoluteSocket where the emulator listens */
    static List<String> of(Path absoluteSocket, int queuePairs) {
        int virtqueues = 2 * queuePairs + 1;
        // Within an option of QEMU's a comma is written twice.
        String chardev =
                shellWord("socket,id=c,path=" + absoluteSocket.toString().replace(",", ",,"));
        // Without -nodefaults the guest finds an e1000e beside this device.
        // A processor for each queue pair: Linux enables no more pairs than it has processors.
        String machine = "    -M q35 -accel kvm -accel tcg -m 512 -smp " + queuePairs + " \\";
        String memory = "    -object memory-backend-memfd,id=mem,size=512M,share=on -numa node,memdev=mem \\";
        String boot = "    -kernel KERNEL -initrd INITRD -append console=ttyS0 \\";
        String console = "    -nodefaults -nographic -serial mon:stdio -chardev " + chardev + " \\";
        return List.of(
                "QEMU 10.2 or later, the whole device (RSS and hash reports reach it):",
                "  qemu-system-x86_64 \\",
                machine,
                memory,
                boot,
                console,
                "    -device vhost-user-test-device-pci,chardev=c,virtio-id=1,num_vqs=%d,config_size=%d,vq_size=%d"
                        .formatted(virtqueues, CONFIG_SPACE_BYTES, VIRTQUEUE_ENTRIES),
                "QEMU of any version, rings and offloads only (its own control queue hides RSS);",
                "QEMU 7.2 without KVM needs ,vectors=0 at the very end, too:",
                "  qemu-system-x86_64 \\",
                machine,
                memory,
                boot,
                console,
                "    -netdev vhost-user,id=n,chardev=c,queues=%d -device virtio-net-pci,netdev=n,mq=%s,romfile="
                        .formatted(queuePairs, queuePairs > 1 ? "on" : "off"),
                "User-Mode Linux:",
                "  setarch -R linux.uml mem=128M initrd=INITRD "
                        + shellWord("virtio_uml.device=" + absoluteSocket + ":1"));
    }

    private static String shellWord(String text) {
        return text.matches("[A-Za-z0-9_./:=,+@%-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
