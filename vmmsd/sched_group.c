/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sched_group.h"

#include <math.h>
#include <string.h>

#include "sched_admit.h"
#include "sched_cpus.h"
#include "sched_share.h"
#include "service_error.h"

#define NAMES_MAX 6u /* VMs that a message lists one by one */

/* A group while it is weighed. */
struct node {
	const struct cpu_group *group;
	GArray *cpus;	  /* all that its members use; NULL: nobody runs in it */
	uint32_t reserve; /* of its members, and a little more, see below */
	guint entities;	  /* that run right in it */
	gboolean busy;	  /* one of its members is not background */
};

struct tree {
	struct sched_plan *plan;
	GArray *nodes; /* struct node, one for each group of the host, in their order */
	gboolean reserving;
};

static struct sched_member *member_at(const struct sched_plan *plan, guint i)
{
	return &g_array_index(plan->members, struct sched_member, i);
}

static struct node *node_at(const struct tree *tree, guint i)
{
	return &g_array_index(tree->nodes, struct node, i);
}

static gboolean is_in(const struct tree *tree, const char *name, const struct cpu_group *parent)
{
	return cpu_group_find(tree->plan->cpu_groups, name) == parent;
}

static void node_clear(gpointer data)
{
	struct node *node = data;

	g_clear_pointer(&node->cpus, g_array_unref);
}

static void node_join(struct node *node, const GArray *cpus, uint32_t reserve, gboolean busy)
{
	GArray *all = node->cpus ? sched_cpus_or(node->cpus, cpus) : g_array_copy((GArray *)cpus);

	g_clear_pointer(&node->cpus, g_array_unref);
	node->cpus = all;
	node->reserve += reserve;
	node->entities++;
	node->busy = node->busy || busy;
}

/* A promise that was given up counts no more. */
static uint32_t reserved_by(const struct tree *tree, const struct sched_member *member)
{
	return tree->reserving && !member->unkept ? member->wish->reserve : 0;
}

/*
 * Adds up what is in a group, inner groups first. Where several compete in it the group is to get
 * a hundredth more than they reserve: weights are whole numbers, and whoever reserves nothing has
 * to get something.
 */
static void node_fill(struct tree *tree, guint at, guint depth)
{
	struct node *node = node_at(tree, at);

	for (guint i = 0; i < tree->plan->members->len; i++) {
		const struct sched_member *member = member_at(tree->plan, i);

		if (is_in(tree, member->wish->group, node->group))
			node_join(node, member->cpus, reserved_by(tree, member),
				  !member->wish->background);
	}
	for (guint i = 0; depth < CPU_GROUP_DEPTH_MAX && i < tree->nodes->len; i++) {
		struct node *inner = node_at(tree, i);

		if (!is_in(tree, inner->group->parent, node->group))
			continue;
		node_fill(tree, i, depth + 1);
		if (inner->cpus)
			node_join(node, inner->cpus, inner->reserve, inner->busy);
	}
	if (node->entities > 1)
		node->reserve += (node->reserve + 99) / 100;
}

static struct tree *tree_new(struct sched_plan *plan, gboolean reserving)
{
	struct tree *tree = g_new0(struct tree, 1);

	tree->plan = plan;
	tree->reserving = reserving;
	tree->nodes = g_array_new(FALSE, TRUE, sizeof(struct node));
	g_array_set_clear_func(tree->nodes, node_clear);
	for (guint i = 0; plan->cpu_groups && i < plan->cpu_groups->len; i++) {
		const struct node node = {.group = plan->cpu_groups->pdata[i]};
		g_array_append_val(tree->nodes, node);
	}
	for (guint i = 0; i < tree->nodes->len; i++) {
		if (is_in(tree, node_at(tree, i)->group->parent, NULL))
			node_fill(tree, i, 1);
	}
	return tree;
}

static void tree_free(struct tree *tree)
{
	g_array_unref(tree->nodes);
	g_free(tree);
}

/* Who competes right below parent; background VMs and groups of them do not. */
static GArray *level_shares(const struct tree *tree, const struct cpu_group *parent)
{
	GArray *shares = g_array_new(FALSE, TRUE, sizeof(struct sched_share));

	for (guint i = 0; i < tree->plan->members->len; i++) {
		const struct sched_member *member = member_at(tree->plan, i);
		const struct sched_share share = {
			.name = member->name,
			.vcpus = member->vcpus,
			.weight = member->wish->weight,
			.reserve = reserved_by(tree, member),
			.cpus = member->cpus,
		};

		if (!member->wish->background && is_in(tree, member->wish->group, parent))
			g_array_append_val(shares, share);
	}
	for (guint i = 0; i < tree->nodes->len; i++) {
		const struct node *node = node_at(tree, i);
		const struct sched_share share = {
			.name = node->group->name,
			.vcpus = 1,
			.weight = node->group->weight,
			.reserve = node->reserve,
			.cpus = node->cpus,
		};

		if (node->busy && is_in(tree, node->group->parent, parent))
			g_array_append_val(shares, share);
	}
	return shares;
}

