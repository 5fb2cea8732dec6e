/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rtc.h"

#include <glib.h>
#include <string.h>

#include "rtc_time.h"

#define SECOND_US     1000000
#define OFFSET_MAX_US (INT64_C(10000) * 366 * 86400 * SECOND_US)
/* How long the alarm's timer sleeps at most: the host's time may be set meanwhile. */
#define NAP_MAX_US INT64_C(60000000)

enum {
	RTC_SECONDS = 0,
	RTC_SECONDS_ALARM,
	RTC_MINUTES,
	RTC_MINUTES_ALARM,
	RTC_HOURS,
	RTC_HOURS_ALARM,
	RTC_WEEKDAY,
	RTC_DAY,
	RTC_MONTH,
	RTC_YEAR,
	RTC_A,
	RTC_B,
	RTC_C,
	RTC_D,
	RTC_RAM, /* the first byte of it */
};

enum {
	A_RATE = 0x0f,
	A_DIVIDER_32KHZ = 0x20,
	A_DIVIDER_RESET = 0x60, /* 11x: the divider chain is held at its beginning */
	A_UIP = 0x80,

	B_24H = 0x02,
	B_BINARY = 0x04,
	B_SQWE = 0x08,
	B_UIE = 0x10,
	B_AIE = 0x20,
	B_PIE = 0x40,
	B_SET = 0x80,

	C_UF = 0x10, /* each at the place of its enable bit in B */
	C_AF = 0x20,
	C_PF = 0x40,
	C_IRQF = 0x80,
	C_FLAGS = C_UF | C_AF | C_PF,

	D_VALID = 0x80,
};

/* UIP comes on at least this long before the registers change (data sheet, t_BUC). */
#define UIP_US 244

struct rtc {
	struct irq_line irq;
	struct device_clock clock;
	struct device_timer *timer;

	GMutex lock;	    /* all below */
	int64_t offset_us;  /* clock minus the host's real time; gives the phase also while held */
	int64_t flagged_us; /* clock time up to which the flags are complete */
	bool held;	    /* SET, or the divider in reset: the calendar stands still in ram[] */
	uint8_t weekday_shift; /* the weekday is a counter of its own, 0..6 beyond the date's */
	uint8_t index;
	bool line, armed;
	uint8_t ram[RTC_CMOS_SIZE]; /* calendar bytes are good only while held; UIP and IRQF never
				     */
};

/* ---- time ------------------------------------------------------------------------------------ */

static struct rtc_format rtc_format(const struct rtc *rtc)
{
	return (struct rtc_format){
		.binary = rtc->ram[RTC_B] & B_BINARY,
		.hours24 = rtc->ram[RTC_B] & B_24H,
	};
}

static int64_t rtc_real_us(const struct rtc *rtc)
{
	return rtc->clock.realtime_ns(rtc->clock.context) / 1000;
}

static int64_t rtc_now_us(const struct rtc *rtc)
{
	return rtc_real_us(rtc) + rtc->offset_us;
}

/* Rounding down, for times before the epoch too. */
static int64_t floor_seconds(int64_t us)
{
	return us / SECOND_US - (us % SECOND_US < 0 ? 1 : 0);
}

static int64_t floor_phase(int64_t us)
{
	return us - floor_seconds(us) * SECOND_US;
}

