/** The guest's memory: a memfd that the back-end maps, and an allocator for rings and buffers in it. */
package dev.ringtap.guest.memory;
