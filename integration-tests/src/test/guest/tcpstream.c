// SPDX-License-Identifier: Apache-2.0
/*
 * One end of a TCP transfer whose every byte is known beforehand:
 *
 *     tcpstream send ADDRESS PORT SEED BYTES    connects and sends the stream of this seed
 *     tcpstream receive PORT SEED BYTES         accepts one connection (IPv4 or IPv6) and compares what comes
 *
 * The stream's eight bytes at offset 8 i are the number i of the SplitMix64 sequence of the seed, least significant byte
 * first. The receiver prints "LISTENING" once a peer may connect. Exit status 0 if all bytes passed, unchanged and no
 * more; else the first difference is named. In one process, since a pipe costs User-Mode Linux more than the transfer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 16 };

static uint8_t expected[PIECE_BYTES], got[PIECE_BYTES];

static void die(const char *what)
{
	fprintf(stderr, "tcpstream: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void fill(uint64_t seed, uint64_t offset)
{
	for (size_t i = 0; i < PIECE_BYTES; i += 8) {
		uint64_t word = seed + ((offset + i) / 8 + 1) * 0x9E3779B97F4A7C15u;
		word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
		word = (word ^ word >> 27) * 0x94D049BB133111EBu;
		word ^= word >> 31;
		memcpy(expected + i, &word, 8); /* x86: least significant byte first */
	}
}

static size_t piece(uint64_t done, uint64_t bytes)
{
	return bytes - done < PIECE_BYTES ? (size_t)(bytes - done) : PIECE_BYTES;
}

static void send_stream(int connection, uint64_t seed, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += PIECE_BYTES) {
		size_t length = piece(done, bytes);
		fill(seed, done);
		for (size_t sent = 0; sent < length;) {
			ssize_t put = write(connection, expected + sent, length - sent);
			if (put < 0)
				die("write");
			sent += (size_t)put;
		}
	}
	/* The peer's end of stream says that it has read all. */
	if (shutdown(connection, SHUT_WR) || read(connection, got, 1) != 0)
		die("the peer has not taken everything");
}

static void compare_stream(int connection, uint64_t seed, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += PIECE_BYTES) {
		size_t length = piece(done, bytes);
		ssize_t come = recv(connection, got, length, MSG_WAITALL);
		if (come < 0)
			die("read");
		fill(seed, done);
		for (size_t i = 0; i < (size_t)come; i++) {
			if (got[i] != expected[i]) {
				printf("byte %llu is %02x, not %02x\n", (unsigned long long)(done + i), got[i], expected[i]);
				exit(1);
			}
		}
		if ((size_t)come < length) {
			printf("ended after %llu bytes\n", (unsigned long long)(done + (size_t)come));
			exit(1);
		}
	}
	if (read(connection, got, 1) != 0) {
		printf("more than %llu bytes\n", (unsigned long long)bytes);
		exit(1);
	}
	printf("%llu bytes as sent\n", (unsigned long long)bytes);
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
	puts("LISTENING");
	fflush(stdout);
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
		fprintf(stderr, "tcpstream: not an address: %s\n", address);
		exit(1);
	}
	int connection = socket(AF_INET6, SOCK_STREAM, 0);
	if (connection < 0 || connect(connection, (struct sockaddr *)&peer, sizeof peer))
		die("connect");
	return connection;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "receive")) {
		compare_stream(accept_one(atoi(argv[2])), strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	} else if (argc == 6 && !strcmp(argv[1], "send")) {
		send_stream(connect_to(argv[2], atoi(argv[3])), strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
	} else {
		fputs("usage: tcpstream receive PORT SEED BYTES | send ADDRESS PORT SEED BYTES\n", stderr);
		return 2;
	}
	return 0;
}