static bool rtc_divider_held(uint8_t a)
{
	return (a & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

static void rtc_latch_calendar(struct rtc *rtc)
{
	int64_t seconds = floor_seconds(rtc_now_us(rtc));
	struct rtc_fields fields;

	rtc_fields_from_seconds(&fields, seconds, rtc_format(rtc));
	rtc->ram[RTC_SECONDS] = fields.second;
	rtc->ram[RTC_MINUTES] = fields.minute;
	rtc->ram[RTC_HOURS] = fields.hour;
	rtc->ram[RTC_WEEKDAY] =
		(uint8_t)((rtc_weekday(seconds) - 1u + rtc->weekday_shift) % 7u + 1u);
	rtc->ram[RTC_DAY] = fields.day;
	rtc->ram[RTC_MONTH] = fields.month;
	rtc->ram[RTC_YEAR] = fields.year;
	rtc->ram[RTC_CENTURY] = fields.century;
}

/* The calendar goes on from what ram[] says, in the same fraction of a second. */
static void rtc_release_calendar(struct rtc *rtc)
{
	const struct rtc_fields fields = {
		.second = rtc->ram[RTC_SECONDS],
		.minute = rtc->ram[RTC_MINUTES],
		.hour = rtc->ram[RTC_HOURS],
		.day = rtc->ram[RTC_DAY],
		.month = rtc->ram[RTC_MONTH],
		.year = rtc->ram[RTC_YEAR],
		.century = rtc->ram[RTC_CENTURY],
	};
	int64_t seconds = rtc_fields_to_seconds(&fields, rtc_format(rtc));
	int64_t real = rtc_real_us(rtc);

	rtc->offset_us = seconds * SECOND_US + floor_phase(real + rtc->offset_us) - real;
	rtc->weekday_shift = (uint8_t)((rtc->ram[RTC_WEEKDAY] + 7u - rtc_weekday(seconds)) % 7u);
	rtc->flagged_us = rtc_now_us(rtc);
}

static bool rtc_is_held(const struct rtc *rtc)
{
	return (rtc->ram[RTC_B] & B_SET) || rtc_divider_held(rtc->ram[RTC_A]);
}

/* After a change of register A or B: stops or starts the calendar. */
static void rtc_update_held(struct rtc *rtc)
{
	bool held = rtc_is_held(rtc);

	if (held && !rtc->held)
		rtc_latch_calendar(rtc);
	else if (!held && rtc->held)
		rtc_release_calendar(rtc);
	rtc->held = held;
}

/* ---- flags and interrupts -------------------------------------------------------------------- */

/* Periodic flags a second, 0: none (data sheet, table 5, time base 32.768 kHz). */
static int64_t rtc_rate(const struct rtc *rtc)
{
	unsigned int select = rtc->ram[RTC_A] & A_RATE;

	if (select == 0 || rtc_divider_held(rtc->ram[RTC_A]))
		return 0;
	return 32768 >> ((select <= 2 ? select + 7 : select) - 1);
}

static int64_t rtc_ticks(int64_t us, int64_t rate)
{
	return floor_seconds(us) * rate + floor_phase(us) * rate / SECOND_US;
}

static int64_t rtc_next_tick(int64_t us, int64_t rate)
{
	int64_t in_second = floor_phase(us) * rate / SECOND_US + 1;

	return floor_seconds(us) * SECOND_US + (in_second * SECOND_US + rate - 1) / rate;
}

static int64_t rtc_next_alarm(const struct rtc *rtc, int64_t after)
{
	return rtc_alarm_next(rtc->ram[RTC_SECONDS_ALARM], rtc->ram[RTC_MINUTES_ALARM],
			      rtc->ram[RTC_HOURS_ALARM], rtc_format(rtc), after);
}

/* Sets the flags of what happened since the last call. */
static void rtc_catch_up(struct rtc *rtc)
{
	int64_t now = rtc_now_us(rtc), then = rtc->flagged_us, rate = rtc_rate(rtc);

	rtc->flagged_us = now;
	if (now <= then) /* the host's time was set back */
		return;
	if (!rtc->held && floor_seconds(now) != floor_seconds(then)) {
		rtc->ram[RTC_C] |= C_UF;
		if (rtc_next_alarm(rtc, floor_seconds(then)) <= floor_seconds(now))
			rtc->ram[RTC_C] |= C_AF;
	}
	if (rate && rtc_ticks(now, rate) != rtc_ticks(then, rate))
		rtc->ram[RTC_C] |= C_PF;
}

/* When the next flag that would interrupt comes on; INT64_MAX: none. */
static int64_t rtc_next_interrupt(const struct rtc *rtc)
{
	uint8_t awaited = rtc->ram[RTC_B] & C_FLAGS & ~rtc->ram[RTC_C];
	int64_t now = rtc->flagged_us, next = INT64_MAX, rate = rtc_rate(rtc);

	if ((awaited & C_PF) && rate)
		next = rtc_next_tick(now, rate);
	if (rtc->held)
		return next;
	if (awaited & C_UF)
		next = MIN(next, (floor_seconds(now) + 1) * SECOND_US);
	if (awaited & C_AF) {
		int64_t alarm = rtc_next_alarm(rtc, floor_seconds(now));

		if (alarm < INT64_MAX)
			next = MIN(next, alarm * SECOND_US);
	}
	return next;
}

/* After any change: the line, and the timer for what comes next. */
static void rtc_update(struct rtc *rtc)
{
	bool level = rtc->ram[RTC_B] & rtc->ram[RTC_C] & C_FLAGS;
	int64_t next = level ? INT64_MAX : rtc_next_interrupt(rtc);

	if (level != rtc->line) {
		rtc->line = level;
		rtc->irq.set(rtc->irq.context, level);
	}
	if (next < INT64_MAX) {
		next = MIN(next - rtc->flagged_us, NAP_MAX_US);
		rtc->clock.timer_arm(rtc->timer, rtc->clock.monotonic_ns(rtc->clock.context) +
							 (uint64_t)next * 1000u);
		rtc->armed = true;
	} else if (rtc->armed) {
		rtc->clock.timer_disarm(rtc->timer);
		rtc->armed = false;
	}
}

static void rtc_expired(void *device)
{
	struct rtc *rtc = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rtc->lock);

	rtc_catch_up(rtc);
	rtc_update(rtc);
}

/* ---- registers ------------------------------------------------------------------------------- */

static bool rtc_is_calendar(uint8_t index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

static uint8_t rtc_read_register(struct rtc *rtc, uint8_t index)
{
	uint8_t value;

	if (rtc_is_calendar(index) && !rtc->held)
		rtc_latch_calendar(rtc);
	value = rtc->ram[index];
	switch (index) {
	case RTC_A:
		if (!rtc->held && floor_phase(rtc->flagged_us) >= SECOND_US - UIP_US)
			value |= A_UIP;
		break;
	case RTC_C:
		if (rtc->ram[RTC_B] & value)
			value |= C_IRQF;
		rtc->ram[RTC_C] = 0;
		break;
	default:
		break;
	}
	return value;
}

static void rtc_write_a(struct rtc *rtc, uint8_t value)
{
	bool restarted = rtc_divider_held(rtc->ram[RTC_A]) && !rtc_divider_held(value);

	rtc->ram[RTC_A] = value & (uint8_t)~A_UIP;
	/* The first update comes half a second after the divider starts (data sheet, "DV"). */
	if (restarted)
		rtc->offset_us += SECOND_US / 2 - floor_phase(rtc_now_us(rtc));
	rtc_update_held(rtc);
	rtc->flagged_us = rtc_now_us(rtc);
}

static void rtc_write_register(struct rtc *rtc, uint8_t index, uint8_t value)
{
	switch (index) {
	case RTC_A:
		rtc_write_a(rtc, value);
		return;
	case RTC_B:
		if (value & B_SET) /* (data sheet, "UIE") */
			value &= (uint8_t)~B_UIE;
		rtc->ram[RTC_B] = value;
		rtc_update_held(rtc);
		return;
	case RTC_C:
	case RTC_D:
		return; /* read-only */
	default:
		break;
	}
	if (!rtc_is_calendar(index) || rtc->held) {
		rtc->ram[index] = value;
		return;
	}
	rtc_latch_calendar(rtc);
	rtc->ram[index] = value;
	rtc_release_calendar(rtc);
}

static uint64_t rtc_read(void *device, uint64_t offset, unsigned int size G_GNUC_UNUSED)
{
	struct rtc *rtc = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = NULL;
	uint8_t value;

	if (offset == 0) /* the index is write-only */
		return 0xff;
	locker = g_mutex_locker_new(&rtc->lock);
	rtc_catch_up(rtc);
	value = rtc_read_register(rtc, rtc->index);
	rtc_update(rtc);
	return value;
}

static void rtc_write(void *device, uint64_t offset, unsigned int size G_GNUC_UNUSED,
		      uint64_t value)
{
	struct rtc *rtc = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rtc->lock);

	if (offset == 0) {
		rtc->index = value & 0x7f;
		return;
	}
	rtc_catch_up(rtc);
	rtc_write_register(rtc, rtc->index, (uint8_t)value);
	rtc_update(rtc);
}

const struct io_ops rtc_ops = {.read = rtc_read, .write = rtc_write, .width = 1};

/* ---- life ------------------------------------------------------------------------------------ */

int64_t rtc_offset_us(struct rtc *rtc)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rtc->lock);

	return rtc->offset_us;
}

