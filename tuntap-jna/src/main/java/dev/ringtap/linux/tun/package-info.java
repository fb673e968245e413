/**
 * {@code /dev/net/tun}: multi-queue TAP devices with a virtio-net header, offloads, queues attached and detached, and a
 * steering program. Source: Documentation/networking/tuntap.rst and include/uapi/linux/if_tun.h of Linux.
 */
package dev.ringtap.linux.tun;
