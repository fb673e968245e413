// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/**
 * {@code struct __sk_buff} as programs address it, and what each field is in a {@link SkBuff}. The structure exists in no
 * memory: an access is a conversion. Parts of a field may be read where the kernel allows it; {@code cb} is memory.
 *
 * <pre>
 *       0 len            4 pkt_type      8 mark          12 queue_mapping   16 protocol
 *      20 vlan_present  24 vlan_tci     28 vlan_proto    32 priority        36 ingress_ifindex
 *      40 ifindex       44 tc_index     48 cb[5]         68 hash            72 tc_classid
 *      76 data          80 data_end     84 napi_id       88 family … 136 local_port (sockets only)
 *     140 data_meta    144 flow_keys   152 tstamp       160 wire_len       164 gso_segs
 *     168 sk           176 gso_size    180 tstamp_type  184 hwtstamp
 *     192 vnet_hash_value  196 vnet_hash_report  198 vnet_rss_queue   (proposed)
 * </pre>
 */
enum ContextField {
    LEN(0, 4, "length", Kind.INT),
    PKT_TYPE(4, 4, "pktType", Kind.INT),
    MARK(8, 4, "mark", Kind.INT),
    QUEUE_MAPPING(12, 4, "queueMapping", Kind.SHORT),
    PROTOCOL(16, 4, "protocol", Kind.NETWORK_SHORT),
    VLAN_PRESENT(20, 4, "vlanPresent", Kind.INT),
    VLAN_TCI(24, 4, "vlanTci", Kind.INT),
    VLAN_PROTO(28, 4, "vlanProto", Kind.NETWORK_SHORT),
    PRIORITY(32, 4, "priority", Kind.INT),
    INGRESS_IFINDEX(36, 4, "ingressIfindex", Kind.INT),
    IFINDEX(40, 4, "ifindex", Kind.INT),
    TC_INDEX(44, 4, "tcIndex", Kind.SHORT),
    CB(48, 20, "cb", Kind.BYTES),
    HASH(68, 4, "hash", Kind.INT),
    TC_CLASSID(72, 4, "tcClassid", Kind.SHORT),
    DATA(76, 4, "offset", Kind.PACKET_START),
    DATA_END(80, 4, "length", Kind.PACKET_END),
    NAPI_ID(84, 4, "napiId", Kind.INT),
    TSTAMP(152, 8, "tstamp", Kind.LONG),
    WIRE_LEN(160, 4, "wireLen", Kind.INT),
    GSO_SEGS(164, 4, "gsoSegs", Kind.INT),
    GSO_SIZE(176, 4, "gsoSize", Kind.INT),
    TSTAMP_TYPE(180, 1, "tstampType", Kind.INT),
    HWTSTAMP(184, 8, "hwtstamp", Kind.LONG),
    VNET_HASH_VALUE(192, 4, "vnetHashValue", Kind.INT),
    VNET_HASH_REPORT(196, 2, "vnetHashReport", Kind.SHORT),
    VNET_RSS_QUEUE(198, 2, "vnetRssQueue", Kind.SHORT);

    /** How a field is kept. */
    enum Kind {
        INT,
        /** An int of which 16 bits count. */
        SHORT,
        /** As {@link #SHORT}; the program sees the bytes in network order. */
        NETWORK_SHORT,
        LONG,
        BYTES,
        PACKET_START,
        PACKET_END
    }

    private static final Set<ContextField> ASSIGNABLE =
            EnumSet.of(MARK, PRIORITY, TC_INDEX, TC_CLASSID, TSTAMP, VNET_HASH_VALUE, VNET_HASH_REPORT, VNET_RSS_QUEUE);

    private static final int NO_QUEUE = 0xFFFF;
    private static final int SIZE_BYTES = 200;
    private static final ContextField[] BY_OFFSET = new ContextField[SIZE_BYTES];

    static {
        for (var field : values()) Arrays.fill(BY_OFFSET, field.offset, field.offset + field.sizeBytes, field);
    }

    private final int offset;
    private final int sizeBytes;
    private final String javaName;
    private final Kind kind;

    ContextField(int offset, int sizeBytes, String javaName, Kind kind) {
        this.offset = offset;
        this.sizeBytes = sizeBytes;
        this.javaName = javaName;
        this.kind = kind;
    }

    int offset() {
        return offset;
    }

    int sizeBytes() {
        return sizeBytes;
    }

    /** Of the field of {@link SkBuff}. */
    String javaName() {
        return javaName;
    }

    Kind kind() {
        return kind;
    }

    /** Whether a write is a plain assignment, for some type of program; which one, the checker knows. */
    boolean isAssignable() {
        return ASSIGNABLE.contains(this);
    }

