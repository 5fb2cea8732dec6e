/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a plan's weights are worth, CPU by CPU: a machine's weight, and a group's, is divided among
 * the CPUs by where its load is (as the kernel does it with a task group's shares), and on each CPU
 * those of one parent share what it gets by that. Weights are chosen as if everybody's load were
 * even over his CPUs, which is not so in groups whose members are bound apart, and with lists for
 * each processor.
 */
#ifndef SCHED_JUDGE_H
#define SCHED_JUDGE_H

#include "sched_plan.h"

/*
 * Looks at a plan whose weights are chosen, all of its machines wanting all that they can have.
 * Where somebody would get less than he reserves, weights of machines and groups are raised until
 * nobody does; where none are found that do, the weights stay, and who gets less is marked
 * `unkept`.
 */
void sched_judge(struct sched_plan *plan);

#endif