void rtc_set_cmos(struct rtc *rtc, uint8_t index, uint8_t value)
{
	g_return_if_fail(index >= RTC_RAM && index < RTC_CMOS_SIZE && index != RTC_CENTURY);
	rtc->ram[index] = value;
}

void rtc_reset(struct rtc *rtc)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rtc->lock);

	rtc->ram[RTC_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	rtc->ram[RTC_C] = 0;
	rtc_update(rtc);
}

void rtc_save(struct rtc *rtc, struct state_writer *writer)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rtc->lock);

	/* What this flags is driven by who takes it up. */
	rtc_catch_up(rtc);
	state_begin(writer, "rtc", 1);
	state_put_u64(writer, (uint64_t)rtc->offset_us);
	state_put_u64(writer, (uint64_t)rtc->flagged_us);
	state_put_u8(writer, rtc->weekday_shift);
	state_put_u8(writer, rtc->index);
	state_put_bool(writer, rtc->line);
	state_put_bytes(writer, rtc->ram, sizeof(rtc->ram));
	state_end(writer);
}

/* Times of which differences and sums fit. */
static int64_t rtc_get_time(struct state_reader *reader)
{
	int64_t us = (int64_t)state_get_u64(reader);

	if (us >= -2 * OFFSET_MAX_US && us <= 2 * OFFSET_MAX_US)
		return us;
	state_fail(reader, "a time out of reach");
	return 0;
}

