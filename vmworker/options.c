/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "uuid.h"
#include "worker_error.h"

#define START_TIMEOUT_DEFAULT_MS 10000u
#define START_TIMEOUT_MAX_MS	 600000u

enum {
	OPT_UUID = 256,
	OPT_NAME,
	OPT_RUNTIME_DIR,
	OPT_CACHE_DIR,
	OPT_START_TIMEOUT,
	OPT_PROBE,
	OPT_MEASURE,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"uuid", required_argument, NULL, OPT_UUID},
	{"name", required_argument, NULL, OPT_NAME},
	{"runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR},
	{"cache-dir", required_argument, NULL, OPT_CACHE_DIR},
	{"start-timeout", required_argument, NULL, OPT_START_TIMEOUT},
	{"probe", no_argument, NULL, OPT_PROBE},
	{"measure", no_argument, NULL, OPT_MEASURE},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{0},
};

const char *options_help(void)
{
	return "Usage: vmworker --uuid UUID --name NAME --runtime-dir DIR [--cache-dir DIR]\n"
	       "                [--start-timeout MS]\n"
	       "       vmworker --probe | --measure\n"
	       "\n"
	       "Runs one virtual machine. Started by vmmsd, not by hand: it serves org.vmms1.Worker on\n"
	       "DIR/control (or on the socket passed by LISTEN_FDS) and waits for Start.\n"
	       "\n"
	       "  --uuid UUID          identity of the virtual machine\n"
	       "  --name NAME          its name, for messages\n"
	       "  --runtime-dir DIR    where the control socket is\n"
	       "  --cache-dir DIR      what all workers of this user share (vmworker-translate)\n"
	       "  --start-timeout MS   exit unless started within this time (default 10000)\n"
	       "  --probe              print what the hypervisor of this host can do, as JSON\n"
	       "  --measure            print how fast guest code runs here, as JSON; takes longer\n"
	       "  --version            print the version\n"
	       "  -h, --help           print this\n"
	       "\n"
	       "Example: vmworker --probe\n";
}

static gboolean timeout_parse(const char *text, uint32_t *ret, GError **error)
{
	char *end = NULL;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || !g_ascii_isdigit(text[0]) || value == 0 ||
	    value > START_TIMEOUT_MAX_MS) {
		g_set_error(
			error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
			"vmworker: --start-timeout \"%.32s\" is not a time; give 1 to %u milliseconds",
			text, START_TIMEOUT_MAX_MS);
		return FALSE;
	}
	*ret = (uint32_t)value;
	return TRUE;
}

static gboolean run_check(const struct options *options, GError **error)
{
	const char *fault = NULL;

	if (!options->uuid)
		fault = "--uuid is missing; give the identity of the virtual machine";
	else if (!uuid_is_canonical(options->uuid))
		fault = "--uuid is not a lower-case UUID; give it as 8-4-4-4-12 hexadecimal digits";
	else if (!options->name || !options->name[0] || strlen(options->name) > VMMS_NAME_MAX)
		fault = "--name is missing or longer than 64 bytes; give the virtual machine's name";
	else if (!options->runtime_dir || options->runtime_dir[0] != '/')
		fault = "--runtime-dir is missing or relative; give an absolute path";
	else if (options->cache_dir && options->cache_dir[0] != '/')
		fault = "--cache-dir is relative; give an absolute path";
	if (!fault)
		return TRUE;
	g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT, "vmworker: %s", fault);
	return FALSE;
}

gboolean options_parse(int argc, char **argv, struct options *ret, GError **error)
{
	struct options options = {
		.mode = OPTIONS_RUN,
		.start_timeout_ms = START_TIMEOUT_DEFAULT_MS,
	};
	int c;

	optind = 0; /* glibc: begin anew, so that a test can parse twice */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		switch (c) {
		case OPT_UUID:
			options.uuid = optarg;
			break;
		case OPT_NAME:
			options.name = optarg;
			break;
		case OPT_RUNTIME_DIR:
			options.runtime_dir = optarg;
			break;
		case OPT_CACHE_DIR:
			options.cache_dir = optarg;
			break;
		case OPT_START_TIMEOUT:
			if (!timeout_parse(optarg, &options.start_timeout_ms, error))
				return FALSE;
			break;
		case OPT_PROBE:
			options.mode = OPTIONS_PROBE;
			break;
		case OPT_MEASURE:
			options.mode = OPTIONS_MEASURE;
			break;
		case OPT_VERSION:
			options.mode = OPTIONS_VERSION;
			break;
		case 'h':
			options.mode = OPTIONS_HELP;
			break;
		default:
			g_set_error(
				error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
				"vmworker: option \"%.64s\" is unknown or lacks its value; see vmworker --help",
				argv[optind - 1]);
			return FALSE;
		}
	}
	if (optind < argc) {
		g_set_error(error, WORKER_ERROR, WORKER_ERROR_INVALID_ARGUMENT,
			    "vmworker: argument \"%.64s\" is unexpected; see vmworker --help",
			    argv[optind]);
		return FALSE;
	}
	if (options.mode == OPTIONS_RUN && !run_check(&options, error))
		return FALSE;
	*ret = options;
	return TRUE;
}
