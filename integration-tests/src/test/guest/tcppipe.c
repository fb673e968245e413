// SPDX-License-Identifier: Apache-2.0
/*
 * A TCP connection as a pipe, one way, for transfers that a checksum judges:
 *
 *     tcppipe receive PORT        accepts one connection (IPv4 or IPv6) and writes what comes to standard output;
 *                                 prints "LISTENING" to standard error once a peer may connect
 *     tcppipe send ADDRESS PORT   connects and sends standard input
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "tcppipe: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void copy(int from, int to)
{
	static char buffer[1 << 16];
	ssize_t got;

	while ((got = read(from, buffer, sizeof buffer)) > 0) {
		for (ssize_t done = 0, put; done < got; done += put) {
			put = write(to, buffer + done, (size_t)(got - done));
			if (put < 0)
				die("write");
		}
	}
	if (got < 0)
		die("read");
}

static int accept_one(int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	int yes = 1, listener = socket(AF_INET6, SOCK_STREAM, 0);

	if (listener < 0)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 1))
		die("listen");
	fputs("LISTENING\n", stderr);
	int connection = accept(listener, NULL, NULL);
	if (connection < 0)
		die("accept");
	return connection;
}

static int connect_to(const char *address, int port)
{
	struct sockaddr_in6 peer = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	char mapped[64];

	/* An IPv4 address goes as ::ffff:a.b.c.d, which the kernel sends as plain IPv4. */
	snprintf(mapped, sizeof mapped, strchr(address, ':') ? "%s" : "::ffff:%s", address);
	if (inet_pton(AF_INET6, mapped, &peer.sin6_addr) != 1) {
		fprintf(stderr, "tcppipe: not an address: %s\n", address);
		exit(1);
	}
	int connection = socket(AF_INET6, SOCK_STREAM, 0);
	if (connection < 0 || connect(connection, (struct sockaddr *)&peer, sizeof peer))
		die("connect");
	return connection;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "receive")) {
		copy(accept_one(atoi(argv[2])), STDOUT_FILENO);
	} else if (argc == 4 && !strcmp(argv[1], "send")) {
		copy(STDIN_FILENO, connect_to(argv[2], atoi(argv[3])));
	} else {
		fputs("usage: tcppipe receive PORT | send ADDRESS PORT\n", stderr);
		return 2;
	}
	return 0;
}
