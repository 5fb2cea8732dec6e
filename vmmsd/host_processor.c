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

/* The kernel drops the flag of what the firmware switched off; older ones find out with KVM. */
static const char *explain_off(const struct host_processor *processor,
			       const struct host_obstacle *obstacle)
{
	if (processor->svm ? obstacle->loaded : obstacle->svm)
		return "the processor has AMD-V and the firmware keeps it off: enable SVM in the "
		       "firmware setup, then run \"modprobe kvm_amd\"";
	if (processor->vmx ? obstacle->loaded : obstacle->vmx)
		return "the processor has VT-x and the firmware keeps it off: enable it in the "
		       "firmware setup, then run \"modprobe kvm_intel\"";
	return NULL;
}

const char *host_processor_explain_no_kvm(const struct host_processor *processor,
					  const struct host_obstacle *obstacle)
{
	const char *off = processor->hypervisor ? NULL : explain_off(processor, obstacle);

	if (off)
		return off;
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
