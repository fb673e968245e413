// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.emulator.tap.plug;

/**
 * The capture file format of libpcap, {@code pcap-savefile(5)}: a file header, then a header in front of each frame.
 *
 * <pre>
 *   0 u32 magic | 4 u16 major | 6 u16 minor | 8 u32 zone | 12 u32 accuracy | 16 u32 snapshot length | 20 u32 link type
 *   0 u32 seconds | 4 u32 fraction | 8 u32 bytes kept | 12 u32 bytes of the frame
 * </pre>
 */
final class PcapFormat {
    /** Fractions are microseconds. */
    static final int MAGIC_MICROS = 0xA1B2_C3D4;

    /** Fractions are nanoseconds. */
    static final int MAGIC_NANOS = 0xA1B2_3C4D;

    /** First word of a pcapng file, which is another format. */
    static final int PCAPNG_MAGIC = 0x0A0D_0D0A;

    static final int MAJOR = 2;
    static final int MINOR = 4;
    static final int FILE_HEADER_BYTES = 24;
    static final int LINK_TYPE = 20;
    static final int FRAME_HEADER_BYTES = 16;
    static final int SNAPSHOT_BYTES = 262_144;
    static final int LINKTYPE_ETHERNET = 1;

    private PcapFormat() {}
}
