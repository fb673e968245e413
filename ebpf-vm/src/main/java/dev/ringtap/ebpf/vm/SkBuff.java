// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

import dev.ringtap.ebpf.object.ProgramType;
import java.util.Arrays;
import java.util.Objects;

/**
 * A packet and what is known about it: what a program gets as its context, {@code struct __sk_buff}. Made once per thread
 * and used for one packet after the other; it also carries the memory that a running program needs, so a run allocates
 * nothing.
 *
 * <p>The packet is {@link #length()} bytes of {@link #data()} from {@link #offset()}. What lies before and behind is room
 * that helpers use to lengthen it. Accessors are named after the fields of {@code __sk_buff}; EtherTypes are plain
 * numbers (0x0800) here and in network order in the program, as everywhere.
 *
 * <p>Not thread-safe: one thread at a time.
 */
public final class SkBuff {
    /** Words of {@code cb}. */
    public static final int CB_WORDS = 5;

    /** Room that {@link #reset} leaves before a packet. */
    public static final int HEADROOM_BYTES = 256;

    private static final int FIRST_CAPACITY_BYTES = 4096;

    final Run run = new Run(this);

    // The fields are read and written by the engines of this package.
    byte[] buffer = new byte[FIRST_CAPACITY_BYTES];
    int offset = HEADROOM_BYTES;
    int length;
    int networkOffset;

    int pktType;
    int mark;
    int queueMapping;
    int protocol;
    int vlanPresent;
    int vlanTci;
    int vlanProto;
    int priority;
    int ingressIfindex;
    int ifindex;
    int tcIndex;
    int tcClassid;
    int napiId;
    final byte[] cb = new byte[4 * CB_WORDS];
    int hash;
    boolean hashValid;
    long tstamp;
    int tstampType;
    int wireLen;
    int gsoSegs;
    int gsoSize;
    long hwtstamp;

    int vnetHashValue;
    int vnetHashReport;
    int vnetRssQueue;

    // The buffer to copy packets into, apart from one that was lent by wrap.
    private byte[] own = buffer;

    /**
     * Takes a copy of a packet, with {@link #HEADROOM_BYTES} before it, and sets every field to zero, but for
     * {@code protocol}, which is read from the Ethernet header, and {@code wire_len}.
     */
    public SkBuff reset(byte[] source, int sourceOffset, int lengthBytes) {
        Objects.checkFromIndexSize(sourceOffset, lengthBytes, source.length);
        if (own.length - HEADROOM_BYTES < lengthBytes) own = new byte[Math.addExact(lengthBytes, 2 * HEADROOM_BYTES)];
        System.arraycopy(source, sourceOffset, own, HEADROOM_BYTES, lengthBytes);
        return begin(own, HEADROOM_BYTES, lengthBytes);
    }

    /**
     * As {@link #reset}, but the packet stays where it is: no copy. What a program writes is written there. The array
     * must not change otherwise until the next packet.
     */
    public SkBuff wrap(byte[] frame, int frameOffset, int lengthBytes) {
        Objects.checkFromIndexSize(frameOffset, lengthBytes, frame.length);
        return begin(frame, frameOffset, lengthBytes);
    }

    private SkBuff begin(byte[] buffer, int offset, int length) {
        this.buffer = buffer;
        this.offset = offset;
        this.length = length;
        pktType = mark = queueMapping = 0;
        protocol = length >= Ethernet.HEADER_BYTES ? Ethernet.type(buffer, offset) : 0;
        networkOffset = Ethernet.HEADER_BYTES;
        vlanPresent = vlanTci = vlanProto = priority = ingressIfindex = ifindex = tcIndex = tcClassid = napiId = 0;
        Arrays.fill(cb, (byte) 0);
        hash = 0;
        hashValid = false;
        tstamp = hwtstamp = tstampType = 0;
        wireLen = length;
        gsoSegs = gsoSize = 0;
        vnetHashValue = vnetHashReport = vnetRssQueue = 0;
        return this;
    }

    /** The array that holds the packet. A program may move the packet to another one: ask again after a run. */
    public byte[] data() {
        return buffer;
    }

    /** Where in {@link #data()} the packet begins. */
    public int offset() {
        return offset;
    }

    /** Bytes of the packet. */
    public int length() {
        return length;
    }

    /** Moves the packet's begin by {@code bytes} towards lower addresses; what becomes part of it is undefined. */
    void push(int bytes) {
        if (offset < bytes) move(HEADROOM_BYTES + bytes, length);
        offset -= bytes;
        length += bytes;
    }

    /** The packet loses its first bytes. */
    void pull(int bytes) {
        offset += bytes;
        length -= bytes;
    }

    /** Another length; what becomes part of the packet is zero. */
    void resize(int lengthBytes) {
        if (lengthBytes > buffer.length - offset) move(offset, lengthBytes);
        if (lengthBytes > length) Arrays.fill(buffer, offset + length, offset + lengthBytes, (byte) 0);
        length = lengthBytes;
    }

