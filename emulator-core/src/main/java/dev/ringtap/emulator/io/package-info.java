/**
 * The seam between datapath and kernel: readiness of descriptors, and reads and writes in bursts.
 *
 * <p>{@link dev.ringtap.emulator.io.IoLoop} and {@link dev.ringtap.emulator.io.Burst} are all that the datapath knows; epoll
 * and io_uring stand behind them, on Netty's event loops.
 */
package dev.ringtap.emulator.io;
