/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Resource properties of systemd's units, set at runtime through its D-Bus API. Main thread. */
#ifndef SCHED_UNIT_H
#define SCHED_UNIT_H

#include <glib.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/*
 * Of Manager.SetUnitProperties; what has its flag is sent. Sets are never empty: systemd takes that
 * for "any", but leaves what was in force before (seen with 252). Who may run anywhere is given
 * everything.
 */
struct sched_unit_properties {
	gboolean set_weight, set_cpus, set_nodes, set_quota;
	uint32_t weight;     /* CPUWeight: 1 to 10000; 0: idle */
	const GArray *cpus;  /* AllowedCPUs */
	const GArray *nodes; /* AllowedMemoryNodes */
	uint32_t quota;	     /* CPUQuotaPerSecUSec, in percent of one CPU; 0: none */
};

/* The answer comes to handler; NULL: nobody waits for it. 0 or -errno. */
int sched_unit_set(sd_bus *bus, const char *unit, const struct sched_unit_properties *properties,
		   sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **slot);

/*
 * systemd keeps what was set at runtime until the host's next boot, for later starts of the unit,
 * and although it does not know the unit any more.
 */
gboolean sched_unit_is_set(const char *unit);
/* The unit does not come again: all that was set for it is taken back. Nobody waits for it. */
void sched_unit_forget(sd_bus *bus, const char *unit);
/* Nobody waits for it; where another job of the unit is queued, it is left. */
void sched_unit_stop(sd_bus *bus, const char *unit);

#endif