    private void move(int newOffset, int capacityBytes) {
        byte[] larger = new byte[newOffset + capacityBytes + HEADROOM_BYTES];
        System.arraycopy(buffer, offset, larger, newOffset, length);
        buffer = own = larger;
        offset = newOffset;
        run.packetMoved();
    }

    public int pktType() {
        return pktType;
    }

    public SkBuff pktType(int value) {
        pktType = value;
        return this;
    }

    public int mark() {
        return mark;
    }

    public SkBuff mark(int value) {
        mark = value;
        return this;
    }

    /** 0 to 65535. */
    public int queueMapping() {
        return queueMapping;
    }

    public SkBuff queueMapping(int value) {
        queueMapping = value & 0xFFFF;
        return this;
    }

    /** EtherType, after tags that lie beside the frame. */
    public int protocol() {
        return protocol;
    }

    public SkBuff protocol(int etherType) {
        protocol = etherType & 0xFFFF;
        return this;
    }

    /** Whether a VLAN tag lies beside the frame. */
    public boolean vlanPresent() {
        return vlanPresent != 0;
    }

    public int vlanTci() {
        return vlanTci;
    }

    /** EtherType of the tag that lies beside the frame. */
    public int vlanProto() {
        return vlanProto;
    }

    /** A tag beside the frame, as hardware that strips tags leaves it. */
    public SkBuff vlanTag(int etherType, int tci) {
        vlanPresent = 1;
        vlanProto = etherType & 0xFFFF;
        vlanTci = tci & 0xFFFF;
        return this;
    }

    public SkBuff noVlanTag() {
        vlanPresent = vlanProto = vlanTci = 0;
        return this;
    }

    public int priority() {
        return priority;
    }

    public SkBuff priority(int value) {
        priority = value;
        return this;
    }

    public int ingressIfindex() {
        return ingressIfindex;
    }

    public SkBuff ingressIfindex(int value) {
        ingressIfindex = value;
        return this;
    }

    public int ifindex() {
        return ifindex;
    }

    public SkBuff ifindex(int value) {
        ifindex = value;
        return this;
    }

    /** 0 to 65535. */
    public int tcIndex() {
        return tcIndex;
    }

    public SkBuff tcIndex(int value) {
        tcIndex = value & 0xFFFF;
        return this;
    }

    /** 0 to 65535. */
    public int tcClassid() {
        return tcClassid;
    }

    public SkBuff tcClassid(int value) {
        tcClassid = value & 0xFFFF;
        return this;
    }

    public int napiId() {
        return napiId;
    }

    public SkBuff napiId(int value) {
        napiId = value;
        return this;
    }

    /** @param index below {@link #CB_WORDS} */
    public int cb(int index) {
        return (int) Memory.ARRAY_32.get(cb, 4 * Objects.checkIndex(index, CB_WORDS));
    }

    public SkBuff cb(int index, int value) {
        Memory.ARRAY_32.set(cb, 4 * Objects.checkIndex(index, CB_WORDS), value);
        return this;
    }

    public int hash() {
        return hash;
    }

    /** A hash that counts: {@code bpf_get_hash_recalc} takes it for the flow's. */
    public SkBuff hash(int value) {
        hash = value;
        hashValid = true;
        return this;
    }

    /** Nanoseconds. */
    public long tstamp() {
        return tstamp;
    }

    public SkBuff tstamp(long value) {
        tstamp = value;
        return this;
    }

    /** Nanoseconds. */
    public long hwtstamp() {
        return hwtstamp;
    }

    public SkBuff hwtstamp(long value) {
        hwtstamp = value;
        return this;
    }

    public int wireLen() {
        return wireLen;
    }

    public SkBuff wireLen(int value) {
        wireLen = value;
        return this;
    }

    public int gsoSegs() {
        return gsoSegs;
    }

    public SkBuff gsoSegs(int value) {
        gsoSegs = value;
        return this;
    }

    public int gsoSize() {
        return gsoSize;
    }

    public SkBuff gsoSize(int value) {
        gsoSize = value;
        return this;
    }

    /** Of {@link ProgramType#VNET_HASH}: the hash that is reported. */
    public int vnetHashValue() {
        return vnetHashValue;
    }

    public SkBuff vnetHashValue(int value) {
        vnetHashValue = value;
        return this;
    }

    /** Of {@link ProgramType#VNET_HASH}: the hash report, 0 to 65535. */
    public int vnetHashReport() {
        return vnetHashReport;
    }

    public SkBuff vnetHashReport(int value) {
        vnetHashReport = value & 0xFFFF;
        return this;
    }

    /** Of {@link ProgramType#VNET_HASH}: the queue, 0 to 65535. */
    public int vnetRssQueue() {
        return vnetRssQueue;
    }

    public SkBuff vnetRssQueue(int value) {
        vnetRssQueue = value & 0xFFFF;
        return this;
    }
}
