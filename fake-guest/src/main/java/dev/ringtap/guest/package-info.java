/**
 * A virtio-net driver in Java for tests of devices: it connects to any vhost-user back-end as a VMM and its guest in one.
 *
 * <p>Start with {@link dev.ringtap.guest.FakeGuest}. Written from the specification without a look at the device's code, so
 * that the two agree because both are right.
 */
package dev.ringtap.guest;
