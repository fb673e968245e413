/**
 * Network interfaces and namespaces by rtnetlink(7), ioctl and setns(2), and packet sockets for ready-made frames. No
 * external command is run.
 */
package dev.ringtap.linux.net;
