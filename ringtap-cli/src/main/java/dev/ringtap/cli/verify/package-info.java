/** {@code ringtap verify}: traffic of every kind against a device of its own, and a verdict on every packet. */
package dev.ringtap.cli.verify;
