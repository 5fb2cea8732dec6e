/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_plan.h"

#include "host_cpu_list.h"
#include "sched_admit.h"
#include "sched_cpus.h"
#include "sched_exclusive.h"
#include "sched_group.h"
#include "sched_share.h"
#include "service_error.h"

static void member_clear(gpointer data)
{
	struct sched_member *member = data;

	g_clear_pointer(&member->cpus, g_array_unref);
	g_clear_pointer(&member->current, g_array_unref);
}

struct sched_plan *sched_plan_new(const GPtrArray *cpu_groups)
{
	struct sched_plan *plan = g_new0(struct sched_plan, 1);

	plan->cpu_groups = cpu_groups;
	plan->groups = g_array_new(FALSE, TRUE, sizeof(struct sched_group));
	plan->members = g_array_new(FALSE, TRUE, sizeof(struct sched_member));
	g_array_set_clear_func(plan->members, member_clear);
	plan->taken = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return plan;
}

void sched_plan_free(struct sched_plan *plan)
{
	if (!plan)
		return;
	g_array_unref(plan->members);
	g_array_unref(plan->taken);
	g_array_unref(plan->groups);
	g_free(plan);
}

void sched_plan_add(struct sched_plan *plan, const char *name, uint32_t vcpus,
		    const struct sched_definition *wish)
{
	const struct sched_member member = {.name = name, .vcpus = vcpus, .wish = wish};

	g_array_append_val(plan->members, member);
}

static struct sched_member *member_at(const struct sched_plan *plan, guint i)
{
	return &g_array_index(plan->members, struct sched_member, i);
}

void sched_plan_set_current(struct sched_plan *plan, const char *cpus)
{
	struct sched_member *member = member_at(plan, plan->members->len - 1);

	g_clear_pointer(&member->current, g_array_unref);
	member->current = cpus ? host_cpu_list_parse(cpus) : NULL;
}

static GArray *parse_list(const char *text)
{
	GArray *cpus = host_cpu_list_parse(text);

	return cpus ? cpus : g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

/* The CPUs that its group leaves it, as far as they are online; without a group all of them. */
static GArray *group_base(const struct sched_plan *plan, const struct sched_member *member,
			  const GArray *online)
{
	g_autoptr(GArray) of_group = cpu_group_cpus(
		plan->cpu_groups, cpu_group_find(plan->cpu_groups, member->wish->group));

	return of_group ? sched_cpus_and(of_group, online) : g_array_copy((GArray *)online);
}

/* All CPUs that its processors are bound to; NULL: one of them is not bound, or the VM has more for
 * itself than they use. */
static GArray *vcpus_union(const struct sched_definition *wish, uint32_t vcpus)
{
	GArray *all;

	if (wish->exclusive || vcpus == 0 || wish->n_vcpu_affinity < vcpus)
		return NULL;
	all = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (guint i = 0; i < vcpus; i++) {
		GArray *more =
			wish->vcpu_affinity[i] ? sched_cpus_or(all, wish->vcpu_affinity[i]) : NULL;

		g_array_unref(all);
		if (!more)
			return NULL;
		all = more;
	}
	return all;
}

/* Where it asks to run; NULL: it does not say. */
static GArray *wished_cpus(const struct sched_member *member)
{
	GArray *of_vcpus = vcpus_union(member->wish, member->vcpus);

	if (of_vcpus)
		return of_vcpus;
	return member->wish->affinity ? g_array_ref(member->wish->affinity) : NULL;
}

/* The first of its processors that has none of its own CPUs among cpus; n_vcpu_affinity: none. */
static guint first_astray(const struct sched_definition *wish, const GArray *cpus)
{
	guint i = 0;

	while (i < wish->n_vcpu_affinity &&
	       (!wish->vcpu_affinity[i] || sched_cpus_overlap(wish->vcpu_affinity[i], cpus)))
		i++;
	return i;
}

/* Its affinity as far as it is online and in its group; all that is online there where nothing of
 * it is left. */
static GArray *member_base(const struct sched_plan *plan, struct sched_member *member,
			   const GArray *online)
{
	GArray *base = group_base(plan, member, online), *cpus;
	g_autoptr(GArray) wished = wished_cpus(member);

	member->moved = FALSE;
	member->bound = wished != NULL;
	if (base->len == 0) {
		g_array_unref(base);
		base = g_array_copy((GArray *)online);
		member->moved = TRUE;
	}
	if (!wished)
		return base;
	cpus = sched_cpus_and(wished, base);
	if (cpus->len == 0) {
		g_array_unref(cpus);
		member->moved = TRUE;
		return base;
	}
	g_array_unref(base);
	return cpus;
}

static void take_exclusive(struct sched_plan *plan)
{
	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);
		GArray *more;

		if (!member->wish->exclusive || member->moved)
			continue;
		more = sched_cpus_or(plan->taken, member->cpus);
		g_array_unref(plan->taken);
		plan->taken = more;
	}
}

