/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One command, and what must come of it. */
#ifndef SCSI_RUN_H
#define SCSI_RUN_H

#include <glib.h>
#include <string.h>

#include "scsi.h"

struct scsi_run {
	struct scsi_unit unit;
	struct scsi_command command;
	uint64_t luns;
	uint8_t parameters[SCSI_PARAMETERS_MAX];
	uint32_t parameters_size;
};

/* cdb: as many bytes as the guest says that it has. */
static inline struct scsi_command *scsi_run_cdb(struct scsi_run *run, struct scsi_unit *unit,
						const uint8_t *cdb, uint8_t size)
{
	uint8_t whole[SCSI_CDB_MAX] = {0};
	struct scsi_input input = {.cdb = whole,
				   .cdb_size = size,
				   .parameters = run->parameters,
				   .parameters_size = run->parameters_size,
				   .luns = run->luns};

	memcpy(whole, cdb, size);
	memset(&run->command, 0xa5, sizeof(run->command));
	scsi_execute(unit, &input, &run->command);
	return &run->command;
}

#define CDB(run, ...)                                                   \
	scsi_run_cdb(run, &(run)->unit, (const uint8_t[]){__VA_ARGS__}, \
		     sizeof((const uint8_t[]){__VA_ARGS__}))

#define assert_sense(command, expected)                     \
	do {                                                \
		const struct scsi_command *c_ = (command);  \
		g_assert_cmpint(c_->action, ==, SCSI_FAIL); \
		g_assert_cmphex(c_->sense, ==, (expected)); \
	} while (0)

#define assert_moves(command, what, first, count)                          \
	do {                                                               \
		const struct scsi_command *c_ = (command);                 \
		g_assert_cmpint(c_->action, ==, (what));                   \
		g_assert_cmpuint(c_->range.offset, ==, (uint64_t)(first)); \
		g_assert_cmpuint(c_->range.length, ==, (uint64_t)(count)); \
	} while (0)

#define assert_reply(command, ...)                                                           \
	do {                                                                                 \
		const struct scsi_command *c_ = (command);                                   \
		static const uint8_t e_[] = {__VA_ARGS__};                                   \
		g_assert_cmpint(c_->action, ==, SCSI_REPLY);                                 \
		g_assert_cmpuint(c_->reply_size, ==, sizeof(e_));                            \
		for (size_t i_ = 0; i_ < sizeof(e_); i_++) {                                 \
			if (c_->reply[i_] != e_[i_])                                         \
				g_error("line %d: byte %zu is %02x, not %02x", __LINE__, i_, \
					c_->reply[i_], e_[i_]);                              \
		}                                                                            \
	} while (0)

#define assert_nothing(command)                              \
	do {                                                 \
		const struct scsi_command *c_ = (command);   \
		g_assert_cmpint(c_->action, ==, SCSI_REPLY); \
		g_assert_cmpuint(c_->reply_size, ==, 0);     \
	} while (0)

#endif
