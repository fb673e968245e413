// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.ringtap.ebpf.object.BpfException;
import dev.ringtap.ebpf.object.BpfObject;
import dev.ringtap.ebpf.object.MapDefinition;
import dev.ringtap.linux.RequiresBpf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;

/** Objects that are damaged, hostile, or ask for what is not supported: the built one, patched. */
class BpfObjectTest {
    private static final int SYMBOL_BYTES = 24;
    private static final int SYMBOL_SECTION = 6;

    private final ByteBuffer object =
            ByteBuffer.wrap(SteeringProgram.builtObject()).order(ByteOrder.LITTLE_ENDIAN);

    private AbstractThrowableAssert<?, ?> refused() {
        return assertThatThrownBy(() -> BpfObject.parse("patched.o", object.array()))
                .isInstanceOf(BpfException.class)
                .hasMessageStartingWith("patched.o: ");
    }

    /** File offset of a section's bytes, or of its header. */
    private int section(String name, boolean header) {
        int table = (int) object.getLong(40);
        int names = (int) object.getLong(table + object.getShort(62) * 64 + 24);
        for (int i = 0; i < object.getShort(60); i++) {
            int at = table + i * 64;
            byte[] candidate = new byte[name.length() + 1];
            object.get(
                    names + object.getInt(at),
                    candidate,
                    0,
                    Math.min(candidate.length, object.capacity() - names - object.getInt(at)));
            if (new String(candidate, StandardCharsets.US_ASCII).equals(name + "\0"))
                return header ? at : (int) object.getLong(at + 24);
        }
        throw new AssertionError("no section " + name);
    }

    private int bytesOf(String name) {
        return section(name, false);
    }

    private int symbol(String name) {
        int table = bytesOf(".symtab");
        int names = bytesOf(".strtab");
        int count = (int) object.getLong(section(".symtab", true) + 32) / SYMBOL_BYTES;
        for (int i = 0; i < count; i++) {
            byte[] candidate = new byte[name.length()];
            int offset = names + object.getInt(table + i * SYMBOL_BYTES);
            if (offset + candidate.length > object.capacity()) continue;
            object.get(offset, candidate);
            if (new String(candidate, StandardCharsets.US_ASCII).equals(name)) return table + i * SYMBOL_BYTES;
        }
        throw new AssertionError("no symbol " + name);
    }

    private void rename(String from, String to) {
        assertThat(to.length()).isLessThanOrEqualTo(from.length());
        int name = bytesOf(".strtab") + object.getInt(section(from, true));
        object.put(name, Arrays.copyOf(to.getBytes(StandardCharsets.US_ASCII), from.length()));
    }

    @Test
    void notAnObjectForBpf() {
        object.putShort(18, (short) 62);
        refused().hasMessageContaining("machine 62");
        object.putShort(16, (short) 2);
        refused().hasMessageContaining("not a relocatable object");
        object.put(5, (byte) 2);
        refused().hasMessageContaining("little-endian");
        object.put(4, (byte) 1);
        refused().hasMessageContaining("64-bit");
        object.put(1, (byte) 'e');
        refused().hasMessageContaining("not an ELF file");
    }

