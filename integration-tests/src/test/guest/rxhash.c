// SPDX-License-Identifier: Apache-2.0
/*
 * Shows what the guest's driver recorded about each received packet: the receive queue and the RSS hash.
 *
 *     rxhash INTERFACE
 *
 * prints "READY" once it sees packets, then a line for each packet received until it is killed:
 *
 *     PKT rxq=2 hash=a6c2f7fa len=47 udp4 10.9.0.1:4001 > 10.9.0.2:777
 *
 * The hash is skb->hash as the driver left it, read by an eBPF socket filter. An AF_PACKET ring (tp_rxhash) would not
 * do: it calls skb_get_hash(), which makes a hash of the kernel's own where the device reported none.
 * rxq is -1 for a packet without a recorded receive queue.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_ATTACH_BPF
#define SO_ATTACH_BPF 50
#endif

enum { RING_BYTES = 1 << 20, FRAME_BYTES = 64 };

/* What the filter writes to the ring for each packet. The filter builds it on its stack, at the frame pointer - 80. */
struct record {
	uint32_t hash;
	uint32_t queue_mapping; /* receive queue + 1; 0: none recorded */
	uint32_t length;
	uint32_t packet_type;
	uint8_t frame[FRAME_BYTES];
};

enum { RECORD = -(int)sizeof(struct record), FRAME = RECORD + (int)offsetof(struct record, frame) };
_Static_assert(sizeof(struct record) == 80, "no padding: the verifier refuses uninitialised stack");

static void die(const char *what)
{
	fprintf(stderr, "rxhash: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int bpf(int command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int create_ring(void)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.map_type = BPF_MAP_TYPE_RINGBUF;
	a.max_entries = RING_BYTES;
	int ring = bpf(BPF_MAP_CREATE, &a);
	if (ring < 0)
		die("cannot create the ring buffer");
	return ring;
}

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (short)(o), .imm = (i) })
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD_IMM(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define ZERO_STACK(o) INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, o, 0)
#define LOAD_FIELD(d, field) INSN(BPF_LDX | BPF_MEM | BPF_W, d, 6, offsetof(struct __sk_buff, field), 0)
#define STORE_FIELD(s, field) INSN(BPF_STX | BPF_MEM | BPF_W, 10, s, RECORD + (int)offsetof(struct record, field), 0)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)

static int load_filter(int ring)
{
	struct bpf_insn program[] = {
		MOV_REG(6, 1), /* r6 = the packet */
		ZERO_STACK(FRAME), ZERO_STACK(FRAME + 8), ZERO_STACK(FRAME + 16), ZERO_STACK(FRAME + 24),
		ZERO_STACK(FRAME + 32), ZERO_STACK(FRAME + 40), ZERO_STACK(FRAME + 48), ZERO_STACK(FRAME + 56),
		LOAD_FIELD(2, hash), STORE_FIELD(2, hash),
		LOAD_FIELD(2, queue_mapping), STORE_FIELD(2, queue_mapping),
		LOAD_FIELD(2, pkt_type), STORE_FIELD(2, packet_type),
		LOAD_FIELD(4, len), STORE_FIELD(4, length),
		/* r4 = min(len, FRAME_BYTES); nothing to copy from an empty packet, which the verifier wants to see */
		INSN(BPF_JMP | BPF_JLE | BPF_K, 4, 0, 1, FRAME_BYTES), MOV_IMM(4, FRAME_BYTES),
		INSN(BPF_JMP | BPF_JLT | BPF_K, 4, 0, 5, 1),
		MOV_REG(1, 6), MOV_IMM(2, 0), MOV_REG(3, 10), ADD_IMM(3, FRAME), CALL(BPF_FUNC_skb_load_bytes),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, ring), INSN(0, 0, 0, 0, 0),
		MOV_REG(2, 10), ADD_IMM(2, RECORD), MOV_IMM(3, sizeof(struct record)), MOV_IMM(4, 0),
		CALL(BPF_FUNC_ringbuf_output),
		MOV_IMM(0, 0), /* keep nothing for the socket itself */
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char log[1 << 16];
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	a.insns = (uintptr_t)program;
	a.insn_cnt = sizeof program / sizeof *program;
	a.license = (uintptr_t) "GPL";
	a.log_buf = (uintptr_t)log;
	a.log_size = sizeof log;
	a.log_level = 1;
	int filter = bpf(BPF_PROG_LOAD, &a);
	if (filter < 0) {
		fputs(log, stderr);
		die("cannot load the filter");
	}
	return filter;
}

