/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a VM may start, or a VM or a CPU group be edited, beside the VMs that run. */
#include "sched_admit.h"
#include "sched_cpus.h"
#include "sched_exclusive.h"
#include "sched_group.h"
#include "sched_plan_internal.h"
#include "service_error.h"

/* ---- what is asked for ----------------------------------------------------------------------- */

static gboolean same_list(const GArray *a, const GArray *b)
{
	return a && b ? sched_cpus_equal(a, b) : a == b;
}

/* The list of one of its processors; NULL: it has none. */
static const GArray *vcpu_list(const struct sched_definition *wish, guint vp)
{
	return vp < wish->n_vcpu_affinity ? wish->vcpu_affinity[vp] : NULL;
}

/* A list that was there before may name CPUs that went offline since. */
static gboolean check_lists(const struct sched_member *member, const struct sched_definition *was,
			    const struct host_topology *topology, const GArray *online,
			    GError **error)
{
	g_autoptr(GArray) offline = sched_plan_list(topology->offline);
	g_autofree char *what = g_strdup_printf("VM %s: affinity", member->name);

	if (member->wish->affinity && !(was && same_list(member->wish->affinity, was->affinity)) &&
	    !sched_cpus_check(member->wish->affinity, online, offline, what, error))
		return FALSE;
	for (guint i = 0; i < member->wish->n_vcpu_affinity; i++) {
		const GArray *list = vcpu_list(member->wish, i);
		g_autofree char *which =
			g_strdup_printf("VM %s: vcpuAffinity[%u]", member->name, i);

		if (list && !(was && same_list(list, vcpu_list(was, i))) &&
		    !sched_cpus_check(list, online, offline, which, error))
			return FALSE;
	}
	return TRUE;
}

/* The CPUs that its group left it so far. */
static GArray *base_before(const struct sched_plan *plan, const struct sched_definition *was,
			   const GArray *online)
{
	const struct sched_member past = {.wish = was};

	return sched_plan_group_base(plan, &past, online);
}

/* Whether its affinity is as it was, and none of it could be used then either. */
static gboolean stays_moved(const struct sched_plan *plan, const struct sched_definition *wish,
			    const struct sched_definition *was, const GArray *online)
{
	g_autoptr(GArray) base = was ? base_before(plan, was, online) : NULL;

	return was && was->affinity && same_list(wish->affinity, was->affinity) &&
	       !sched_cpus_overlap(was->affinity, base);
}

/* The same of the list of one of its processors. */
static gboolean stays_astray(const struct sched_plan *plan, const struct sched_definition *wish,
			     const struct sched_definition *was, guint vp, const GArray *online)
{
	g_autoptr(GArray) base = was ? base_before(plan, was, online) : NULL;
	const GArray *list = vcpu_list(wish, vp);

	return was && same_list(list, vcpu_list(was, vp)) && !sched_cpus_overlap(list, base);
}

/* was: what it wishes so far, if it runs. */
static gboolean check_group(const struct sched_plan *plan, const struct sched_member *member,
			    const struct sched_definition *was, const GArray *online,
			    GError **error)
{
	const struct cpu_group *group = cpu_group_find(plan->cpu_groups, member->wish->group);
	g_autoptr(GArray) base = sched_plan_group_base(plan, member, online);
	g_autoptr(GArray) cpus = member->wish->affinity
					 ? sched_cpus_and(member->wish->affinity, base)
					 : g_array_ref(base);

	if (member->wish->group && !group) {
		g_set_error(
			error, SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_GROUP,
			"VM %s: there is no CPU group %s: \"hvctl group list\" shows those that "
			"there are",
			member->name, member->wish->group);
		return FALSE;
	}
	if (!group || cpus->len > 0)
		return TRUE;
	if (base->len == 0) {
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
			    "VM %s: none of the CPUs of its group %s is online: edit the group, or "
			    "choose another",
			    member->name, group->name);
		return FALSE;
	}
	if (stays_moved(plan, member->wish, was, online))
		return TRUE;
	g_autofree char *words = sched_cpus_words(base);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: affinity: its group %s has %s, and none of them is asked for: choose "
		    "among them, or another group",
		    member->name, group->name, words);
	return FALSE;
}

