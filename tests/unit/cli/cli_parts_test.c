// SPDX-License-Identifier: LGPL-2.1-or-later
/* The parts of hvctl that talk to nobody: numbers, sizes, times, words, JSON text. */
#include <glib.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "options.h"
#include "output.h"
#include "spec.h"

static void test_size(void)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} cases[] = {
		{"0", true, 0},
		{"4096", true, 4096},
		{"1K", true, 1024},
		{"512m", true, 512u << 20},
		{"2GiB", true, UINT64_C(2) << 30},
		{"2gb", true, UINT64_C(2) << 30},
		{"3T", true, UINT64_C(3) << 40},
		{"7B", true, 7},
		{"18446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"16777216T", false, 0},
		{"", false, 0},
		{"M", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 M", false, 0},
		{"1Mi", false, 0},
		{"1MM", false, 0},
		{"0x10", false, 0},
		{"1.5G", false, 0},
	};
	uint64_t value;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(parse_size(cases[i].text, &value), ==, cases[i].ok);
		if (cases[i].ok)
			g_assert_cmpuint(value, ==, cases[i].value);
	}
}

/* What is printed exactly can be read back: any multiple of a unit below 1024 of them. */
static void test_size_round_trip(void)
{
	char text[FORMAT_SIZE];
	uint64_t value;

	for (unsigned shift = 0; shift <= 40; shift += 10) {
		for (int i = 0; i < 200; i++) {
			uint64_t size = (uint64_t)g_test_rand_int_range(1, 1024) << shift;
			g_assert_true(parse_size(format_size(text, size), &value));
			g_assert_cmpuint(value, ==, size);
		}
	}
	g_assert_cmpstr(format_size(text, 1536), ==, "1.5K");
	g_assert_cmpstr(format_size(text, 1023), ==, "1023");
	g_assert_cmpstr(format_size(text, (1u << 20) - 1), ==, "1024K");
	g_assert_cmpstr(format_size(text, UINT64_MAX), ==, "16E");
}

