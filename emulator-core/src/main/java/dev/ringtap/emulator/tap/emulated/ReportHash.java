// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.emulated;

import dev.ringtap.ebpf.vm.Kfuncs;
import dev.ringtap.ebpf.vm.Kfuncs.Argument;
import dev.ringtap.ebpf.vm.Kfuncs.Signature;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.linux.posix.Errno;
import dev.ringtap.virtio.net.HashReport;

/**
 * The function by which a steering program reports a hash, as an emulated TAP exports it to programs:
 *
 * <pre>{@code
 * extern int tun_report_hash___v1(struct __sk_buff *skb, __u32 value, __u32 report) __ksym;
 * }</pre>
 *
 * <p>It answers 0, or {@code -EINVAL} for a report that is no {@code VIRTIO_NET_HASH_REPORT_*}. No kernel has it: the debate
 * never got to a name.
 */
public final class ReportHash {
    /** Name of the function. */
    public static final String NAME = "tun_report_hash";

    /** The only version there is. */
    public static final int VERSION = 1;

    private static final int MAX_REPORT = HashReport.UDPV6_EX;

    /** What a runtime for steering programs exports. */
    public static final Kfuncs EXPORTS = Kfuncs.builder()
            .export(
                    NAME,
                    VERSION,
                    Signature.of(Argument.CONTEXT, Argument.SCALAR, Argument.SCALAR),
                    (skb, context, value, report, r4, r5) -> report(skb, (int) value, (int) report))
            .build();

    private ReportHash() {}

    private static long report(SkBuff skb, int value, int report) {
        if (report < 0 || report > MAX_REPORT) {
            return -Errno.EINVAL;
        }
        skb.vnetHashValue(value).vnetHashReport(report);
        return 0;
    }
}
