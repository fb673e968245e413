/**
 * The vhost-user back-end: messages of one front-end, checked against a table of what each may carry before any handler
 * runs, and carried out in order. Source: QEMU, docs/interop/vhost-user.rst. Control loop only.
 */
package dev.ringtap.emulator.vhost;
