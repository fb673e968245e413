// SPDX-License-Identifier: Apache-2.0
/** ringtap as an image: built, run with the privileges it needs and without, and driven from outside. */
package dev.ringtap.it.container;
