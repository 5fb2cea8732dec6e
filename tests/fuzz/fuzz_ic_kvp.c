/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz_ic.h"
#include "ic_kvp.h"

static void check(const char *text)
{
	if (!g_utf8_validate(text, -1, NULL))
		g_error("a fact that is not UTF-8");
	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		if (g_unichar_iscntrl(g_utf8_get_char(p)))
			g_error("a fact with a control character");
	}
}

static void on_changed(void *context G_GNUC_UNUSED, const struct kvp_facts *facts)
{
	struct kvp_facts *copy = kvp_facts_copy(facts);

	if (!kvp_facts_equal(copy, facts))
		g_error("a copy that is another");
	kvp_facts_find(copy, KVP_POOL_GUEST, "key");
	kvp_facts_free(copy);
	for (guint i = 0; i < facts->pairs->len; i++) {
		const struct kvp_pair *pair = facts->pairs->pdata[i];

		check(pair->key);
		check(pair->value);
	}
	for (guint i = 0; i < facts->adapters->len; i++)
		check(((const struct kvp_adapter *)facts->adapters->pdata[i])->addresses);
}

static void on_done(void *context G_GNUC_UNUSED, enum ic_kvp_result result G_GNUC_UNUSED)
{
}

static void *make(const struct ic_env *env)
{
	static const uint8_t macs[2][6] = {{1}, {2}};
	struct ic_kvp *kvp = ic_kvp_new(env, &(struct ic_kvp_events){.changed = on_changed}, NULL);

	ic_kvp_set_adapters(kvp, macs, 2);
	return kvp;
}

static void poke(void *service, uint8_t choice)
{
	if (choice & 1)
		ic_kvp_set(service, "key", "value", on_done, NULL);
	else if (choice & 2)
		ic_kvp_delete(service, "key", on_done, NULL);
	else
		ic_kvp_refresh(service);
}

static void free_service(void *service)
{
	ic_kvp_free(service);
}

const struct fuzz_service fuzz_service = {4, 0, make, free_service, poke};