/* Each processor has a CPU that its group leaves it; within affinity its list is anyway. */
static gboolean check_vcpus(const struct sched_plan *plan, const struct sched_member *member,
			    const struct sched_definition *was, const GArray *online,
			    GError **error)
{
	g_autoptr(GArray) base = sched_plan_group_base(plan, member, online);
	const struct sched_definition *wish = member->wish;
	guint vp = 0;

	while (vp < wish->n_vcpu_affinity &&
	       (!wish->vcpu_affinity[vp] || sched_cpus_overlap(wish->vcpu_affinity[vp], base) ||
		stays_astray(plan, wish, was, vp, online)))
		vp++;
	if (vp == wish->n_vcpu_affinity || !wish->group)
		return TRUE;
	g_autofree char *words = sched_cpus_words(base);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: vcpuAffinity[%u]: its group %s has %s, and none of them is asked for: "
		    "choose among them, or another group",
		    member->name, vp, wish->group, words);
	return FALSE;
}

static gboolean check_node(const struct sched_member *member, const struct host_topology *topology,
			   GError **error)
{
	g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	int32_t wanted = member->wish->numa_node;

	for (guint i = 0; i < topology->nodes->len; i++)
		g_array_append_val(nodes, g_array_index(topology->nodes, struct host_node, i).id);
	/* A host that says nothing of nodes has one. */
	if (wanted < 0 || (nodes->len == 0 && wanted == 0) ||
	    host_cpu_list_has(nodes, (uint32_t)wanted))
		return TRUE;
	g_autofree char *list = nodes->len > 0 ? host_cpu_list_format(nodes) : g_strdup("0");
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: numaNode: node %d is not in this host, which has %s", member->name,
		    wanted, list);
	return FALSE;
}

static gboolean check_topology(const struct sched_member *member,
			       const struct host_topology *topology, GError **error)
{
	struct topology_guest resolved;
	g_autoptr(GError) local = NULL;

	if (!member->wish->has_topology ||
	    topology_guest_resolve(&member->wish->topology, member->vcpus,
				   MAX(topology->threads_per_core, 1), &resolved, &local))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_INVALID_DEFINITION,
		    "VM %s: definition: $.cpus.topology: %s", member->name, local->message);
	return FALSE;
}

/* No processor's own CPUs may all be somebody else's, neither the last member's nor by it. */
static gboolean check_taken(const struct sched_plan *plan, const struct sched_claim *claims,
			    GError **error)
{
	guint n = plan->members->len;
	const struct sched_member *subject = sched_plan_member(plan, n - 1);

	for (guint i = 0; i < n; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);
		const struct sched_definition *wish = member->wish;
		g_autoptr(GArray) taken = sched_exclusive_taken(claims, n, &claims[i]);
		guint vp = 0;

		if (member != subject && !subject->wish->exclusive)
			continue;
		while (vp < wish->n_vcpu_affinity &&
		       (!wish->vcpu_affinity[vp] ||
			!sched_cpus_is_subset(wish->vcpu_affinity[vp], taken)))
			vp++;
		if (vp == wish->n_vcpu_affinity)
			continue;
		g_autofree char *words = sched_cpus_words(wish->vcpu_affinity[vp]);
		if (member == subject)
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
				    "VM %s: vcpuAffinity[%u]: other VMs have %s for themselves: "
				    "choose others, or stop one of these VMs",
				    subject->name, vp, words);
		else
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
				    "VM %s: it cannot have %s for itself, since processor %u of "
				    "VM %s may run nowhere else: change the affinity of one of "
				    "them",
				    subject->name, words, vp, member->name);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_exclusive(const struct sched_plan *plan, const GArray *online, GError **error)
{
	guint n = plan->members->len;
	g_autoptr(GArray) array = g_array_new(FALSE, TRUE, sizeof(struct sched_claim));
	g_autoptr(GPtrArray) sets = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
	struct sched_claim *claims;

	g_array_set_size(array, n);
	claims = (struct sched_claim *)(void *)array->data;
	for (guint i = 0; i < n; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);
		GArray *cpus = sched_plan_wished_cpus(member);

		if (cpus)
			g_ptr_array_add(sets, cpus);
		claims[i] = (struct sched_claim){member->name, cpus, member->wish->exclusive};
	}
	return sched_exclusive_check(claims, n, n - 1, online, error) &&
	       check_taken(plan, claims, error);
}

