/**
 * The virtio network device of the specification, without rings and without I/O: feature bits and their rules, the
 * configuration space, the packet header, the control queue's commands with the state they produce, and receive-side
 * scaling.
 *
 * <p>Everything here is either immutable or owned by one thread, and knows the JDK only. Section numbers are those of
 * VIRTIO 1.3, part 5.1 Network Device; titles are given too, since numbers move between versions.
 */
package dev.ringtap.virtio.net;
