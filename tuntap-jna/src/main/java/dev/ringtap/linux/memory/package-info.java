/** memfd_create(2) and shared mappings as memory segments with a lifetime. */
package dev.ringtap.linux.memory;
