/**
 * vhost-user, front-end's side: messages, protocol features, requests of the back-end. Source: QEMU,
 * docs/interop/vhost-user.rst.
 */
package dev.ringtap.guest.vhost;