static void test_seconds(void)
{
	uint64_t usec;

	g_assert_true(parse_seconds("30", &usec));
	g_assert_cmpuint(usec, ==, 30000000);
	g_assert_true(parse_seconds("0.25", &usec));
	g_assert_cmpuint(usec, ==, 250000);
	g_assert_true(parse_seconds("1.1234567890123", &usec));
	g_assert_cmpuint(usec, ==, 1123456);
	static const char *const bad[] = {"",	"0",	 "0.0",	       "-1",
					  "1s", "1e3",	 "nan",	       "inf",
					  ".5", "1.2.3", "1000000001", "99999999999999999999"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(parse_seconds(bad[i], &usec));
}

static void test_since(void)
{
	const uint64_t now = UINT64_C(1700000000) * 1000000;
	uint64_t usec;

	g_assert_true(parse_since("90s", now, &usec));
	g_assert_cmpuint(now - usec, ==, 90000000);
	g_assert_true(parse_since("2h", now, &usec));
	g_assert_cmpuint(now - usec, ==, UINT64_C(7200000000));
	g_assert_true(parse_since("999999999d", now, &usec)); /* before the epoch: everything */
	g_assert_cmpuint(usec, <, UINT64_C(86400000000));
	g_assert_true(parse_since("@1600000000", now, &usec));
	g_assert_cmpuint(usec, ==, UINT64_C(1600000000000000));
	g_setenv("TZ", "UTC0", TRUE);
	tzset();
	g_assert_true(parse_since("2023-11-14 22:13:20", now, &usec));
	g_assert_cmpuint(usec, ==, now);
	g_assert_true(parse_since("2023-11-14", now, &usec));
	static const char *const bad[] = {"",
					  "s",
					  "10",
					  "10x",
					  "yesterday",
					  "2023-13-01",
					  "2023-11-14 25:00",
					  "@",
					  "@-1",
					  "-5m",
					  "@18446744073709551615"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(parse_since(bad[i], now, &usec));
}

static void test_duration(void)
{
	char text[FORMAT_SIZE];

	g_assert_cmpstr(format_duration(text, 0), ==, "0s");
	g_assert_cmpstr(format_duration(text, 59), ==, "59s");
	g_assert_cmpstr(format_duration(text, 184), ==, "3m04s");
	g_assert_cmpstr(format_duration(text, 3600), ==, "1h00m");
	g_assert_cmpstr(format_duration(text, 273600), ==, "3d04h");
	g_assert_cmpuint(strlen(format_duration(text, UINT64_MAX)), <, FORMAT_SIZE);
}

static void test_suggest(void)
{
	static const char *const words[] = {"start", "stop", "shutdown", "show", "list", NULL};

	g_assert_cmpstr(suggest("strat", words), ==, "start");
	g_assert_cmpstr(suggest("shut", words), ==, "shutdown");
	g_assert_cmpstr(suggest("lst", words), ==, "list");
	g_assert_cmpstr(suggest("lsit", words), ==, "list");
	g_assert_null(suggest("frobnicate", words));
	g_assert_null(suggest("", words));
	g_autofree char *huge = g_strnfill(1 << 20, 's');
	g_assert_null(suggest(huge, words));
}

static char *stream_text(void (*print)(FILE *stream, const char *text), const char *text)
{
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);

	print(stream, text);
	fclose(stream);
	return out;
}

/* Whatever the text, a JSON reader gives it back. */
static void test_json_string(void)
{
	for (int i = 0; i < 2000; i++) {
		char text[17];
		for (size_t j = 0; j < 16; j++)
			text[j] = (char)g_test_rand_int_range(1, 128);
		text[16] = '\0';
		char *out = stream_text(json_put_string, text);
		struct json_object *object = json_tokener_parse(out);
		g_assert_cmpstr(json_object_get_string(object), ==, text);
		json_object_put(object);
		free(out);
	}
}

/* Nothing that moves a cursor passes. */
static void test_text(void)
{
	static const char text[] = "a\033[2Jb\r\n\x7f\xc2\x9b"
				   "1m \xc3\xa9\xe2\x80\xa6";

	char *out = stream_text(text_print, text);
	g_assert_cmpstr(out, ==, "a?[2Jb????1m \xc3\xa9\xe2\x80\xa6");
	free(out);
	g_assert_cmpuint(text_width("\xc3\xa9\xe2\x80\xa6x"), ==, 3);
	g_assert_cmpuint(text_bytes("\xc3\xa9\xe2\x80\xa6x", 2), ==, 5);
	g_assert_cmpuint(text_bytes("ab", 9), ==, 2);
	g_assert_cmpstr(quote("a\nb").text, ==, "a?b");
	g_autofree char *e = g_strnfill(59, 'x');
	g_autofree char *split = g_strconcat(e, "\xc3\xa9tail", NULL);
	g_autofree char *expected = g_strconcat(e, "...", NULL);
	g_assert_cmpstr(quote(split).text, ==, expected); /* no half of a character */
}

static void test_render(void)
{
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);
	struct json_object *object = json_tokener_parse(
		"{\"name\":\"x\\u001b\",\"workerPid\":null,\"memory\":{\"total\":1048576},"
		"\"engineReason\":\"\",\"list\":[1,2],\"none\":[],\"items\":[{\"cpu\":0},"
		"{\"cpu\":1}],\"KVM_CAP_X\":true,\"odd\":[[1],2],\"frequencies\":[{\"cpus\":\"0\","
		"\"current\":2100000,\"max\":null}],\"latency\":20}");

	json_render(stream, object);
	fclose(stream);
	g_assert_cmpstr(out, ==,
			"Name:           x?\n"
			"Worker PID:     -\n"
			"Memory:\n"
			"  Total:  1M (1048576 bytes)\n"
			"Engine reason:  -\n"
			"List:           1, 2\n"
			"None:           -\n"
			"Items:\n"
			"  [0]\n"
			"    CPU:  0\n"
			"  [1]\n"
			"    CPU:  1\n"
			"KVM_CAP_X:      yes\n"
			"Odd:\n"
			"  [0] [ 1 ]\n"
			"  [1] 2\n"
			"Frequencies:\n"
			"  [0]\n"
			"    CPUs:     0\n"
			"    Current:  2100000 kHz\n"
			"    Max:      -\n"
			"Latency:        20 microseconds\n");
	json_object_put(object);
	free(out);
}