/* Whether both ask for the same CPUs. */
static gboolean same_place(const struct sched_definition *a, const struct sched_definition *b)
{
	if (!same_list(a->affinity, b->affinity) || g_strcmp0(a->group, b->group) != 0 ||
	    a->exclusive != b->exclusive || a->n_vcpu_affinity != b->n_vcpu_affinity)
		return FALSE;
	for (guint i = 0; i < a->n_vcpu_affinity; i++) {
		if (!same_list(a->vcpu_affinity[i], b->vcpu_affinity[i]))
			return FALSE;
	}
	return TRUE;
}

/* ---- promises -------------------------------------------------------------------------------- */

/* The plan as it is before the last member starts, or is edited. */
static struct sched_plan *plan_before(const struct sched_plan *plan,
				      const struct sched_definition *was)
{
	struct sched_plan *before = sched_plan_new(plan->cpu_groups);
	guint n = plan->members->len;

	for (guint i = 0; i < n; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);

		if (i + 1 < n || was)
			sched_plan_add(before, member->name, member->vcpus,
				       i + 1 < n ? member->wish : was);
	}
	return before;
}

/* Members in the order in which their promises are kept while not all can be, see keep_some. */
static GArray *by_precedence(const struct sched_plan *plan)
{
	GArray *order = g_array_new(FALSE, FALSE, sizeof(guint));

	for (gboolean moved = FALSE; moved <= TRUE; moved++) {
		for (guint i = 0; i < plan->members->len; i++) {
			if (sched_plan_member(plan, i)->moved == moved)
				g_array_append_val(order, i);
		}
	}
	return order;
}

static GArray *numbers_new(guint n)
{
	GArray *numbers = g_array_new(FALSE, TRUE, sizeof(uint32_t));

	return g_array_set_size(numbers, n);
}

/*
 * Whether no member lacks more of its CPUs than may_lack says of it, or anything. What each lacks
 * comes to lacks.
 */
static gboolean admit(struct sched_plan *plan, const GArray *online, const char *name,
		      const GArray *may_lack, GArray *lacks, GError **error)
{
	guint n = plan->members->len;
	g_autoptr(GArray) order = NULL, may = numbers_new(n), lack = numbers_new(n);
	g_autoptr(GArray) demands = g_array_new(FALSE, TRUE, sizeof(struct sched_demand));
	gboolean fits;

	sched_plan_settle(plan, online);
	order = by_precedence(plan);
	for (guint k = 0; k < n; k++) {
		guint i = g_array_index(order, guint, k);
		const struct sched_member *member = sched_plan_member(plan, i);
		gboolean alone = member->wish->exclusive && !member->moved;
		/* What one has for himself he need not reserve. */
		const struct sched_demand demand = {member->name, alone ? 0 : member->wish->reserve,
						    member->cpus};

		g_array_append_val(demands, demand);
		if (i < may_lack->len)
			g_array_index(may, uint32_t, k) = g_array_index(may_lack, uint32_t, i);
	}
	fits = sched_admit_some((const struct sched_demand *)(void *)demands->data, n, name,
				(const uint32_t *)(void *)may->data, (uint32_t *)(void *)lack->data,
				error);
	g_array_set_size(lacks, n);
	for (guint k = 0; k < n; k++)
		g_array_index(lacks, uint32_t, g_array_index(order, guint, k)) =
			g_array_index(lack, uint32_t, k);
	return fits;
}

/* What is broken may stay so, but not become more, and nothing that was kept may be lost. */
static gboolean check_shares(struct sched_plan *plan, struct sched_plan *before,
			     const GArray *online, const char *name, GError **error)
{
	/* One who starts is the last, and had nothing to lose. */
	g_autoptr(GArray) none = numbers_new(0), were = numbers_new(0), are = numbers_new(0);

	(void)admit(before, online, NULL, none, were, NULL);
	return sched_group_check_caps(plan, before, name, error) &&
	       admit(plan, online, name, were, are, error);
}

/* Only who reserves, or takes CPUs from those who do, can break a promise. */
static gboolean check_reservations(struct sched_plan *plan, struct sched_plan *before,
				   const struct sched_definition *was, const GArray *online,
				   GError **error)
{
	const struct sched_member *subject = sched_plan_member(plan, plan->members->len - 1);
	const struct sched_definition *wish = subject->wish;

	if (wish->reserve == 0 && !wish->exclusive)
		return TRUE;
	if (was && wish->reserve <= was->reserve && same_place(wish, was))
		return TRUE;
	return check_shares(plan, before, online, subject->name, error);
}

