/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_unit.h"

#include "cleanup.h"
#include "duration.h"

#define SYSTEMD_NAME  "org.freedesktop.systemd1"
#define SYSTEMD_PATH  "/org/freedesktop/systemd1"
#define SYSTEMD_IFACE "org.freedesktop.systemd1.Manager"
#define CALL_US	      SECONDS(30)
#define SETTINGS_DIR  "/run/systemd/system.control"

/* systemd's form of a set: bit n % 8 of byte n / 8. An empty one takes the property back. */
static int append_set(sd_bus_message *call, const char *name, const GArray *numbers)
{
	guint n = numbers->len ? g_array_index(numbers, uint32_t, numbers->len - 1) / 8 + 1 : 0;
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	int r;

	for (guint i = 0; i < n; i++)
		g_byte_array_append(bytes, (const guint8 *)"", 1);
	for (guint i = 0; i < numbers->len; i++) {
		uint32_t number = g_array_index(numbers, uint32_t, i);
		bytes->data[number / 8] |= (uint8_t)(1u << number % 8);
	}
	if ((r = sd_bus_message_open_container(call, 'r', "sv")) < 0 ||
	    (r = sd_bus_message_append(call, "s", name)) < 0 ||
	    (r = sd_bus_message_open_container(call, 'v', "ay")) < 0 ||
	    (r = sd_bus_message_append_array(call, 'y', bytes->data, n)) < 0 ||
	    (r = sd_bus_message_close_container(call)) < 0)
		return r;
	return sd_bus_message_close_container(call);
}

static int append_properties(sd_bus_message *call, const struct sched_unit_properties *p)
{
	int r = 0;

	if (p->set_weight)
		r = sd_bus_message_append(call, "(sv)", "CPUWeight", "t", (uint64_t)p->weight);
	if (r >= 0 && p->set_cpus)
		r = append_set(call, "AllowedCPUs", p->cpus);
	if (r >= 0 && p->set_nodes)
		r = append_set(call, "AllowedMemoryNodes", p->nodes);
	if (r >= 0 && p->set_quota)
		r = sd_bus_message_append(call, "(sv)", "CPUQuotaPerSecUSec", "t",
					  p->quota > 0 ? (uint64_t)p->quota * 10000 : UINT64_MAX);
	return r;
}

int sched_unit_set(sd_bus *bus, const char *unit, const struct sched_unit_properties *properties,
		   sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **slot)
{
	automsg call = NULL;
	int r;

	/* runtime = true: nothing of it outlives the host's next boot. */
	if ((r = sd_bus_message_new_method_call(bus, &call, SYSTEMD_NAME, SYSTEMD_PATH,
						SYSTEMD_IFACE, "SetUnitProperties")) < 0 ||
	    (r = sd_bus_message_append(call, "sb", unit, 1)) < 0 ||
	    (r = sd_bus_message_open_container(call, 'a', "(sv)")) < 0 ||
	    (r = append_properties(call, properties)) < 0 ||
	    (r = sd_bus_message_close_container(call)) < 0)
		return r;
	return sd_bus_call_async(bus, slot, call, handler, userdata, CALL_US);
}

gboolean sched_unit_is_set(const char *unit)
{
	g_autofree char *path = g_strdup_printf("%s/%s.d", SETTINGS_DIR, unit);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

void sched_unit_forget(sd_bus *bus, const char *unit)
{
	if (sched_unit_is_set(unit))
		(void)sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_IFACE,
					       "RevertUnitFiles", NULL, NULL, "as", 1, unit);
}

void sched_unit_stop(sd_bus *bus, const char *unit)
{
	(void)sd_bus_call_method_async(bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_IFACE,
				       "StopUnit", NULL, NULL, "ss", unit, "fail");
}
