/* SPDX-License-Identifier: Apache-2.0 */
/* A program in every kind of section. */
#include "program.h"

#define PROGRAM(section, name, answer) SEC(section) int name(struct __sk_buff *skb) { return skb->len * 0 + answer; }

PROGRAM("socket", plain, 1)
PROGRAM("socket/named", named, 2)
PROGRAM("tc", at_tc, 0)
PROGRAM("tc/egress", at_tc_egress, 0)
PROGRAM("tcx/egress", at_tcx_egress, 0)
PROGRAM("tcx/ingress", at_tcx_ingress, 0)
PROGRAM("classifier", classify, 0)
PROGRAM("classifier/one", classify_one, 0)
PROGRAM("action", act, 0)
PROGRAM("vnet_hash", report, 3)
PROGRAM("vnet_hash/toeplitz", report_toeplitz, 4)