/* A guest chooses the keys of its facts. */
static void test_render_foreign_keys(void)
{
	char *out = NULL;
	size_t size;
	FILE *stream = open_memstream(&out, &size);
	struct json_object *object = json_object_new_object();
	g_autofree char *long_key = g_strnfill(45, 'x');
	g_autofree char *split = g_strconcat(long_key, "\xc3\xa9\xc3\xa9", NULL);
	g_autofree char *expected =
		g_strdup_printf("?[2J?x\xc3\xa9:%*s  1\nX%s:  2\n", 38, "", long_key + 1);

	json_object_object_add(object, "\033[2J\nx\xc3\xa9", json_object_new_int(1));
	json_object_object_add(object, split, json_object_new_int(2));
	json_render(stream, object);
	fclose(stream);
	g_assert_cmpstr(out, ==, expected);
	json_object_put(object);
	free(out);
}

static void test_spec(void)
{
	static const struct {
		const struct spec *spec;
		const char *text, *json;
	} cases[] = {
		{&spec_disk, "path=/a", "{\"path\":\"/a\"}"},
		{&spec_disk, "cache=none,path=/a,,b=c,,,type=dvd",
		 "{\"cache\":\"none\",\"path\":\"/a,b=c,\",\"type\":\"dvd\"}"},
		{&spec_disk,
		 "path=/a,format=vhdx,read-only=yes,discard=no,serial=S 1,iops=7,bandwidth=100M,"
		 "on-error=pause,controller=3,lun=63",
		 "{\"path\":\"/a\",\"format\":\"vhdx\",\"readOnly\":true,\"discard\":false,"
		 "\"serial\":\"S 1\",\"iops\":7,\"bandwidth\":104857600,\"onError\":\"pause\","
		 "\"controller\":3,\"lun\":63}"},
		{&spec_nic, "type=none", "{\"type\":\"none\"}"},
		{&spec_nic,
		 "type=bridge,bridge=br0,network=n,mac=52:54:00:00:00:01,connected=no,mtu=9000,"
		 "bandwidth=1g",
		 "{\"type\":\"bridge\",\"bridge\":\"br0\",\"network\":\"n\","
		 "\"mac\":\"52:54:00:00:00:01\",\"connected\":false,\"mtu\":9000,"
		 "\"bandwidth\":1073741824}"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *fault;
		struct json_object *object = spec_parse(cases[i].spec, cases[i].text, &fault);
		g_assert_cmpstr(fault, ==, NULL);
		g_assert_cmpstr(
			json_object_to_json_string_ext(
				object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			==, cases[i].json);
		json_object_put(object);
	}
	char *fault, *here = g_get_current_dir();
	struct json_object *object = spec_parse(&spec_disk, "path=a.img", &fault);
	g_autofree char *expected = g_build_filename(here, "a.img", NULL);
	g_assert_cmpstr(json_object_get_string(json_object_object_get(object, "path")), ==,
			expected);
	json_object_put(object);
	g_free(here);
}

static void test_spec_refused(void)
{
	static const struct {
		const struct spec *spec;
		const char *text, *fault;
	} cases[] = {
		{&spec_disk, "", "--disk: '' is not key=value; write for example path=FILE"},
		{&spec_disk, "/a.img",
		 "--disk: '/a.img' is not key=value; write for example path=FILE"},
		{&spec_disk, "path=/a,",
		 "--disk: '' is not key=value; write for example path=FILE"},
		{&spec_disk, "path=/a,read-only",
		 "--disk: 'read-only' is not key=value; write for example path=FILE"},
		{&spec_disk, "pth=/a", "--disk: there is no key 'pth'; did you mean path?"},
		{&spec_disk, "readonly=yes,path=/a",
		 "--disk: there is no key 'readonly'; did you mean read-only?"},
		{&spec_disk, "path=/a,colour=red",
		 "--disk: there is no key 'colour'; the keys are path, format, type, read-only, "
		 "cache, discard, serial, iops, bandwidth, on-error, controller, lun"},
		{&spec_disk, "=x",
		 "--disk: there is no key ''; the keys are path, format, type, "
		 "read-only, cache, discard, serial, iops, bandwidth, on-error, "
		 "controller, lun"},
		{&spec_disk, "path=/a,path=/b", "--disk: path is given twice"},
		{&spec_disk, "path=", "--disk: path= needs a value"},
		{&spec_disk, "format=raw", "--disk: path is missing; write path=FILE"},
		{&spec_disk, "path=/a,format=vmdk",
		 "--disk: format is one of raw|qcow2|vhd|vhdx, not 'vmdk'"},
		{&spec_disk, "path=/a,format=raw|vhd",
		 "--disk: format is one of raw|qcow2|vhd|vhdx, not 'raw|vhd'"},
		{&spec_disk, "path=/a,lun=one", "--disk: lun needs a whole number, not 'one'"},
		{&spec_disk, "path=/a,lun=-1", "--disk: lun needs a whole number, not '-1'"},
		{&spec_disk, "path=/a,bandwidth=fast",
		 "--disk: bandwidth needs a size like 100M, not 'fast'"},
		{&spec_disk, "path=/a,read-only=true",
		 "--disk: read-only is yes or no, not 'true'"},
		{&spec_nic, "",
		 "--nic: '' is not key=value; write for example "
		 "type=user|bridge|private|none"},
		{&spec_nic, "bridge=br0", "--nic: begin with type=user|bridge|private|none"},
		{&spec_nic, "mac=x,type=user", "--nic: begin with type=user|bridge|private|none"},
		{&spec_nic, "type=nat",
		 "--nic: type is one of user|bridge|private|none, not 'nat'"},
		{&spec_nic, "type=user,mac",
		 "--nic: 'mac' is not key=value; write for example "
		 "type=user|bridge|private|none"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *fault;
		g_test_message("%s", cases[i].text);
		g_assert_null(spec_parse(cases[i].spec, cases[i].text, &fault));
		g_assert_cmpstr(fault, ==, cases[i].fault);
		free(fault);
	}
}

/* The help has every key and every choice. */
static void test_spec_help(void)
{
	static const struct spec *const specs[] = {&spec_disk, &spec_nic};

	for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
		for (const struct spec_key *key = specs[i]->keys; key->name; key++) {
			g_autofree char *part = g_strdup_printf("%s=%s", key->name,
								key->choices ? key->choices : "");
			if (!strstr(SPEC_HELP, part))
				g_error("the help does not have %s of --%s", part,
					specs[i]->option);
		}
	}
}

/* Any value comes through when its commas are doubled; no text does harm. */
static void test_spec_random(void)
{
	for (int i = 0; i < 3000; i++) {
		g_autoptr(GString) doubled = g_string_new("path=/");
		char value[18] = "/", *fault;
		for (size_t j = 1; j < 17; j++) {
			value[j] = ",=ab/"[g_test_rand_int_range(0, 5)];
			g_string_append_printf(doubled, value[j] == ',' ? "%c," : "%c", value[j]);
		}
		g_string_append(doubled, ",lun=1");
		/* What is cut off by an odd number of commas before the last pair is text, too. */
		struct json_object *object = spec_parse(&spec_disk, doubled->str, &fault);
		g_assert_cmpstr(fault, ==, NULL);
		g_assert_cmpstr(json_object_get_string(json_object_object_get(object, "path")), ==,
				value);
		json_object_put(object);
		object = spec_parse(&spec_disk, value, &fault);
		g_assert_true((object == NULL) == (fault != NULL));
		json_object_put(object);
		free(fault);
	}
}

/* The exit codes of the contract. */
static void test_exit_codes(void)
{
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_FAILED), ==, 1);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_NAME_EXISTS), ==, 1);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_INVALID_NAME), ==, 2);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_INVALID_DEFINITION), ==, 2);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_INVALID_ARGUMENT), ==, 2);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_NO_SUCH_VM), ==, 3);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_WRONG_STATE), ==, 4);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_BUSY), ==, 4);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_DENIED), ==, 5);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_TIMED_OUT), ==, 6);
	g_assert_cmpint(exit_code_of(HVCTL_ERROR_UNREACHABLE), ==, 7);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/size", test_size);
	g_test_add_func("/cli/size-round-trip", test_size_round_trip);
	g_test_add_func("/cli/seconds", test_seconds);
	g_test_add_func("/cli/since", test_since);
	g_test_add_func("/cli/duration", test_duration);
	g_test_add_func("/cli/suggest", test_suggest);
	g_test_add_func("/cli/json-string", test_json_string);
	g_test_add_func("/cli/text", test_text);
	g_test_add_func("/cli/render", test_render);
	g_test_add_func("/cli/render-foreign-keys", test_render_foreign_keys);
	g_test_add_func("/cli/spec", test_spec);
	g_test_add_func("/cli/spec-refused", test_spec_refused);
	g_test_add_func("/cli/spec-help", test_spec_help);
	g_test_add_func("/cli/spec-random", test_spec_random);
	g_test_add_func("/cli/exit-codes", test_exit_codes);
	return g_test_run();
}
