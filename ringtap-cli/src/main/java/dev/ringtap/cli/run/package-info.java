/** {@code ringtap run}: the emulator as a process of its own, with what it is doing on one screen. */
package dev.ringtap.cli.run;