    @Test
    void truncatedAnywhere() {
        byte[] whole = object.array();
        for (int length = 0; length < whole.length; length += length < 128 ? 1 : 13) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> BpfObject.parse("cut.o", cut)).isInstanceOf(BpfException.class);
        }
    }

    @Test
    void programOfAnotherType() {
        rename("socket", "xdp");
        refused()
                .hasMessageContaining("section 'xdp'")
                .hasMessageContaining("not supported, only those of 'socket', 'socket/*', 'tc', ")
                .hasMessageContaining("'vnet_hash'");
    }

    @Test
    void functionsButNoProgram() {
        int info = symbol("ringtap_steer") + 4;
        object.put(info, (byte) 2);
        refused().hasMessageContaining("no program: symbol 'ringtap_steer' of section 'socket' is static");
        object.put(info, (byte) 0x12);
        rename("socket", ".text");
        refused().hasMessageContaining("no program: symbol 'ringtap_steer' of section '.text' has no SEC");
    }

    @Test
    void callThatLeadsToNoFunction() {
        int call = bytesOf("socket");
        while (object.get(call) != (byte) 0x85) call += 8;
        object.put(call + 1, (byte) 0x10);
        refused()
                .hasMessageContaining("section 'socket', symbol 'ringtap_steer', offset " + (call - bytesOf("socket")))
                .hasMessageContaining("of its section, where no function begins");
        object.put(call + 1, (byte) 0x20);
        refused().hasMessageContaining("calls a function of kind 2");
    }

    @Test
    void callByRelocation() {
        object.putInt(bytesOf(".relsocket") + 8, 10);
        refused()
                .hasMessageContaining("symbol 'ringtap_steer', offset 40")
                .hasMessageContaining("symbol 'ringtap_active' is not a call of a function");
    }

    @Test
    void unknownRelocation() {
        object.putInt(bytesOf(".relsocket") + 8, 77);
        refused().hasMessageContaining("relocation of type 77");
    }

    @Test
    void externSymbol() {
        object.putShort(symbol("ringtap_active") + SYMBOL_SECTION, (short) 0);
        refused().hasMessageContaining("'ringtap_active' is defined nowhere");
    }

    @Test
    void relocationOfSomethingThatIsNoMap() {
        short license = object.getShort(symbol("program_license") + SYMBOL_SECTION);
        object.putShort(symbol("ringtap_active") + SYMBOL_SECTION, license);
        refused().hasMessageContaining("symbol 'ringtap_active', which is no map, variable or function");
    }

    @Test
    void relocationOutsideTheProgramOrOfAnotherInstruction() {
        int relocation = bytesOf(".relsocket");
        for (long offset : new long[] {1 << 20, -8, Long.MIN_VALUE, Long.MAX_VALUE}) {
            object.putLong(relocation, offset);
            refused().hasMessageContaining("section 'socket'").hasMessageContaining("offset " + offset);
        }
        long size = object.getLong(symbol("ringtap_steer") + 16);
        for (long offset : new long[] {0, 41, size - 8, size - 1}) {
            object.putLong(relocation, offset);
            refused().hasMessageContaining("symbol 'ringtap_steer', offset " + offset + ": what is relocated");
        }
        object.putLong(relocation, 40);
        object.putInt(bytesOf("socket") + 44, 8); // an addend that leads beyond the map's beginning
        refused().hasMessageContaining("no map at offset 8");
    }

    @Test
    void symbolThatDoesNotExist() {
        object.putInt(bytesOf(".relsocket") + 12, 1000);
        refused().hasMessageContaining("'.relsocket'").hasMessageContaining("no symbol 1000");
    }

    @Test
    void functionsThatDoNotFillTheirSection() {
        int size = symbol("ringtap_steer") + 16;
        long right = object.getLong(size);
        for (long wrong : new long[] {0, -1, right + 8, right - 1, Long.MAX_VALUE}) {
            object.putLong(size, wrong);
            refused().hasMessageContaining("symbol 'ringtap_steer'").hasMessageContaining("size " + wrong);
        }
        object.putLong(size, right - 8);
        refused().hasMessageContaining("its functions have " + (right - 8));
    }

    @Test
    void variablesOfTheWrongKind() {
        rename(".maps", ".bss");
        refused().hasMessageContaining("section '.bss': is not what data of that name are");
    }

    @Test
    void addressInsteadOfAMap() {
        // The section of the license becomes one of constants: what was the map is at an offset outside of it.
        rename(".maps", ".data");
        object.putInt(bytesOf("socket") + 44, 1 << 20);
        refused().hasMessageContaining("offset 1048576 is outside the");
    }

    @Test
    void mapsOfTheOldKind() {
        rename(".maps", "maps");
        refused().hasMessageContaining("old kind");
    }

    @Test
    void noLicense() {
        rename("license", "licence");
        refused().hasMessageContaining("no section 'license'");
    }

    @Test
    void noTypeInformation() {
        rename(".BTF", ".BTX");
        refused().hasMessageContaining("no section '.BTF'");
    }

    @Test
    void damagedTypeInformation() {
        int btf = bytesOf(".BTF");
        object.put(btf + 2, (byte) 2);
        refused().hasMessageContaining("section '.BTF'").hasMessageContaining("version 2");
        object.put(btf + 2, (byte) 1);
        int firstInfo = btf + object.getInt(btf + 4) + object.getInt(btf + 8) + 4;
        int info = object.getInt(firstInfo);
        object.putInt(firstInfo, 31 << 24);
        refused().hasMessageContaining("unknown kind 31");
        object.putInt(firstInfo, info);
        object.putInt(btf + 12, object.getInt(btf + 12) + 4); // one word of the names, read as a type
        refused().hasMessageContaining("section '.BTF': type");
        object.putInt(btf + 12, -1);
        refused().hasMessageContaining("types lie outside");
    }

    @Test
    void typesThatGoInCircles() {
        int btf = bytesOf(".BTF");
        int at = btf + object.getInt(btf + 4) + object.getInt(btf + 8);
        int end = at + object.getInt(btf + 12);
        // Every type definition becomes one of itself; u32 is one, and the type of the map's key.
        for (int number = 1; at < end; number++) {
            int info = object.getInt(at + 4);
            int kind = info >>> 24 & 0x1F;
            if (kind == 8) object.putInt(at + 8, number);
            at += 12
                    + switch (kind) {
                        case 1, 14 -> 4;
                        case 3 -> 12;
                        case 4, 5, 15 -> 12 * (info & 0xFFFF);
                        case 6, 13 -> 8 * (info & 0xFFFF);
                        default -> 0;
                    };
        }
        refused().hasMessageContaining("type 'u32' is defined by too long a chain");
    }

    /** Whatever the bytes are: an object or a refusal, and soon. {@code -Dringtap.seed=N} repeats a run. */
    @Test
    void randomDamage() {
        long seed = Long.getLong("ringtap.seed", System.nanoTime());
        System.out.println("BpfObjectTest: -Dringtap.seed=" + seed);
        var random = new Random(seed);
        byte[] whole = object.array();
        // The instructions are not read; what is around them is.
        int[][] parts = {
            {0, 64},
            {bytesOf(".maps"), whole.length},
            {bytesOf(".BTF"), bytesOf(".BTF") + 1500},
            {(int) object.getLong(40), whole.length}
        };
        int refused = 0;
        for (int i = 0; i < 5_000; i++) {
            byte[] damaged = whole.clone();
            for (int n = 1 + random.nextInt(4); n > 0; n--) {
                int[] part = parts[random.nextInt(parts.length)];
                int at = part[0] + random.nextInt(part[1] - part[0]);
                damaged[at] = (byte) (random.nextBoolean() ? random.nextInt(256) : random.nextBoolean() ? 0xFF : 0);
            }
            try {
                BpfObject.parse("damaged.o", damaged);
            } catch (BpfException e) {
                refused++;
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + ", object " + i, e);
            }
        }
        assertThat(refused).as("seed %d", seed).isBetween(1_000, 4_999);
    }

    @Test
    @RequiresBpf
    void refusalOfTheVerifierIsExplained() throws Exception {
        // The first instruction reads where a packet's description has nothing.
        object.putLong(bytesOf("socket"), 0x0000_0000_1000_1079L);
        var parsed = BpfObject.parse("patched.o", object.array());
        assertThatThrownBy(() -> LoadedObject.load(parsed))
                .isInstanceOf(BpfException.class)
                .hasMessageStartingWith("patched.o, section 'socket': the kernel's verifier refused program"
                        + " 'ringtap_steer': Permission denied (EACCES)")
                .hasMessageContaining("invalid bpf_context access off=4096 size=8")
                .satisfies(e -> assertThat(((BpfException) e).verifierLog()).contains("processed"));
    }

    @Test
    @RequiresBpf
    void mapThatTheKernelRefusesIsNamed() throws Exception {
        var map = new MapDefinition("too_large", MapDefinition.ARRAY, 8, 4, 1, 0, null);
        assertThatThrownBy(() -> BpfMap.create(map))
                .hasMessage("cannot create the eBPF map 'too_large' (array, key 8 bytes, value 4 bytes, 1 entry): bpf"
                        + " BPF_MAP_CREATE: Invalid argument (EINVAL)");
    }

    @Test
    void lockedMemoryCountsBeforeLinux511() {
        assertThat(LockedMemory.counts("5.10.0-28-amd64")).isTrue();
        assertThat(LockedMemory.counts("4.19.0")).isTrue();
        assertThat(LockedMemory.counts("5.11.0")).isFalse();
        assertThat(LockedMemory.counts("6.1-rc1")).isFalse();
        assertThat(LockedMemory.counts("7")).isFalse();
        assertThat(LockedMemory.counts("unknown")).isFalse();
    }
}
