// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.object.ProgramType;
import java.util.List;

/** Which fields of {@code struct __sk_buff} a program of each type may read and write. */
final class ContextRules {
    /** Who may do what with a field; {@code NOBODY} lists fields that are known, but not here. */
    private enum Rule {
        READ,
        /** Read by all, written by programs of traffic control. */
        READ_TC_WRITE,
        READ_WRITE,
        TC_READ,
        TC_READ_WRITE,
        TC_AND_VNET_HASH_READ,
        VNET_HASH_READ_WRITE,
        NOBODY
    }

    private record Field(String name, int offset, int sizeBytes, Rule rule) {}

    private static final List<Field> FIELDS = List.of(
            new Field("len", 0, 4, Rule.READ),
            new Field("pkt_type", 4, 4, Rule.READ),
            new Field("mark", 8, 4, Rule.READ_TC_WRITE),
            new Field("queue_mapping", 12, 4, Rule.READ_TC_WRITE),
            new Field("protocol", 16, 4, Rule.READ),
            new Field("vlan_present", 20, 4, Rule.READ),
            new Field("vlan_tci", 24, 4, Rule.READ),
            new Field("vlan_proto", 28, 4, Rule.READ),
            new Field("priority", 32, 4, Rule.READ_TC_WRITE),
            new Field("ingress_ifindex", 36, 4, Rule.READ),
            new Field("ifindex", 40, 4, Rule.READ),
            new Field("tc_index", 44, 4, Rule.READ_TC_WRITE),
            new Field("cb", 48, 20, Rule.READ_WRITE),
            new Field("hash", 68, 4, Rule.READ),
            new Field("tc_classid", 72, 4, Rule.TC_READ_WRITE),
            new Field("data", 76, 4, Rule.TC_AND_VNET_HASH_READ),
            new Field("data_end", 80, 4, Rule.TC_AND_VNET_HASH_READ),
            new Field("napi_id", 84, 4, Rule.READ),
            new Field("family to local_port (of sockets)", 88, 52, Rule.NOBODY),
            new Field("data_meta", 140, 4, Rule.NOBODY),
            new Field("flow_keys", 144, 8, Rule.NOBODY),
            new Field("tstamp", 152, 8, Rule.TC_READ_WRITE),
            new Field("wire_len", 160, 4, Rule.TC_READ),
            new Field("gso_segs", 164, 4, Rule.READ),
            new Field("sk", 168, 8, Rule.NOBODY),
            new Field("gso_size", 176, 4, Rule.READ),
            new Field("tstamp_type", 180, 1, Rule.TC_READ),
            new Field("hwtstamp", 184, 8, Rule.TC_READ),
            new Field("vnet_hash_value", 192, 4, Rule.VNET_HASH_READ_WRITE),
            new Field("vnet_hash_report", 196, 2, Rule.VNET_HASH_READ_WRITE),
            new Field("vnet_rss_queue", 198, 2, Rule.VNET_HASH_READ_WRITE));

    private final ProgramType type;

    ContextRules(ProgramType type) {
        this.type = type;
    }

    /** What a load gives: a number, or a pointer to the packet or its end. */
    Value load(int slot, int offset, int sizeBytes) throws Refusal {
        var field = field(slot, offset, sizeBytes);
        if (!readable(field.rule)) throw forbidden(slot, "reads", field);
        boolean pointer = field.name.equals("data") || field.name.equals("data_end");
        boolean whole = offset == field.offset && sizeBytes == field.sizeBytes;
        if ((pointer || field.sizeBytes == 8) && !whole) throw part(slot, "reads", field, sizeBytes);
        if (pointer) return Value.Pointer.to(field.name.equals("data") ? Region.PACKET : Region.PACKET_END);
        return Value.Scalar.of(Range.ofBytes(sizeBytes));
    }

    void store(int slot, int offset, int sizeBytes) throws Refusal {
        var field = field(slot, offset, sizeBytes);
        if (!writable(field.rule)) throw forbidden(slot, "writes", field);
        boolean whole = offset == field.offset && sizeBytes == field.sizeBytes;
        if (!whole && !field.name.equals("cb")) throw part(slot, "writes", field, sizeBytes);
    }

    private Field field(int slot, int offset, int sizeBytes) throws Refusal {
        for (var field : FIELDS) {
            if (offset < field.offset || offset >= field.offset + field.sizeBytes) continue;
            if (offset + sizeBytes > field.offset + field.sizeBytes)
                throw new Refusal(
                        slot, sizeBytes + " bytes at offset " + offset + " of the context reach beyond " + field.name);
            if (offset % sizeBytes != 0)
                throw new Refusal(
                        slot,
                        sizeBytes + " bytes at offset " + offset + " of the context, in " + field.name
                                + ", are not aligned");
            return field;
        }
        throw new Refusal(slot, "the context has no field at offset " + offset);
    }

    private Refusal forbidden(int slot, String what, Field field) {
        return new Refusal(
                slot,
                what + " " + field.name + " of the context, which programs of type '" + type.title() + "' must not",
                !readable(field.rule) || type != ProgramType.SOCKET_FILTER ? "" : "they write cb only");
    }

    private static Refusal part(int slot, String what, Field field, int sizeBytes) {
        return new Refusal(
                slot,
                what + " " + sizeBytes + " bytes of " + field.name + " of the context, which is accessed as a whole: "
                        + field.sizeBytes + " bytes at offset " + field.offset);
    }

    private boolean isTc() {
        return type == ProgramType.SCHED_CLS || type == ProgramType.SCHED_ACT;
    }

    private boolean readable(Rule rule) {
        return switch (rule) {
            case READ, READ_TC_WRITE, READ_WRITE -> true;
            case TC_READ, TC_READ_WRITE -> isTc();
            case TC_AND_VNET_HASH_READ -> isTc() || type == ProgramType.VNET_HASH;
            case VNET_HASH_READ_WRITE -> type == ProgramType.VNET_HASH;
            case NOBODY -> false;
        };
    }

    private boolean writable(Rule rule) {
        return switch (rule) {
            case READ_WRITE -> true;
            case READ_TC_WRITE, TC_READ_WRITE -> isTc();
            case VNET_HASH_READ_WRITE -> type == ProgramType.VNET_HASH;
            case READ, TC_READ, TC_AND_VNET_HASH_READ, NOBODY -> false;
        };
    }
}
