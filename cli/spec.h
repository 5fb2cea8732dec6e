/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SPECs: what --disk and --nic take, "path=/srv/a.img,cache=none", and the JSON that it stands for.
 * A comma within a value is written twice. Talks to nobody.
 */
#ifndef SPEC_H
#define SPEC_H

#include <json-c/json.h>
#include <stdbool.h>

enum spec_kind {
	SPEC_TEXT,
	SPEC_PATH,   /* made absolute here: the service has another directory */
	SPEC_CHOICE, /* `choices` is "one|other" */
	SPEC_NUMBER,
	SPEC_SIZE, /* bytes a second; K, M, G, T as everywhere */
	SPEC_YES_NO,
};

struct spec_key {
	const char *name;   /* as people write it */
	const char *member; /* as the definition has it */
	enum spec_kind kind;
	const char *choices;
};

struct spec {
	const char *option;	      /* "disk" */
	const char *start;	      /* how each begins: "path=FILE" */
	const struct spec_key *first; /* the key that must be there; of a NIC, before all others */
	bool first_leads;
	const struct spec_key *keys; /* ended by a NULL name */
};

extern const struct spec spec_disk, spec_nic;

/* For the help of create and edit; every key is in it. */
#define SPEC_HELP                                                                          \
	"A SPEC is key=value pairs with a ',' between them; ',,' is a comma in a value.\n" \
	"--disk path=FILE[,format=raw|qcow2|vhd|vhdx][,type=disk|dvd]\n"                   \
	"  [,read-only=yes|no][,cache=writeback|writethrough|none|unsafe]\n"               \
	"  [,discard=yes|no][,serial=TEXT][,iops=N][,bandwidth=SIZE]\n"                    \
	"  [,on-error=report|pause][,controller=0-3][,lun=0-63]\n"                         \
	"--nic type=user|bridge|private|none[,bridge=NAME][,network=NAME]\n"               \
	"  [,mac=ADDRESS][,connected=yes|no][,mtu=N][,bandwidth=SIZE]"

/* An object with the members that are given. NULL and *fault, a sentence to free(). */
struct json_object *spec_parse(const struct spec *spec, const char *text, char **fault);

#endif