static void set_cpus(struct sched_member *member, GArray *cpus)
{
	g_array_unref(member->cpus);
	member->cpus = cpus;
}

/* Everybody else leaves these CPUs, unless that would leave him none. */
static void leave_taken(struct sched_plan *plan, const GArray *online)
{
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = member_at(plan, i);
		GArray *left;

		if (member->wish->exclusive && !member->moved)
			continue;
		left = sched_cpus_minus(member->cpus, plan->taken);
		if (left->len == 0) {
			g_array_unref(left);
			left = sched_cpus_minus(online, plan->taken);
			member->moved = TRUE;
		}
		if (left->len == 0)
			g_array_unref(left);
		else
			set_cpus(member, left);
	}
}

static gboolean is_placed(const struct sched_member *member, gboolean reserving_too)
{
	return member->wish->placement != PLACEMENT_NONE &&
	       (reserving_too || member->wish->reserve == 0);
}

/* Those that are bound by hand count first; the others are placed around them, in order. */
static void place(struct sched_plan *plan, const struct host_topology *topology,
		  gboolean reserving_too, gboolean anew)
{
	g_autoptr(placement_t) placement = placement_new(topology);
	g_autofree struct placement_wish *wishes =
		g_new0(struct placement_wish, plan->members->len + 1);
	guint n = 0;

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);

		if (!is_placed(member, reserving_too) && member->bound)
			placement_add(placement, member->cpus, member->vcpus,
				      member->wish->reserve);
	}
	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);

		if (is_placed(member, reserving_too))
			wishes[n++] = (struct placement_wish){
				.mode = member->wish->placement,
				.allowed = member->cpus,
				.n = member->vcpus,
				.reserve = member->wish->reserve,
				.current = anew ? NULL : member->current,
			};
	}
	placement_settle(placement, wishes, n);
	for (guint i = plan->members->len; i-- > 0;) {
		struct sched_member *member = member_at(plan, i);

		if (is_placed(member, reserving_too))
			set_cpus(member, wishes[--n].chosen);
	}
}

/* Everything but placement and weights. */
static void settle(struct sched_plan *plan, const GArray *online)
{
	g_array_set_size(plan->taken, 0);
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = member_at(plan, i);

		g_clear_pointer(&member->cpus, g_array_unref);
		member->cpus = member_base(plan, member, online);
	}
	take_exclusive(plan);
	leave_taken(plan, online);
	for (guint i = 0; i < plan->members->len; i++) {
		struct sched_member *member = member_at(plan, i);

		member->strayed =
			first_astray(member->wish, member->cpus) < member->wish->n_vcpu_affinity;
	}
}

/* As many as can be kept together: of those that run where they wish first, then the older. */
static void keep_some(struct sched_plan *plan)
{
	for (guint i = 0; i < plan->members->len; i++)
		member_at(plan, i)->unkept = member_at(plan, i)->wish->reserve > 0;
	for (gboolean moved = FALSE; moved <= TRUE; moved++) {
		for (guint i = 0; i < plan->members->len; i++) {
			struct sched_member *member = member_at(plan, i);

			if (!member->unkept || member->moved != moved)
				continue;
			member->unkept = FALSE;
			member->unkept = !sched_group_weigh(plan, NULL);
		}
	}
	(void)sched_group_weigh(plan, NULL);
}

/* Marks what weights do not assure although they could be chosen; within groups nobody knows. */
static void judge(struct sched_plan *plan)
{
	g_autoptr(GArray) array = g_array_new(FALSE, TRUE, sizeof(struct sched_share));
	const struct sched_share *shares;

	for (guint i = 0; plan->groups->len == 0 && i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);
		const struct sched_share share = {.reserve = member->wish->reserve,
						  .cpus = member->cpus,
						  .cpu_weight = member->cpu_weight};

		g_array_append_val(array, share);
	}
	shares = (const struct sched_share *)(void *)array->data;
	for (guint i = 0; i < array->len; i++) {
		if (shares[i].reserve > 0 && shares[i].cpu_weight > 0 &&
		    !sched_share_is_kept(shares, array->len, i))
			member_at(plan, i)->unkept = TRUE;
	}
}

