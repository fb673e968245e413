/**
 * The virtio-net device between control queue and TAP: what the driver negotiated and set, and the steps by which a change
 * reaches the steering program and every queue pair, so that no packet is treated half by the old configuration and half by
 * the new one. Control loop only.
 */
package dev.ringtap.emulator.device;
