// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.vm;

/**
 * What a pointer is: 64 bits, the upper half a region, the lower half an offset in it.
 *
 * <pre>
 *     63            32 31             0
 *      region         | offset
 *      0  NOTHING     | a number that is no pointer, NULL among them
 *      1  CONTEXT     | struct __sk_buff
 *      2  STACK       | of this run
 *      3  PACKET      | offset in SkBuff.data()
 *      4  FUNCTION    | slot where it begins
 *      5  MAP         | index in Run.maps
 *      6  KEYS       | of elements that for_each_map_elem shows to callbacks
 *     16+i VALUES     | offset in the values of map i
 * </pre>
 *
 * Maps have the same index in every run of a VM's programs; a map that is found in a map of maps gets the next free one
 * in this run, so no pointer lives longer than its run.
 */
final class Address {
    static final int CONTEXT = 1;
    static final int STACK = 2;
    static final int PACKET = 3;
    static final int FUNCTION = 4;
    static final int MAP = 5;
    static final int KEYS = 6;
    static final int VALUES = 16;

    private Address() {}

    static long of(int region, int offset) {
        return (long) region << 32 | offset & 0xFFFFFFFFL;
    }

    static int region(long address) {
        return (int) (address >>> 32);
    }

    static int offset(long address) {
        return (int) address;
    }

    static String describe(long address) {
        int region = region(address);
        String offset = Integer.toString(offset(address));
        return switch (region) {
            case 0 -> "0x" + Long.toHexString(address) + ", which is no pointer";
            case CONTEXT -> "context + " + offset;
            case STACK -> "stack, r10 of the program " + (offset(address) - Run.STACK_BYTES);
            case PACKET -> "packet buffer + " + offset;
            case FUNCTION -> "function at " + offset;
            case MAP -> "map " + offset + " itself";
            case KEYS -> "keys of for_each + " + offset;
            default ->
                region >= VALUES
                        ? "values of map " + (region - VALUES) + " + " + offset
                        : "0x" + Long.toHexString(address) + ", which is no pointer";
        };
    }
}