static void listen_on(const char *interface, int filter)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	address.sll_ifindex = (int)if_nametoindex(interface);
	if (!address.sll_ifindex)
		die(interface);
	/* Protocol 0: nothing arrives before the filter is in place. */
	int s = socket(AF_PACKET, SOCK_RAW, 0);
	if (s < 0)
		die("cannot open a packet socket");
	if (setsockopt(s, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof filter))
		die("cannot attach the filter");
	if (bind(s, (struct sockaddr *)&address, sizeof address))
		die("cannot bind");
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void print_record(const struct record *r)
{
	char source[INET6_ADDRSTRLEN] = "?", destination[INET6_ADDRSTRLEN] = "?";
	const char *kind = "other";
	const uint8_t *frame = r->frame, *ports = NULL;
	unsigned type = be16(frame + 12);

	if (type == ETH_P_IP) {
		const uint8_t *ip = frame + ETH_HLEN;
		inet_ntop(AF_INET, ip + 12, source, sizeof source);
		inet_ntop(AF_INET, ip + 16, destination, sizeof destination);
		kind = ip[9] == IPPROTO_TCP ? "tcp4" : ip[9] == IPPROTO_UDP ? "udp4" : ip[9] == IPPROTO_ICMP ? "icmp4" : "ip4";
		if (ip[9] == IPPROTO_TCP || ip[9] == IPPROTO_UDP)
			ports = ip + (ip[0] & 15) * 4;
	} else if (type == ETH_P_IPV6) {
		const uint8_t *ip = frame + ETH_HLEN;
		inet_ntop(AF_INET6, ip + 8, source, sizeof source);
		inet_ntop(AF_INET6, ip + 24, destination, sizeof destination);
		kind = ip[6] == IPPROTO_TCP ? "tcp6" : ip[6] == IPPROTO_UDP ? "udp6" : ip[6] == IPPROTO_ICMPV6 ? "icmp6" : "ip6";
		if (ip[6] == IPPROTO_TCP || ip[6] == IPPROTO_UDP)
			ports = ip + 40;
	} else if (type == ETH_P_ARP) {
		kind = "arp";
	}
	if (ports && ports + 4 > frame + FRAME_BYTES)
		ports = NULL;
	printf("PKT rxq=%d hash=%08x len=%u %s %s:%u > %s:%u\n", (int)r->queue_mapping - 1, r->hash, r->length, kind, source,
	       ports ? be16(ports) : 0, destination, ports ? be16(ports + 2) : 0);
}

/* The ring buffer's consumer side: a page with our position, a page with the producer's, then the data mapped twice. */
static void print_packets(int ring)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t *consumer = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	uint8_t *producer = mmap(NULL, (size_t)page + 2 * RING_BYTES, PROT_READ, MAP_SHARED, ring, page);
	if (consumer == MAP_FAILED || producer == MAP_FAILED)
		die("cannot map the ring buffer");
	const uint8_t *data = producer + page;
	uint64_t position = 0;
	struct pollfd wait = { .fd = ring, .events = POLLIN };

	for (;;) {
		/* The time limit is for a wake-up lost between the last look and the wait. */
		poll(&wait, 1, 100);
		while (position < __atomic_load_n((uint64_t *)producer, __ATOMIC_ACQUIRE)) {
			const uint8_t *entry = data + (position & (RING_BYTES - 1));
			uint32_t length = __atomic_load_n((const uint32_t *)entry, __ATOMIC_ACQUIRE);
			if (length & BPF_RINGBUF_BUSY_BIT)
				break;
			const struct record *r = (const struct record *)(entry + BPF_RINGBUF_HDR_SZ);
			if (!(length & BPF_RINGBUF_DISCARD_BIT) && r->packet_type != PACKET_OUTGOING)
				print_record(r);
			length &= ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
			position += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
			__atomic_store_n(consumer, position, __ATOMIC_RELEASE);
		}
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: rxhash INTERFACE\n");
		return 2;
	}
	int ring = create_ring();
	listen_on(argv[1], load_filter(ring));
	puts("READY");
	fflush(stdout);
	print_packets(ring);
}