static uint32_t lost(const struct sched_plan *plan, guint i)
{
	const struct sched_member *member =
		i < plan->members->len ? sched_plan_member(plan, i) : NULL;

	return member && member->unkept ? member->wish->reserve : 0;
}

/* Why i cannot be kept beside those that were, where that can be told; else why not all can. */
static GError *why_lost(struct sched_plan *plan, const struct sched_plan *before, gboolean whole,
			guint i, GError *all)
{
	GError *error = NULL;

	for (guint k = 0; k < plan->members->len; k++)
		sched_plan_member(plan, k)->unkept = k != i && !whole && lost(before, k) > 0;
	if (sched_group_weigh(plan, &error))
		return all;
	g_error_free(all);
	return error;
}

/* The same of the weights that are to keep the promises. */
static gboolean check_weights(struct sched_plan *plan, struct sched_plan *before,
			      const struct host_topology *topology, GError **error)
{
	GError *local = NULL;
	gboolean whole;

	if (sched_plan_make(plan, topology, &local))
		return TRUE;
	whole = sched_plan_make(before, topology, NULL);
	for (guint i = 0; i < plan->members->len; i++) {
		if (lost(plan, i) <= (whole ? 0 : lost(before, i)))
			continue;
		g_propagate_error(error, why_lost(plan, before, whole, i, local));
		return FALSE;
	}
	g_error_free(local);
	return TRUE;
}

static gboolean check_place(const struct sched_plan *plan, const struct sched_definition *was,
			    const struct host_topology *topology, const GArray *online,
			    GError **error)
{
	const struct sched_member *subject = sched_plan_member(plan, plan->members->len - 1);

	return check_lists(subject, was, topology, online, error) &&
	       check_group(plan, subject, was, online, error) &&
	       check_vcpus(plan, subject, was, online, error) &&
	       check_exclusive(plan, online, error);
}

static gboolean check_promises(struct sched_plan *plan, const struct sched_definition *was,
			       const struct host_topology *topology, const GArray *online,
			       GError **error)
{
	const struct sched_member *subject = sched_plan_member(plan, plan->members->len - 1);
	g_autoptr(sched_plan_t) before = plan_before(plan, was);

	if (!check_reservations(plan, before, was, online, error))
		return FALSE;
	if (check_weights(plan, before, topology, error))
		return TRUE;
	g_prefix_error(error, "VM %s: ", subject->name);
	return FALSE;
}

gboolean sched_plan_check_edit(struct sched_plan *plan, const struct sched_definition *was,
			       const struct host_topology *topology, GError **error)
{
	const struct sched_member *subject = sched_plan_member(plan, plan->members->len - 1);
	g_autoptr(GArray) online = sched_plan_list(topology->online);

	return ((was && same_place(subject->wish, was)) ||
		check_place(plan, was, topology, online, error)) &&
	       ((was && subject->wish->numa_node == was->numa_node) ||
		check_node(subject, topology, error)) &&
	       check_topology(subject, topology, error) &&
	       check_promises(plan, was, topology, online, error);
}

gboolean sched_plan_check(struct sched_plan *plan, const struct host_topology *topology,
			  GError **error)
{
	return sched_plan_check_edit(plan, NULL, topology, error);
}

/* Whether its group leaves it CPUs of those that it asks for. */
static gboolean check_member(const struct sched_plan *plan, guint i, const GArray *online,
			     GError **error)
{
	const struct sched_member *member = sched_plan_member(plan, i);

	return check_group(plan, member, NULL, online, error) &&
	       check_vcpus(plan, member, NULL, online, error);
}

/* The same of all for whom that was so. */
static gboolean check_members(const struct sched_plan *plan, const struct sched_plan *before,
			      const GArray *online, GError **error)
{
	for (guint i = 0; i < plan->members->len; i++) {
		if (check_member(before, i, online, NULL) && !check_member(plan, i, online, error))
			return FALSE;
	}
	return TRUE;
}

gboolean sched_plan_check_groups(struct sched_plan *plan, const GPtrArray *was,
				 const struct host_topology *topology, GError **error)
{
	g_autoptr(GArray) online = sched_plan_list(topology->online);
	g_autoptr(sched_plan_t) before = sched_plan_new(was);

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = sched_plan_member(plan, i);

		sched_plan_add(before, member->name, member->vcpus, member->wish);
	}
	return check_members(plan, before, online, error) &&
	       check_shares(plan, before, online, NULL, error) &&
	       check_weights(plan, before, topology, error);
}
