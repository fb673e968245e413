/** eventfd(2): kicks and calls between a front-end and a back-end. */
package dev.ringtap.linux.event;
