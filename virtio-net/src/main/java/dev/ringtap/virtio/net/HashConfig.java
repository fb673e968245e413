// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.virtio.net;

import java.util.Arrays;
import java.util.HexFormat;

/**
 * Hash calculation under automatic steering, {@code struct virtio_net_hash_config}. VIRTIO 1.3, 5.1.6.5.6.4 Hash
 * calculation. Immutable; the key is copied in and out.
 *
 * @param hashTypes mask of enabled {@link HashType}s
 * @param key 0 to 40 bytes; empty only if {@code hashTypes} is 0
 */
public record HashConfig(int hashTypes, byte[] key) {
    /** Checks types and key length. */
    public HashConfig {
        key = key.clone();
        checkKey(hashTypes, key);
    }

    static void checkKey(int hashTypes, byte[] key) {
        if ((hashTypes & ~HashType.ALL) != 0) {
            throw new IllegalArgumentException("hashTypes is 0x%x, known are 0x%x".formatted(hashTypes, HashType.ALL));
        }
        if (key.length > NetDeviceConfig.RSS_MAX_KEY_BYTES || key.length == 0 && hashTypes != 0) {
            throw new IllegalArgumentException("key has " + key.length + " bytes");
        }
    }

    @Override
    public byte[] key() {
        return key.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HashConfig that && hashTypes == that.hashTypes && Arrays.equals(key, that.key);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(key) + hashTypes;
    }

    @Override
    public String toString() {
        return "HashConfig[hashTypes=0x%x, key=%s]"
                .formatted(hashTypes, HexFormat.of().formatHex(key));
    }
}
