// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.cli.run;

import java.nio.file.Path;
import java.util.List;

/** The command lines that attach a guest to a socket, ready to be copied. */
final class AttachLines {
    private static final int CONFIG_SPACE_BYTES = 28;
    private static final int VIRTQUEUE_ENTRIES = 256;

    private AttachLines() {}

    /** @param absoluteSocket where the emulator listens */
    static List<String> of(Path absoluteSocket, int queuePairs) {
        int virtqueues = 2 * queuePairs + 1;
        return List.of(
                "QEMU 10.2 or later, the whole device (RSS and hash reports reach it):",
                "  qemu-system-x86_64 -M q35 -m 512 -object memory-backend-memfd,id=mem,size=512M,share=on \\",
                "    -numa node,memdev=mem -chardev socket,id=c,path=" + absoluteSocket + " \\",
                "    -device vhost-user-test-device-pci,chardev=c,virtio-id=1,num_vqs=%d,config_size=%d,vq_size=%d …"
                        .formatted(virtqueues, CONFIG_SPACE_BYTES, VIRTQUEUE_ENTRIES),
                "QEMU of any version, rings and offloads only (its own control queue hides RSS):",
                "  qemu-system-x86_64 … -netdev vhost-user,id=n,chardev=c,queues=%d -device virtio-net-pci,netdev=n,mq=on"
                        .formatted(queuePairs),
                "User-Mode Linux:",
                "  linux.uml mem=128M virtio_uml.device=" + absoluteSocket + ":1 …");
    }
}
