/** Unix stream sockets that pass descriptors along with bytes (SCM_RIGHTS), as vhost-user needs them. */
package dev.ringtap.linux.socket;
