/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pm.h"

#include <glib.h>

#define PM_TIMER_HZ 3579545u
/* Of the timer in a saved state, so that no deadline wraps: 146 years. */
#define ELAPSED_MAX_NS ((uint64_t)INT64_MAX / 2)

enum { /* PM1 status and enable */
       PM1_TIMER = 0x0001,
       PM1_GLOBAL = 0x0020,
       PM1_POWER_BUTTON = 0x0100,
       PM1_SLEEP_BUTTON = 0x0200,
       PM1_RTC = 0x0400,
       PM1_WAKE = 0x8000, /* status only */
       PM1_ENABLES = PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC,
};

enum { /* PM1 control */
       PM1_SCI_ENABLE = 0x0001,
       PM1_BUS_MASTER_RELOAD = 0x0002,
       PM1_SLEEP_TYPE = 0x1c00,
       PM1_SLEEP_TYPE_SHIFT = 10,
       PM1_SLEEP = 0x2000, /* write-only, as is GBL_RLS (bit 2), which nobody hears */
       PM1_CONTROL_KEPT = PM1_BUS_MASTER_RELOAD | PM1_SLEEP_TYPE,
};

struct pm {
	struct pm_config config; /* constant */
	struct device_timer *timer;
	uint64_t started_ns;

	GMutex lock; /* all below */
	uint16_t status, enable, control;
	uint32_t gpe_status, gpe_enable;
	uint64_t half_turns; /* of the timer, up to which TMR_STS is complete */
	bool line, armed;
};

/* ---- timer ----------------------------------------------------------------------------------- */

/* Ticks since the start. Split, for nanoseconds times the frequency leave 64 bits in 1.4 hours. */
static uint64_t pm_ticks(const struct pm *pm)
{
	uint64_t ns = pm->config.clock.monotonic_ns(pm->config.clock.context) - pm->started_ns;

	return ns / 1000000000u * PM_TIMER_HZ + ns % 1000000000u * PM_TIMER_HZ / 1000000000u;
}

/* The moment at which pm_ticks reaches `ticks`. */
static uint64_t pm_moment(const struct pm *pm, uint64_t ticks)
{
	return pm->started_ns + ticks / PM_TIMER_HZ * 1000000000u +
	       (ticks % PM_TIMER_HZ * 1000000000u + PM_TIMER_HZ - 1) / PM_TIMER_HZ;
}

/* TMR_STS comes on whenever the counter's top bit turns (4.8.3.1). */
static void pm_catch_up(struct pm *pm)
{
	uint64_t half_turns = pm_ticks(pm) >> 31;

	if (half_turns != pm->half_turns)
		pm->status |= PM1_TIMER;
	pm->half_turns = half_turns;
}

/* ---- SCI ------------------------------------------------------------------------------------- */

/* After any change: the line, and the timer if its event is awaited. */
static void pm_update(struct pm *pm)
{
	bool level = (pm->status & pm->enable) || (pm->gpe_status & pm->gpe_enable);

	if (level != pm->line) {
		pm->line = level;
		pm->config.sci.set(pm->config.sci.context, level);
	}
	if (pm->enable & ~pm->status & PM1_TIMER) {
		pm->config.clock.timer_arm(pm->timer, pm_moment(pm, (pm->half_turns + 1) << 31));
		pm->armed = true;
	} else if (pm->armed) {
		pm->config.clock.timer_disarm(pm->timer);
		pm->armed = false;
	}
}

static void pm_expired(void *device)
{
	struct pm *pm = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	pm_catch_up(pm);
	pm_update(pm);
}

bool pm_power_button(struct pm *pm)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	pm->status |= PM1_POWER_BUTTON;
	pm_update(pm);
	return pm->enable & PM1_POWER_BUTTON;
}

void pm_raise_event(struct pm *pm, unsigned int event)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	g_return_if_fail(event < 32);
	pm->gpe_status |= UINT32_C(1) << event;
	pm_update(pm);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* SLP_EN: S5 turns the machine off, and so does S4, for what it goes on from is on the guest's
 * disk. There is no other sleep: from one that the tables do not offer the machine wakes at once.
 */
static void pm_sleep(struct pm *pm, uint16_t control)
{
	const struct machine_requests *requests = &pm->config.requests;

	switch ((control & PM1_SLEEP_TYPE) >> PM1_SLEEP_TYPE_SHIFT) {
	case PM_SLP_TYP_S4:
		requests->request(requests->context, MACHINE_POWER_OFF, "ACPI S4");
		break;
	case PM_SLP_TYP_S5:
		requests->request(requests->context, MACHINE_POWER_OFF, "ACPI S5");
		break;
	default:
		pm->status |= PM1_WAKE;
	}
}

/* Blocks are accessed in any width, so registers are seen as the words that an access covers. */
struct pm_word {
	uint32_t value, mask;
};

/* The part of a write to [offset, offset + size) that falls upon [first, first + bytes). */
static struct pm_word pm_slice(uint64_t offset, unsigned int size, uint64_t value,
			       unsigned int first, unsigned int bytes)
{
	struct pm_word word = {};

	for (unsigned int i = 0; i < size; i++) {
		uint64_t at = offset + i;

		if (at < first || at >= first + bytes)
			continue;
		word.mask |= 0xffu << (8 * (at - first));
		word.value |= (uint32_t)(value >> (8 * i) & 0xff) << (8 * (at - first));
	}
	return word;
}

