/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TREE_REMOVE_H
#define TREE_REMOVE_H

/*
 * Removes a directory and what is in it, of whatever a hostile owner has made there: no link is
 * followed, and what is deeper than any tree of ours stays. -errno when something is left; 0 also
 * when there is none.
 */
int tree_remove_at(int directory, const char *name);

#endif
