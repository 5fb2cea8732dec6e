/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vmworker: one process per virtual machine, the owner of its state (the Vmwp.exe of this system).
 * This one has the engine direct; vmworker-translate is the same with the other.
 */
#include "direct.h"
#include "probe.h"
#include "program.h"
#include "sandbox.h"

static char *probe(void)
{
	struct speed speed = {SPEED_UNKNOWN, SPEED_UNKNOWN};
	struct partition_host host;

	partition_probe(&host);
	if (host.usable)
		speed_measure(&speed);
	return probe_format(&host, &speed);
}

int main(int argc, char **argv)
{
	const struct program_spec spec = {
		.name = "vmworker",
		.engine = &direct_engine,
		.confine = sandbox_enter,
		.probe = probe,
		.measure = speed_measure,
	};

	return program_main(&spec, argc, argv);
}