static uint64_t pm_fixed_read(void *device, uint64_t offset, unsigned int size G_GNUC_UNUSED)
{
	struct pm *pm = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = NULL;
	uint32_t control;

	if (offset >= PM_TIMER) /* guests read it in loops; it needs no lock */
		return (uint32_t)pm_ticks(pm) >> (8 * (offset - PM_TIMER));
	locker = g_mutex_locker_new(&pm->lock);
	control = pm->control | PM1_SCI_ENABLE;
	if (offset >= PM_CONTROL)
		return control >> (8 * (offset - PM_CONTROL));
	pm_catch_up(pm);
	pm_update(pm);
	/* a long access to the status block ends with the control block's beginning */
	return (pm->status | (uint64_t)pm->enable << 16 | (uint64_t)control << 32) >> (8 * offset);
}

static void pm_fixed_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pm *pm = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);
	struct pm_word status = pm_slice(offset, size, value, PM_EVENT, 2);
	struct pm_word enable = pm_slice(offset, size, value, PM_EVENT + 2, 2);
	struct pm_word control = pm_slice(offset, size, value, PM_CONTROL, 2);

	pm_catch_up(pm);
	pm->status &= (uint16_t)~status.value;
	pm->enable = (uint16_t)((pm->enable & ~enable.mask) | (enable.value & PM1_ENABLES));
	pm->control =
		(uint16_t)((pm->control & ~control.mask) | (control.value & PM1_CONTROL_KEPT));
	if (control.value & PM1_SLEEP)
		pm_sleep(pm, pm->control);
	pm_update(pm);
}

static uint64_t pm_gpe_read(void *device, uint64_t offset, unsigned int size G_GNUC_UNUSED)
{
	struct pm *pm = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	return (pm->gpe_status | (uint64_t)pm->gpe_enable << 32) >> (8 * offset);
}

static void pm_gpe_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pm *pm = device;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);
	struct pm_word status = pm_slice(offset, size, value, 0, 4);
	struct pm_word enable = pm_slice(offset, size, value, 4, 4);

	pm->gpe_status &= ~status.value;
	pm->gpe_enable = (pm->gpe_enable & ~enable.mask) | enable.value;
	pm_update(pm);
}

const struct io_ops pm_fixed_ops = {.read = pm_fixed_read, .write = pm_fixed_write};
const struct io_ops pm_gpe_ops = {.read = pm_gpe_read, .write = pm_gpe_write};

/* ---- life ------------------------------------------------------------------------------------ */

void pm_reset(struct pm *pm)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	pm->status = pm->enable = pm->control = 0;
	pm->gpe_status = pm->gpe_enable = 0;
	pm->half_turns = pm_ticks(pm) >> 31;
	pm_update(pm);
}

void pm_save(struct pm *pm, struct state_writer *writer)
{
	const struct device_clock *clock = &pm->config.clock;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	/* So that the half turns follow from the timer; who takes it up drives the line. */
	pm_catch_up(pm);
	state_begin(writer, "pm", 1);
	state_put_u64(writer, clock->monotonic_ns(clock->context) - pm->started_ns);
	state_put_u16(writer, pm->status);
	state_put_u16(writer, pm->enable);
	state_put_u16(writer, pm->control);
	state_put_u32(writer, pm->gpe_status);
	state_put_u32(writer, pm->gpe_enable);
	state_put_bool(writer, pm->line);
	state_end(writer);
}

static void pm_read_state(struct pm *pm, struct state_reader *reader)
{
	const struct device_clock *clock = &pm->config.clock;
	uint64_t elapsed_ns = state_get_u64(reader);

	pm->status = state_get_u16(reader);
	pm->enable = state_get_u16(reader);
	pm->control = state_get_u16(reader);
	pm->gpe_status = state_get_u32(reader);
	pm->gpe_enable = state_get_u32(reader);
	pm->line = state_get_bool(reader);
	if (elapsed_ns > ELAPSED_MAX_NS)
		state_fail(reader, "a timer that has run for too long");
	if ((pm->status & ~(PM1_ENABLES | PM1_WAKE)) || (pm->enable & ~PM1_ENABLES) ||
	    (pm->control & ~PM1_CONTROL_KEPT))
		state_fail(reader, "bits that no register has");
	state_leave(reader);
	pm->started_ns = clock->monotonic_ns(clock->context) - elapsed_ns;
}

bool pm_restore(struct pm *pm, struct state_reader *reader)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pm->lock);

	if (!state_enter(reader, "pm", 1))
		return false;
	pm_read_state(pm, reader);
	if (!state_ok(reader))
		return false;
	pm->half_turns = pm_ticks(pm) >> 31;
	pm_update(pm);
	return true;
}

struct pm *pm_new(const struct pm_config *config)
{
	struct pm *pm = g_new0(struct pm, 1);

	pm->config = *config;
	g_mutex_init(&pm->lock);
	pm->timer = config->clock.timer_new(config->clock.context, pm_expired, pm);
	pm->started_ns = config->clock.monotonic_ns(config->clock.context);
	return pm;
}

void pm_free(struct pm *pm)
{
	if (!pm)
		return;
	pm->config.clock.timer_free(pm->timer);
	g_mutex_clear(&pm->lock);
	g_free(pm);
}