gboolean sched_plan_make(struct sched_plan *plan, const struct host_topology *topology,
			 GError **error)
{
	g_autoptr(GArray) online = parse_list(topology->online);
	gboolean kept;

	for (guint i = 0; i < plan->members->len; i++)
		member_at(plan, i)->unkept = FALSE;
	/* A promise comes before staying, and was given by a placement from nothing. */
	for (gboolean anew = FALSE; anew <= TRUE; anew++) {
		settle(plan, online);
		place(plan, topology, TRUE, anew);
		if (sched_group_weigh(plan, NULL)) {
			judge(plan);
			return TRUE;
		}
	}
	/* And before a choice of CPUs: who reserves runs wherever it may. */
	settle(plan, online);
	place(plan, topology, FALSE, FALSE);
	kept = sched_group_weigh(plan, error);
	if (!kept)
		keep_some(plan);
	judge(plan);
	return kept;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static gboolean check_lists(const struct sched_member *member, const struct host_topology *topology,
			    const GArray *online, GError **error)
{
	g_autoptr(GArray) offline = parse_list(topology->offline);
	g_autofree char *what = g_strdup_printf("VM %s: affinity", member->name);

	if (member->wish->affinity &&
	    !sched_cpus_check(member->wish->affinity, online, offline, what, error))
		return FALSE;
	for (guint i = 0; i < member->wish->n_vcpu_affinity; i++) {
		g_autofree char *which =
			g_strdup_printf("VM %s: vcpuAffinity[%u]", member->name, i);

		if (member->wish->vcpu_affinity[i] &&
		    !sched_cpus_check(member->wish->vcpu_affinity[i], online, offline, which,
				      error))
			return FALSE;
	}
	return TRUE;
}

static gboolean check_group(const struct sched_plan *plan, const struct sched_member *member,
			    const GArray *online, GError **error)
{
	const struct cpu_group *group = cpu_group_find(plan->cpu_groups, member->wish->group);
	g_autoptr(GArray) base = group_base(plan, member, online);
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
	g_autofree char *words = sched_cpus_words(base);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: affinity: its group %s has %s, and none of them is asked for: choose "
		    "among them, or another group",
		    member->name, group->name, words);
	return FALSE;
}

/* Each processor has a CPU that its group leaves it; within affinity its list is anyway. */
static gboolean check_vcpus(const struct sched_plan *plan, const struct sched_member *member,
			    const GArray *online, GError **error)
{
	g_autoptr(GArray) base = group_base(plan, member, online);
	guint vp = first_astray(member->wish, base);

	if (vp == member->wish->n_vcpu_affinity || !member->wish->group)
		return TRUE;
	g_autofree char *words = sched_cpus_words(base);
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
		    "VM %s: vcpuAffinity[%u]: its group %s has %s, and none of them is asked for: "
		    "choose among them, or another group",
		    member->name, vp, member->wish->group, words);
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
	const struct sched_member *subject = member_at(plan, n - 1);

	for (guint i = 0; i < n; i++) {
		const struct sched_member *member = member_at(plan, i);
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
		const struct sched_member *member = member_at(plan, i);
		GArray *cpus = wished_cpus(member);

		if (cpus)
			g_ptr_array_add(sets, cpus);
		claims[i] = (struct sched_claim){member->name, cpus, member->wish->exclusive};
	}
	return sched_exclusive_check(claims, n, n - 1, online, error) &&
	       check_taken(plan, claims, error);
}

/* name: of the VM that is to be started or edited, or NULL. */
static gboolean admit(struct sched_plan *plan, const GArray *online, const char *name,
		      GError **error)
{
	guint n = plan->members->len;
	g_autoptr(GArray) array = g_array_new(FALSE, TRUE, sizeof(struct sched_demand));
	struct sched_demand *demands;

	settle(plan, online);
	g_array_set_size(array, n);
	demands = (struct sched_demand *)(void *)array->data;
	for (guint i = 0; i < n; i++) {
		const struct sched_member *member = member_at(plan, i);
		gboolean alone = member->wish->exclusive && !member->moved;

		/* What one has for himself he need not reserve. */
		demands[i] = (struct sched_demand){member->name, alone ? 0 : member->wish->reserve,
						   member->cpus};
	}
	return sched_admit(demands, n, name, error);
}

