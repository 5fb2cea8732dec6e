/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_processor.h"

#include <string.h>

/* The value of the first "key\t: value" line; "" when there is none. */
static char *find(const char *cpuinfo, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(cpuinfo, "\n", -1);

	for (char **line = lines; *line; line++) {
		char *colon = strchr(*line, ':');
		if (!colon)
			continue;
		*colon = '\0';
		if (g_str_equal(g_strstrip(*line), key))
			return g_strdup(g_strstrip(colon + 1));
	}
	return g_strdup("");
}

void host_processor_parse(struct host_processor *processor, const char *cpuinfo)
{
	g_autofree char *line = find(cpuinfo, "flags");
	g_auto(GStrv) flags = g_strsplit(line, " ", -1);

	*processor = (struct host_processor){
		.vendor = find(cpuinfo, "vendor_id"),
		.model = find(cpuinfo, "model name"),
		.svm = g_strv_contains((const char *const *)flags, "svm"),
		.vmx = g_strv_contains((const char *const *)flags, "vmx"),
		.hypervisor = g_strv_contains((const char *const *)flags, "hypervisor"),
	};
}

void host_processor_clear(struct host_processor *processor)
{
	g_clear_pointer(&processor->vendor, g_free);
	g_clear_pointer(&processor->model, g_free);
}

const char *host_processor_explain_no_kvm(const struct host_processor *processor)
{
	if (processor->svm)
		return "the processor has AMD-V and KVM is not loaded: run \"modprobe kvm_amd\"";
	if (processor->vmx)
		return "the processor has VT-x and KVM is not loaded: run \"modprobe kvm_intel\"";
	if (processor->hypervisor)
		return "this host is itself a virtual machine whose processor offers neither AMD-V "
		       "nor VT-x: enable nested virtualization where it runs";
	if (g_str_equal(processor->vendor, "AuthenticAMD") ||
	    g_str_equal(processor->vendor, "HygonGenuine"))
		return "the processor does not offer AMD-V: enable SVM in the firmware setup, then "
		       "run \"modprobe kvm_amd\"";
	if (g_str_equal(processor->vendor, "GenuineIntel") ||
	    g_str_equal(processor->vendor, "CentaurHauls"))
		return "the processor does not offer VT-x: enable it in the firmware setup, then run "
		       "\"modprobe kvm_intel\"";
	return "the processor offers neither AMD-V nor VT-x: use a host that has one";
}
