/**
 * What packets pass through: one {@link dev.ringtap.emulator.datapath.QueuePair} a TAP queue, its receive and transmit
 * path, the hash source, the counters.
 *
 * <p>Everything of a pair belongs to the pair's loop; from elsewhere it is reached by messages only. Nothing here allocates
 * per packet, locks, or trusts what a driver wrote.
 */
package dev.ringtap.emulator.datapath;
