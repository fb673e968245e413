// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.ringtap.linux.net.NetworkNamespace;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.linux.posix.NativeException;
import dev.ringtap.linux.posix.OwnedFd;

/**
 * Has the kernel put a tag beside every frame on its way into an interface, as a VLAN interface on top would: a program
 * at the egress hook (tcx, Linux 6.6) that calls bpf_skb_vlan_push.
 */
final class VlanPusher {
    private static final int VLAN_PUSH = 18;
    private static final int NEXT = -1;

    private VlanPusher() {}

    /** Attached until the descriptor is closed; the test is skipped where there is no tcx. */
    static OwnedFd attach(NetworkNamespace namespace, int interfaceIndex, int tpid, int tci) throws Exception {
        try (var program = EgressProgram.load(
                NEXT,
                0xB7,
                2,
                Short.toUnsignedInt(Short.reverseBytes((short) tpid)),
                0xB7,
                3,
                tci,
                0x85,
                0,
                VLAN_PUSH)) {
            return namespace.call(() -> BpfCall.linkTcxEgress(program.number(), interfaceIndex));
        } catch (NativeException e) {
            assumeTrue(e.errno() != Errno.EINVAL, "no tcx in this kernel, it came with 6.6");
            throw e;
        }
    }
}
