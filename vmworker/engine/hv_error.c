/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hv_error.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker_error.h"

#define KVM_DEVICE "/dev/kvm"

/* "add its user web to group kvm", by what the device file really says. */
static char *device_remedy(void)
{
	struct stat st;
	const struct passwd *user = getpwuid(geteuid());
	g_autofree char *user_name =
		user ? g_strdup(user->pw_name) : g_strdup_printf("%u", (unsigned int)geteuid());

	if (stat(KVM_DEVICE, &st) < 0)
		return g_strdup("let it see the device");
	if ((st.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP) || st.st_gid == 0)
		return g_strdup_printf(
			"let its user %s read and write the device (its mode is %04o)", user_name,
			st.st_mode & 07777u);
	const struct group *group = getgrgid(st.st_gid);
	if (!group)
		return g_strdup_printf("add its user %s to the group with number %u", user_name,
				       (unsigned int)st.st_gid);
	return g_strdup_printf("add its user %s to group %s", user_name, group->gr_name);
}

static char *fault_clause(const struct hv_fault *fault)
{
	const char *call = fault->call ? fault->call : "the hypervisor";

	if (fault->sys_errno == 0)
		return g_strdup_printf("%s: %s", call, hv_status_name(fault->status));
	return g_strdup_printf("%s: %s", call, g_strerror(fault->sys_errno));
}

char *hv_error_describe(const struct hv_fault *fault)
{
	g_autofree char *clause = fault_clause(fault);
	g_autofree char *remedy = NULL;

	switch (fault->status) {
	case HV_STATUS_ACCESS_DENIED:
		remedy = device_remedy();
		return g_strdup_printf("the worker may not open " KVM_DEVICE ": %s", remedy);
	case HV_STATUS_OPERATION_DENIED:
		return g_strdup_printf("there is no usable " KVM_DEVICE
				       " (%s): load kvm_intel or kvm_amd, and enable "
				       "virtualization in the firmware",
				       clause);
	case HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED:
		return g_strdup_printf(
			"KVM of this kernel lacks what is needed (%s): update the kernel", clause);
	default:
		return g_strdup_printf("%s (%s)", clause, hv_status_name(fault->status));
	}
}

void hv_error_set(GError **error, const char *vm_name, uint64_t memory,
		  const struct hv_fault *fault)
{
	g_autofree char *text = hv_error_describe(fault);
	enum worker_error code = WORKER_ERROR_FAILED;

	switch (fault->status) {
	case HV_STATUS_ACCESS_DENIED:
		code = WORKER_ERROR_DENIED;
		break;
	case HV_STATUS_OPERATION_DENIED:
		code = WORKER_ERROR_NO_HYPERVISOR;
		break;
	case HV_STATUS_PROCESSOR_FEATURE_NOT_SUPPORTED:
		code = WORKER_ERROR_NOT_SUPPORTED;
		break;
	case HV_STATUS_INSUFFICIENT_MEMORY:
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_NO_MEMORY,
			    "virtual machine %s: the host cannot give %" G_GUINT64_FORMAT
			    " MiB of memory (%s); give less memory or stop other virtual machines",
			    vm_name, memory >> 20, text);
		return;
	default:
		break;
	}
	g_set_error(error, WORKER_ERROR, (gint)code, "virtual machine %s: %s", vm_name, text);
}
