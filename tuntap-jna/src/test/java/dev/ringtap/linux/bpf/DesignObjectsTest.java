// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.ProgramType;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.Kfuncs;
import dev.ringtap.ebpf.vm.Kfuncs.Argument;
import dev.ringtap.ebpf.vm.Kfuncs.Signature;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmOptions;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The objects of the debated designs: who runs them, who does not, and what is said then. */
class DesignObjectsTest {
    private static final String NAME = "tun_report_hash";
    private static final Signature SIGNATURE = Signature.of(Argument.CONTEXT, Argument.SCALAR, Argument.SCALAR);

    @Test
    void reportingProgramNeedsTheFunction() {
        assertThatThrownBy(() -> VmSteeringProgram.loadReporting(Kfuncs.none()))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("ringtap_steer_reporting")
                .hasMessageContaining(
                        "needs kernel function tun_report_hash version 1, which this runtime does not export");
    }

    @Test
    void reportingProgramNeedsTheVersionItWasBuiltFor() {
        assertThatThrownBy(() -> VmSteeringProgram.loadReporting(exports(2)))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining(
                        "needs kernel function tun_report_hash version 1; this runtime exports version 2");
    }

    @Test
    void objectForALaterVersionIsRefusedByTheFirst() throws BpfException {
        BpfObject later = BpfObject.parse("later.bpf.o", builtFor("tun_report_hash___v2"));
        assertThatThrownBy(() -> EbpfVm.load(later, VmOptions.defaults().withKfuncs(exports(1))))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining(
                        "needs kernel function tun_report_hash version 2; this runtime exports version 1");
    }

    @Test
    void objectForAnotherFunctionIsRefusedByName() throws BpfException {
        BpfObject other = BpfObject.parse("other.bpf.o", builtFor("tun_repeat_hash___v1"));
        assertThatThrownBy(() -> EbpfVm.load(other, VmOptions.defaults().withKfuncs(exports(1))))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining(
                        "needs kernel function tun_repeat_hash version 1, which this runtime does not export");
    }

    @Test
    void reportedHashIsTheArgumentOfTheCall() throws BpfException {
        try (VmSteeringProgram program = VmSteeringProgram.loadReporting(exports(1))) {
            program.configure(rss());
            SkBuff skb = new SkBuff();
            byte[] frame = Frames.join(Frames.ethernet(0x0800), Frames.ipv4(17, 0, new byte[0], Frames.udp()));
            long queue = program.program().run(skb.wrap(frame, 0, frame.length));
            assertThat(skb.vnetHashReport()).isEqualTo(3);
            assertThat(queue).isEqualTo(skb.vnetHashValue() & 1);
        }
    }

    @Test
    void vnetHashProgramAnswersInItsContext() throws BpfException {
        try (VmSteeringProgram program = VmSteeringProgram.loadVnetHash()) {
            byte[] frame = Frames.join(Frames.ethernet(0x0800), Frames.ipv4(17, 0, new byte[0], Frames.udp()));
            SkBuff skb = new SkBuff();
            program.configure(rss());
            assertThat(program.program().run(skb.wrap(frame, 0, frame.length).vnetRssQueue(7)))
                    .isZero();
            assertThat(skb.vnetHashReport()).isEqualTo(3);
            assertThat(skb.vnetRssQueue()).isEqualTo(skb.vnetHashValue() & 1);
            int hash = skb.vnetHashValue();

            program.configure(SteeringConfig.hashOnly(0x1FF, ramp()));
            program.program().run(skb.wrap(frame, 0, frame.length).vnetRssQueue(7));
            assertThat(skb.vnetRssQueue()).as("as automatic steering left it").isEqualTo(7);
            assertThat(skb.vnetHashValue()).isEqualTo(hash);

            program.configure(SteeringConfig.constant(5));
            program.program().run(skb.wrap(frame, 0, frame.length).vnetRssQueue(7));
            assertThat(skb.vnetRssQueue()).isEqualTo(5);
            assertThat(skb.vnetHashReport()).isZero();
        }
    }

    @Test
    void runtimeOfReleasedKernelsTypesRefusesTheProposedOne() throws BpfException {
        BpfObject object = read("vnet_hash.bpf.o");
        assertThat(VmOptions.defaults().programTypes()).doesNotContain(ProgramType.VNET_HASH);
        assertThatThrownBy(() -> EbpfVm.load(object, VmOptions.defaults()))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("vnet_hash");
    }

    @Test
    void placeForTheProposedTypeRefusesAnOrdinarySteeringProgram() throws BpfException {
        BpfObject object = read("steering.bpf.o");
        VmOptions options = VmOptions.defaults().withProgramTypes(Set.of(ProgramType.VNET_HASH));
        assertThatThrownBy(() -> EbpfVm.load(object, options))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("socket");
    }

    @Test
    void kernelLoaderRefusesBothBeforeItAsksTheKernel() {
        assertThatThrownBy(() -> LoadedObject.load(read("vnet_hash.bpf.o")))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("no released kernel has programs of type 'vnet_hash'");
        assertThatThrownBy(() -> LoadedObject.load(read("kfunc.bpf.o")))
                .isInstanceOf(BpfException.class)
                .hasMessageContaining("calls tun_report_hash version 1 of the kernel")
                .hasMessageContaining("no released kernel has it");
    }

    private static BpfObject read(String name) throws BpfException {
        return BpfObject.parse(name, SteeringProgram.builtObject(name));
    }

    private static Kfuncs exports(int version) {
        return Kfuncs.builder()
                .export(NAME, version, SIGNATURE, (skb, r1, r2, r3, r4, r5) -> {
                    skb.vnetHashValue((int) r2).vnetHashReport((int) r3);
                    return 0;
                })
                .build();
    }

    /** The object with another function in its symbol table; names are of the same length. */
    private static byte[] builtFor(String function) {
        byte[] object = SteeringProgram.builtObject("kfunc.bpf.o");
        String text = new String(object, StandardCharsets.ISO_8859_1);
        assertThat(text).contains("tun_report_hash___v1");
        return text.replace("tun_report_hash___v1", function).getBytes(StandardCharsets.ISO_8859_1);
    }

    private static SteeringConfig rss() {
        return SteeringConfig.rss(0x1FF, 0, new int[] {0, 1}, ramp());
    }

    /** Any table that tells inputs apart. */
    private static int[] ramp() {
        int[] toeplitz = new int[SteeringConfig.TOEPLITZ_ENTRIES];
        for (int i = 0; i < toeplitz.length; i++) {
            toeplitz[i] = (i & 0xFF) == 0 ? 0 : i * 0x9E3779B1;
        }
        return toeplitz;
    }
}