static gboolean same_list(const GArray *a, const GArray *b)
{
	return a && b ? sched_cpus_equal(a, b) : a == b;
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

/* The plan as it is before the last member starts, or is edited. */
static struct sched_plan *plan_before(const struct sched_plan *plan,
				      const struct sched_definition *was)
{
	struct sched_plan *before = sched_plan_new(plan->cpu_groups);
	guint n = plan->members->len;

	for (guint i = 0; i < n; i++) {
		const struct sched_member *member = member_at(plan, i);

		if (i + 1 < n || was)
			sched_plan_add(before, member->name, member->vcpus,
				       i + 1 < n ? member->wish : was);
	}
	return before;
}

/* Only who reserves, or takes CPUs from those who do, can break a promise. */
static gboolean check_reservations(struct sched_plan *plan, const struct sched_definition *was,
				   const GArray *online, GError **error)
{
	const struct sched_member *subject = member_at(plan, plan->members->len - 1);
	const struct sched_definition *wish = subject->wish;

	if (wish->reserve == 0 && !wish->exclusive)
		return TRUE;
	if (was && wish->reserve <= was->reserve && same_place(wish, was))
		return TRUE;
	return sched_group_check_caps(plan, subject->name, error) &&
	       admit(plan, online, subject->name, error);
}

static uint64_t unkept_sum(const struct sched_plan *plan)
{
	uint64_t sum = 0;

	for (guint i = 0; i < plan->members->len; i++)
		sum += member_at(plan, i)->unkept ? member_at(plan, i)->wish->reserve : 0;
	return sum;
}

/* What is broken may stay so, but not become more. */
static gboolean check_weights(struct sched_plan *plan, const struct sched_definition *was,
			      const struct host_topology *topology, GError **error)
{
	const struct sched_member *subject = member_at(plan, plan->members->len - 1);
	g_autoptr(sched_plan_t) before = NULL;
	g_autoptr(GError) local = NULL;

	if (sched_plan_make(plan, topology, &local))
		return TRUE;
	before = plan_before(plan, was);
	if (!sched_plan_make(before, topology, NULL) && unkept_sum(plan) <= unkept_sum(before))
		return TRUE;
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "VM %s: ", subject->name);
	return FALSE;
}

static gboolean check_place(const struct sched_plan *plan, const struct host_topology *topology,
			    const GArray *online, GError **error)
{
	const struct sched_member *subject = member_at(plan, plan->members->len - 1);

	return check_lists(subject, topology, online, error) &&
	       check_group(plan, subject, online, error) &&
	       check_vcpus(plan, subject, online, error) && check_exclusive(plan, online, error);
}

gboolean sched_plan_check_edit(struct sched_plan *plan, const struct sched_definition *was,
			       const struct host_topology *topology, GError **error)
{
	const struct sched_member *subject = member_at(plan, plan->members->len - 1);
	g_autoptr(GArray) online = parse_list(topology->online);

	return ((was && same_place(subject->wish, was)) ||
		check_place(plan, topology, online, error)) &&
	       ((was && subject->wish->numa_node == was->numa_node) ||
		check_node(subject, topology, error)) &&
	       check_topology(subject, topology, error) &&
	       check_reservations(plan, was, online, error) &&
	       check_weights(plan, was, topology, error);
}

gboolean sched_plan_check(struct sched_plan *plan, const struct host_topology *topology,
			  GError **error)
{
	return sched_plan_check_edit(plan, NULL, topology, error);
}

gboolean sched_plan_check_all(struct sched_plan *plan, const struct host_topology *topology,
			      GError **error)
{
	g_autoptr(GArray) online = parse_list(topology->online);

	for (guint i = 0; i < plan->members->len; i++) {
		if (!check_group(plan, member_at(plan, i), online, error) ||
		    !check_vcpus(plan, member_at(plan, i), online, error))
			return FALSE;
	}
	return sched_group_check_caps(plan, NULL, error) && admit(plan, online, NULL, error) &&
	       sched_plan_make(plan, topology, error);
}
