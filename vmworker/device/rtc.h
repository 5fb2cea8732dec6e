/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An MC146818A real-time clock with 128 bytes of CMOS RAM behind an index and a data port, century
 * in byte 0x32 (as the FADT says).
 *
 * The clock follows the host's real time plus an offset that the guest changes by setting the time.
 * The calendar is computed when it is read, the flags of register C when they are looked at; the
 * one timer runs only for the sake of enabled interrupts that are not asserted yet, so that a guest
 * that does not acknowledge costs nothing. Several periods that pass unseen are one interrupt.
 */
#ifndef RTC_H
#define RTC_H

#include <stdint.h>

#include "device_env.h"
#include "io_bus.h"
#include "state.h"

struct rtc;

#define RTC_PORTS     2u /* size of the region for rtc_ops: index, data */
#define RTC_CENTURY   0x32u
#define RTC_CMOS_SIZE 128u

struct rtc_config {
	struct irq_line irq; /* level: asserted while register C's IRQF is set */
	struct device_clock clock;
	int64_t offset_us; /* guest clock minus the host's UTC: 0, or the zone's for a guest that
			    * keeps local time; clamped to 10,000 years */
};

/* Main thread; config is copied. */
struct rtc *rtc_new(const struct rtc_config *config);
void rtc_free(struct rtc *rtc); /* NULL is fine; no VP may be in it */

/* For io_bus_add, with the RTC as the device. The NMI bit of the index port is ignored. */
extern const struct io_ops rtc_ops;

/* The current offset, to be kept over runs of the VM. Any thread. */
int64_t rtc_offset_us(struct rtc *rtc);

/* Presets a byte of CMOS RAM (index 0x0e..0x7f, not the century), before the VPs run. */
void rtc_set_cmos(struct rtc *rtc, uint8_t index, uint8_t value);

/* The RESET pin: interrupts are disabled, the time and the RAM stay. Any thread. */
void rtc_reset(struct rtc *rtc);

/* The clock goes on with the host's: what came due meanwhile is flagged, and interrupts. Otherwise
 * as of uart.h.
 */
void rtc_save(struct rtc *rtc, struct state_writer *writer);
bool rtc_restore(struct rtc *rtc, struct state_reader *reader);

#endif
