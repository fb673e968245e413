// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.vm.EbpfVm;
import dev.ringtap.ebpf.vm.Engine;
import dev.ringtap.ebpf.vm.SkBuff;
import dev.ringtap.ebpf.vm.VmMap;
import dev.ringtap.ebpf.vm.VmOptions;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The steering program in this process, without any privilege, against hashes that real drivers and QEMU gave. */
class SteeringInProcessTest {
    private static final byte[] KEY =
            HexFormat.of().parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");
    private static final byte[] FIRST = new byte[4];
    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int IPV4_ALONE = 1;
    private static final int UNCLASSIFIED_QUEUE = 0xABCD;

    @ParameterizedTest
    @EnumSource
    void hashesAreThoseOfTheSpecification(Engine engine) throws Exception {
        assertThat(hash(engine, ReferenceHash.ALL, frame(UDP, 4001, 777))).isEqualTo(0xA6C2F7FA);
        assertThat(hash(engine, ReferenceHash.ALL, frame(UDP, 4002, 777))).isEqualTo(0xFD1306C3);
        assertThat(hash(engine, ReferenceHash.ALL, frame(TCP, 5001, 778))).isEqualTo(0x88932F6C);
        assertThat(hash(engine, IPV4_ALONE, frame(TCP, 5001, 778))).isEqualTo(0xBB3A7DEC);
    }

    @ParameterizedTest
    @EnumSource
    void packetWithoutAHashGoesToTheUnclassifiedQueue(Engine engine) throws Exception {
        byte[] arp = new byte[60];
        arp[12] = 0x08;
        arp[13] = 0x06;
        assertThat(queue(engine, ReferenceHash.ALL, 0, arp)).isEqualTo(UNCLASSIFIED_QUEUE);
        assertThat(queue(engine, 0, 0, frame(UDP, 4001, 777))).isEqualTo(UNCLASSIFIED_QUEUE);
    }

    /** A queue shows the low bits of a hash: a table that is rotated shows others. */
    private static int hash(Engine engine, int types, byte[] frame) throws Exception {
        int hash = 0;
        for (int i = 0; i < 4; i++) hash |= (queue(engine, types, 8 * i, frame) & 0xFF) << 8 * i;
        return hash;
    }

    private static int queue(Engine engine, int types, int rotation, byte[] frame) throws Exception {
        int[] table = new int[256];
        for (int i = 0; i < table.length; i++) table[i] = i;
        var config = SteeringConfig.rss(types, UNCLASSIFIED_QUEUE, table, BitwiseToeplitz.table(KEY, rotation));
        var object = BpfObject.parse("steering.bpf.o", SteeringProgram.builtObject());
        try (var vm = EbpfVm.load(object, VmOptions.defaults().withEngine(engine));
                var arena = Arena.ofConfined()) {
            var active = vm.map("ringtap_active");
            var map = VmMap.create(active.definition().inner());
            map.update(FIRST, SteeringLayout.encode(config, arena).toArray(JAVA_BYTE));
            active.update(FIRST, map);
            return (int) vm.program("ringtap_steer").run(new SkBuff().reset(frame, 0, frame.length));
        }
    }

    /** From 10.9.0.1 to 10.9.0.2. */
    private static byte[] frame(int protocol, int sourcePort, int destinationPort) {
        var frame = ByteBuffer.allocate(60);
        frame.position(12);
        frame.putShort((short) 0x0800)
                .put((byte) 0x45)
                .put((byte) 0)
                .putShort((short) 46)
                .putInt(0);
        frame.put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .putInt(0x0A090001)
                .putInt(0x0A090002);
        frame.putShort((short) sourcePort).putShort((short) destinationPort);
        return frame.array();
    }
}
