/**
 * The driver's queue pairs as a Netty channel: received packets come out of its pipeline with queue and hash, packets
 * written to it are transmitted; handlers answer ARP, neighbour discovery and echo requests.
 */
package dev.ringtap.guest.channel;
