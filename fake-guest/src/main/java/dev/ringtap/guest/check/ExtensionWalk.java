// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.guest.check;

import static dev.ringtap.guest.check.Dissection.u16;
import static dev.ringtap.guest.check.Dissection.u8;

import java.util.Arrays;

/** One walk along the extension headers of an IPv6 packet. */
final class ExtensionWalk {
    /** The walk ended before a transport header could be reached. */
    static final int ENDED = -1;

    private static final int HOP_BY_HOP = 0;
    private static final int ROUTING = 43;
    private static final int FRAGMENT = 44;
    private static final int AUTHENTICATION = 51;
    private static final int DESTINATION_OPTIONS = 60;

    private static final int MAX_HEADERS = 12;
    private static final int MAX_OPTIONS = 32;

    private static final int PAD1 = 0;
    private static final int HOME_ADDRESS = 0xC9;

    private final byte[] frame;
    private int next;
    private int optionsSeen;
    private byte[] home;
    private byte[] routed;

    ExtensionWalk(byte[] frame) {
        this.frame = frame;
    }

    /** Walks from the byte after the fixed header; returns where the upper-layer header starts, or {@link #ENDED}. */
    int from(int at, int firstNext) {
        next = firstNext;
        for (int headers = 0; isExtension(next); headers++) {
            if (headers == MAX_HEADERS) {
                return ENDED;
            }
            // The two bytes that say where the header ends have to be there before they can be believed.
            if (at + 2 > frame.length) {
                return ENDED;
            }
            int end = at + lengthBytes(at);
            if (end > frame.length) {
                return ENDED;
            }
            switch (next) {
                case ROUTING -> readRouting(at, end);
                case DESTINATION_OPTIONS -> readOptions(at + 2, end);
                case FRAGMENT -> {
                    // 13 bits of offset, 2 reserved, 1 bit M: anything but offset 0 and M 0 is a real fragment.
                    if ((u16(frame, at + 2) & 0xFFF9) != 0) {
                        return ENDED;
                    }
                }
                default -> {
                    // Hop-by-hop options and authentication data say nothing about the flow.
                }
            }
            next = u8(frame, at);
            at = end;
        }
        return at;
    }

    private static boolean isExtension(int number) {
        return switch (number) {
            case HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS -> true;
            default -> false;
        };
    }

    private int lengthBytes(int at) {
        int n = u8(frame, at + 1);
        return switch (next) {
            case FRAGMENT -> 8;
            case AUTHENTICATION -> (n + 2) * 4;
            default -> (n + 1) * 8;
        };
    }

    private void readRouting(int at, int end) {
        boolean typeTwo = u8(frame, at + 2) == 2;
        boolean roomForAddress = u8(frame, at + 1) >= 2;
        if (routed == null && typeTwo && roomForAddress && at + 24 <= end) {
            routed = Arrays.copyOfRange(frame, at + 8, at + 24);
        }
    }

    private void readOptions(int at, int end) {
        while (home == null && at < end) {
            if (optionsSeen == MAX_OPTIONS) {
                return;
            }
            optionsSeen++;
            int type = u8(frame, at);
            if (type == PAD1) {
                at++;
                continue;
            }
            if (at + 2 > end || at + 2 + u8(frame, at + 1) > end) {
                return;
            }
            int dataBytes = u8(frame, at + 1);
            if (type == HOME_ADDRESS && dataBytes == 16) {
                home = Arrays.copyOfRange(frame, at + 2, at + 18);
            }
            at += 2 + dataBytes;
        }
    }

    /** The protocol number behind the last header walked. */
    int next() {
        return next;
    }

    byte[] home() {
        return home;
    }

    byte[] routed() {
        return routed;
    }
}