static void rtc_read_state(struct rtc *rtc, struct state_reader *reader)
{
	rtc->offset_us = rtc_get_time(reader);
	rtc->flagged_us = rtc_get_time(reader);
	rtc->weekday_shift = state_get_u8(reader);
	rtc->index = state_get_u8(reader);
	rtc->line = state_get_bool(reader);
	state_get_bytes(reader, rtc->ram, sizeof(rtc->ram));
	if (rtc->weekday_shift > 6 || rtc->index >= RTC_CMOS_SIZE || (rtc->ram[RTC_A] & A_UIP) ||
	    (rtc->ram[RTC_C] & ~C_FLAGS) || rtc->ram[RTC_D] != D_VALID)
		state_fail(reader, "registers as no clock has them");
	state_leave(reader);
}

bool rtc_restore(struct rtc *rtc, struct state_reader *reader)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&rtc->lock);

	if (!state_enter(reader, "rtc", 1))
		return false;
	rtc_read_state(rtc, reader);
	if (!state_ok(reader))
		return false;
	rtc->held = rtc_is_held(rtc);
	rtc_catch_up(rtc);
	rtc_update(rtc);
	return true;
}

struct rtc *rtc_new(const struct rtc_config *config)
{
	struct rtc *rtc = g_new0(struct rtc, 1);

	rtc->irq = config->irq;
	rtc->clock = config->clock;
	g_mutex_init(&rtc->lock);
	rtc->timer = rtc->clock.timer_new(rtc->clock.context, rtc_expired, rtc);
	rtc->offset_us = CLAMP(config->offset_us, -OFFSET_MAX_US, OFFSET_MAX_US);
	rtc->flagged_us = rtc_now_us(rtc);
	rtc->ram[RTC_A] = A_DIVIDER_32KHZ | 0x06; /* 1024 Hz, as a PC's firmware leaves it */
	rtc->ram[RTC_B] = B_24H;
	rtc->ram[RTC_D] = D_VALID;
	return rtc;
}

void rtc_free(struct rtc *rtc)
{
	if (!rtc)
		return;
	rtc->clock.timer_free(rtc->timer);
	g_mutex_clear(&rtc->lock);
	g_free(rtc);
}
