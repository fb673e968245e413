/**
 * Traffic whose every packet can be told from every other: flows of all kinds, the frames they consist of, and enough
 * TCP to talk to a host's real sockets.
 *
 * <p>Frames are built from the RFCs. A packet is recognised on arrival by what it carries: {@link
 * dev.ringtap.guest.traffic.PayloadPattern} where there is room, the whole frame's bytes where there is none.
 */
package dev.ringtap.guest.traffic;
