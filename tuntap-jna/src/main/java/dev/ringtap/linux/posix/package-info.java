/**
 * System calls through JNA with primitive arguments, file descriptors with an owner, and the one place where errno becomes
 * an exception.
 */
package dev.ringtap.linux.posix;
