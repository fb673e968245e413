// SPDX-License-Identifier: Apache-2.0
/** {@code ringtap guest}: the fake guest alone, on any vhost-user back-end. */
package dev.ringtap.cli.guest;
