/** The control queue, driver's side: commands with their acknowledgements. */
package dev.ringtap.guest.control;
