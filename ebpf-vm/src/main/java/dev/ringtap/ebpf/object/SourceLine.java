// SPDX-License-Identifier: Apache-2.0
package dev.ringtap.ebpf.object;

/**
 * The line of source that instructions come from, as the compiler recorded it.
 *
 * @param byteOffset of the first instruction that comes from it
 * @param text the line itself, or empty
 * @param line from 1
 * @param column from 1, or 0 if it is not known
 */
public record SourceLine(int byteOffset, String file, String text, int line, int column) {}
