/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fixed hardware of ACPI (ACPI 6.4, chapter 4.8): PM1a event and control blocks, the PM timer
 * with 32 bits, one general-purpose event block of 32 events, and the SCI that they share. The
 * machine is always in ACPI mode (SCI_EN reads 1, the FADT has no SMI command port).
 */
#ifndef PM_H
#define PM_H

#include "device_env.h"
#include "io_bus.h"
#include "state.h"

struct pm;

/* Offsets in the fixed region, for the FADT. */
#define PM_PORTS      12u /* size of the region for pm_fixed_ops */
#define PM_EVENT      0u  /* 4 bytes: status, enable */
#define PM_CONTROL    4u  /* 2 bytes */
#define PM_TIMER      8u  /* 4 bytes */
#define PM_GPE_PORTS  8u  /* size of the region for pm_gpe_ops: 4 bytes status, 4 bytes enable */
#define PM_SLP_TYP_S4 4u  /* what \_S4 must say */
#define PM_SLP_TYP_S5 5u  /* what \_S5 must say */

struct pm_config {
	struct irq_line sci; /* level */
	struct device_clock clock;
	struct machine_requests requests; /* MACHINE_POWER_OFF, "ACPI S5" or "ACPI S4", with the
					   * lock held */
};

/* Main thread; config is copied. */
struct pm *pm_new(const struct pm_config *config);
void pm_free(struct pm *pm); /* NULL is fine; no VP may be in it */

extern const struct io_ops pm_fixed_ops;
extern const struct io_ops pm_gpe_ops;

/* Presses the power button. false: nobody listens, for the guest has not enabled the event (it
 * stays pending for when it does). Any thread. */
bool pm_power_button(struct pm *pm);

/* Raises general-purpose event 0..31, as hot-plug does. Any thread. */
void pm_raise_event(struct pm *pm, unsigned int event);

/* As after power-on; the timer goes on. Any thread. */
void pm_reset(struct pm *pm);

/* As of uart.h. The timer goes on from what it read. */
void pm_save(struct pm *pm, struct state_writer *writer);
bool pm_restore(struct pm *pm, struct state_reader *reader);

#endif
