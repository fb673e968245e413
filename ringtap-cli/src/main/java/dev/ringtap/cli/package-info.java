/** The command line. */
package dev.ringtap.cli;
