/** Split virtqueues, driver's side, with checks of everything the device writes. VIRTIO 1.3, 2.7 Split Virtqueues. */
package dev.ringtap.guest.ring;
