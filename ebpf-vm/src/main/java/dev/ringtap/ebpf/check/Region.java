// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.check;

import dev.ringtap.ebpf.object.MapDefinition;

/**
 * What a pointer points at.
 *
 * @param map of a map or a value of it, else null
 * @param frame of the stack: 0 is the program's own. Of a key: that of the callback which it was given to, and with which
 *     it ends
 * @param sizeBytes of memory whose size is known
 * @param function of a function: the slot where it begins
 */
record Region(BaseKind kind, MapDefinition map, int frame, long sizeBytes, int function) {
    static final Region CONTEXT = new Region(BaseKind.CONTEXT, null, 0, 0, 0);
    static final Region PACKET = new Region(BaseKind.PACKET, null, 0, 0, 0);
    static final Region PACKET_END = new Region(BaseKind.PACKET_END, null, 0, 0, 0);

    static Region stack(int frame) {
        return new Region(BaseKind.STACK, null, frame, 0, 0);
    }

    static Region map(MapDefinition map) {
        return new Region(BaseKind.MAP, map, 0, 0, 0);
    }

    static Region mapValue(MapDefinition map) {
        return new Region(BaseKind.MAP_VALUE, map, 0, map.valueBytes(), 0);
    }

    static Region mapKey(MapDefinition map, int frame) {
        return new Region(BaseKind.MAP_KEY, map, frame, map.keyBytes(), 0);
    }

    static Region record(long sizeBytes) {
        return new Region(BaseKind.RECORD, null, 0, sizeBytes, 0);
    }

    static Region memory(long sizeBytes) {
        return new Region(BaseKind.MEMORY, null, 0, sizeBytes, 0);
    }

    static Region function(int slot) {
        return new Region(BaseKind.FUNCTION, null, 0, 0, slot);
    }

    /** Whether a number may be added to such a pointer. */
    boolean movable() {
        return switch (kind) {
            case STACK, MAP_VALUE, MAP_KEY, PACKET, RECORD, MEMORY -> true;
            case CONTEXT, MAP, PACKET_END, FUNCTION -> false;
        };
    }

    /** Whether it ends when the function returns that runs in {@link #frame}. */
    boolean endsWithFrame() {
        return kind == BaseKind.STACK || kind == BaseKind.MAP_KEY;
    }

    /** Whether it is a piece of memory of {@link #sizeBytes}. */
    boolean sized() {
        return switch (kind) {
            case MAP_VALUE, MAP_KEY, RECORD, MEMORY -> true;
            case STACK, PACKET, CONTEXT, MAP, PACKET_END, FUNCTION -> false;
        };
    }

    @Override
    public String toString() {
        return switch (kind) {
            case CONTEXT -> "the context";
            case STACK -> frame == 0 ? "the stack" : "the stack (frame " + frame + ")";
            case MAP -> "map '" + map.name() + "'";
            case MAP_VALUE -> "a value of map '" + map.name() + "' (" + sizeBytes + " bytes)";
            case MAP_KEY -> "a key of map '" + map.name() + "' (" + sizeBytes + " bytes)";
            case PACKET -> "the packet";
            case PACKET_END -> "the end of the packet";
            case RECORD -> "a ring buffer record (" + sizeBytes + " bytes)";
            case MEMORY -> "memory (" + sizeBytes + " bytes)";
            case FUNCTION -> "the function at instruction " + function;
        };
    }
}