static void add_group(struct tree *tree, const struct node *node, uint32_t weight)
{
	const struct sched_group group = {node->group, weight};

	g_array_append_val(tree->plan->groups, group);
}

static gboolean level_weigh(struct tree *tree, const struct cpu_group *parent, double capacity,
			    guint depth, GError **error)
{
	g_autoptr(GArray) array = level_shares(tree, parent);
	const struct sched_share *share = (struct sched_share *)(void *)array->data;

	if (!sched_share_compute_within((struct sched_share *)(void *)array->data, array->len,
					capacity, error))
		return FALSE;
	for (guint i = 0; i < tree->plan->members->len; i++) {
		struct sched_member *member = member_at(tree->plan, i);

		if (is_in(tree, member->wish->group, parent))
			member->cpu_weight = member->wish->background ? 0 : share++->cpu_weight;
	}
	for (guint i = 0; i < tree->nodes->len; i++) {
		const struct node *node = node_at(tree, i);
		double part;

		if (!node->cpus || !is_in(tree, node->group->parent, parent))
			continue;
		add_group(tree, node, node->busy ? share->cpu_weight : 0);
		part = node->busy ? share++->part : capacity;
		if (node->group->cap > 0)
			part = MIN(part, node->group->cap);
		if (depth < CPU_GROUP_DEPTH_MAX &&
		    !level_weigh(tree, node->group, part, depth + 1, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean weigh(struct sched_plan *plan, gboolean reserving, GError **error)
{
	struct tree *tree = tree_new(plan, reserving);
	gboolean kept;

	g_array_set_size(plan->groups, 0);
	kept = level_weigh(tree, NULL, HUGE_VAL, 0, error);
	tree_free(tree);
	return kept;
}

gboolean sched_group_weigh(struct sched_plan *plan, GError **error)
{
	if (weigh(plan, TRUE, error))
		return TRUE;
	(void)weigh(plan, FALSE, NULL);
	return FALSE;
}

/* ---- caps ------------------------------------------------------------------------------------ */

/* "60 % (a) + 50 % (b) = 110 %" of those within group; *ret is the sum. */
static char *sum_words(const struct sched_plan *plan, const struct cpu_group *group, uint64_t *ret)
{
	GString *text = g_string_new(NULL);
	uint64_t sum = 0, others = 0;
	guint listed = 0, more = 0;

	for (guint i = 0; i < plan->members->len; i++) {
		const struct sched_member *member = member_at(plan, i);

		if (member->wish->reserve == 0 ||
		    !cpu_group_is_within(plan->cpu_groups,
					 cpu_group_find(plan->cpu_groups, member->wish->group),
					 group->name))
			continue;
		sum += member->wish->reserve;
		if (listed == NAMES_MAX) {
			others += member->wish->reserve;
			more++;
			continue;
		}
		g_string_append_printf(text, "%s%u %% (%s)", listed++ > 0 ? " + " : "",
				       member->wish->reserve, member->name);
	}
	if (more > 0)
		g_string_append_printf(text, " + %" G_GUINT64_FORMAT " %% (%u more)", others, more);
	g_string_append_printf(text, " = %" G_GUINT64_FORMAT " %%", sum);
	*ret = sum;
	return g_string_free(text, FALSE);
}

/* By how much more is promised within the group than its cap allows, in hundredths of a percent. */
static uint64_t excess(const struct sched_plan *plan, const char *name)
{
	const struct cpu_group *group = cpu_group_find(plan->cpu_groups, name);
	uint64_t sum = 0;

	if (!group || group->cap == 0)
		return 0;
	g_free(sum_words(plan, group, &sum));
	sum *= 100;
	return sum - MIN(sum, (uint64_t)group->cap * SCHED_RESERVABLE);
}

gboolean sched_group_check_caps(const struct sched_plan *plan, const struct sched_plan *before,
				const char *name, GError **error)
{
	for (guint i = 0; plan->cpu_groups && i < plan->cpu_groups->len; i++) {
		const struct cpu_group *group = plan->cpu_groups->pdata[i];
		uint64_t sum;

		if (excess(plan, group->name) <= (before ? excess(before, group->name) : 0))
			continue;
		g_autofree char *words = sum_words(plan, group, &sum);
		g_autofree char *who = name ? g_strdup_printf("VM %s: its reservation does", name)
					    : g_strdup("the reservations do");
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NO_CPU,
			    "%s not fit: %s of a CPU would be reserved in group %s, whose cap is "
			    "%u %% (of which %u in 100 can be reserved): lower a reservation, stop "
			    "one of these VMs, or raise the cap",
			    who, words, group->name, group->cap, SCHED_RESERVABLE);
		return FALSE;
	}
	return TRUE;
}
