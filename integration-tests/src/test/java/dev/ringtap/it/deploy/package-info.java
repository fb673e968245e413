// SPDX-License-Identifier: Apache-2.0
/** What is handed to others to deploy ringtap with. */
package dev.ringtap.it.deploy;