    /** The field that an access falls into, null if there is none or it reaches beyond it. */
    static ContextField at(int offset, int sizeBytes) {
        if (offset < 0 || offset > SIZE_BYTES - sizeBytes || offset % sizeBytes != 0) return null;
        var field = BY_OFFSET[offset];
        return field != null && offset + sizeBytes <= field.offset + field.sizeBytes ? field : null;
    }

    static long load(SkBuff skb, int offset, int sizeBytes) {
        var field = at(offset, sizeBytes);
        if (field == null) throw outside(offset, sizeBytes);
        if (field == CB) return Memory.load(skb.cb, offset - CB.offset, sizeBytes);
        long value = field.value(skb);
        // A pointer is read as 32 bits and is 64 wide: the conversion widens it.
        if (field.kind == Kind.PACKET_START || field.kind == Kind.PACKET_END) return value;
        value >>>= 8 * (offset - field.offset);
        return sizeBytes == 8 ? value : value & (1L << 8 * sizeBytes) - 1;
    }

    static void store(SkBuff skb, int offset, int sizeBytes, long value) {
        var field = at(offset, sizeBytes);
        if (field == CB) Memory.store(skb.cb, offset - CB.offset, sizeBytes, value);
        else if (field == null || sizeBytes != field.sizeBytes || !field.set(skb, value))
            throw outside(offset, sizeBytes);
    }

    private long value(SkBuff skb) {
        return switch (this) {
            case LEN -> u32(skb.length);
            case PKT_TYPE -> u32(skb.pktType);
            case MARK -> u32(skb.mark);
            case QUEUE_MAPPING -> skb.queueMapping & 0xFFFF;
            case PROTOCOL -> networkOrder(skb.protocol);
            case VLAN_PRESENT -> u32(skb.vlanPresent);
            case VLAN_TCI -> u32(skb.vlanTci);
            case VLAN_PROTO -> networkOrder(skb.vlanProto);
            case PRIORITY -> u32(skb.priority);
            case INGRESS_IFINDEX -> u32(skb.ingressIfindex);
            case IFINDEX -> u32(skb.ifindex);
            case TC_INDEX -> skb.tcIndex & 0xFFFF;
            case CB -> throw new AssertionError(this);
            case HASH -> u32(skb.hash);
            case TC_CLASSID -> skb.tcClassid & 0xFFFF;
            case DATA -> Address.of(Address.PACKET, skb.offset);
            case DATA_END -> Address.of(Address.PACKET, skb.offset + skb.length);
            case NAPI_ID -> u32(skb.napiId);
            case TSTAMP -> skb.tstamp;
            case WIRE_LEN -> u32(skb.wireLen);
            case GSO_SEGS -> u32(skb.gsoSegs);
            case GSO_SIZE -> u32(skb.gsoSize);
            case TSTAMP_TYPE -> u32(skb.tstampType);
            case HWTSTAMP -> skb.hwtstamp;
            case VNET_HASH_VALUE -> u32(skb.vnetHashValue);
            case VNET_HASH_REPORT -> skb.vnetHashReport & 0xFFFF;
            case VNET_RSS_QUEUE -> skb.vnetRssQueue & 0xFFFF;
        };
    }

    private boolean set(SkBuff skb, long value) {
        switch (this) {
            case MARK -> skb.mark = (int) value;
            case QUEUE_MAPPING -> {
                // What is no queue number leaves it as it was.
                int queue = (int) value;
                if (Integer.compareUnsigned(queue, NO_QUEUE) < 0) skb.queueMapping = queue;
            }
            case PRIORITY -> skb.priority = (int) value;
            case TC_INDEX -> skb.tcIndex = (int) value & 0xFFFF;
            case TC_CLASSID -> skb.tcClassid = (int) value & 0xFFFF;
            case TSTAMP -> skb.tstamp = value;
            case VNET_HASH_VALUE -> skb.vnetHashValue = (int) value;
            case VNET_HASH_REPORT -> skb.vnetHashReport = (int) value & 0xFFFF;
            case VNET_RSS_QUEUE -> skb.vnetRssQueue = (int) value & 0xFFFF;
            default -> {
                return false;
            }
        }
        return true;
    }

    private static long u32(int value) {
        return value & 0xFFFFFFFFL;
    }

    private static long networkOrder(int value) {
        return Short.reverseBytes((short) value) & 0xFFFFL;
    }

    private static IndexOutOfBoundsException outside(int offset, int sizeBytes) {
        return new IndexOutOfBoundsException(
                sizeBytes + " bytes at offset " + offset + " of the context are no field, or not to be written");
    }
}
