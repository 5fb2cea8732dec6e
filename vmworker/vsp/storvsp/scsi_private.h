/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of scsi.h. */
#ifndef SCSI_PRIVATE_H
#define SCSI_PRIVATE_H

#include <stddef.h>
#include <string.h>

#include "scsi.h"

#define SCSI_MAX_WRITE_SAME (UINT64_C(64) << 20) /* bytes of one WRITE SAME */
#define SCSI_MAX_UNMAP	    (UINT64_C(2) << 30)	 /* bytes of one UNMAP */

struct scsi_call {
	struct scsi_unit *unit;
	const struct scsi_input *input;
	const uint8_t *cdb;
	struct scsi_command *command;
};

enum {
	SCSI_OP_MEDIUM = 1u << 0, /* needs one */
	SCSI_OP_ALWAYS = 1u << 1, /* also while a unit attention waits */
};

struct scsi_opcode {
	void (*execute)(const struct scsi_call *call);
	uint8_t flags;
};

extern const struct scsi_opcode scsi_disk_opcodes[256], scsi_dvd_opcodes[256];

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static inline uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static inline void put_be16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void put_be32(uint8_t *p, uint32_t value)
{
	put_be16(p, value >> 16);
	put_be16(p + 2, value);
}

static inline void put_be64(uint8_t *p, uint64_t value)
{
	put_be32(p, (uint32_t)(value >> 32));
	put_be32(p + 4, (uint32_t)value);
}

/* scsi.c */
void scsi_fail(const struct scsi_call *call, enum scsi_sense sense);
/* Zeroes `size` bytes of the reply for the caller to fill in. */
uint8_t *scsi_reply(const struct scsi_call *call, uint32_t size);
/* The guest wants no more than this of it (SPC-4 4.2.5.6). */
void scsi_reply_limit(const struct scsi_call *call, uint32_t allocation);
/* A text field: left-aligned, padded with spaces. */
void scsi_text(uint8_t *field, size_t size, const char *text);

/* scsi_data.c */
void scsi_op_read(const struct scsi_call *call);
void scsi_op_write(const struct scsi_call *call);
void scsi_op_verify(const struct scsi_call *call);
void scsi_op_synchronize(const struct scsi_call *call);
void scsi_op_write_same(const struct scsi_call *call);
void scsi_op_unmap(const struct scsi_call *call);

/* scsi_inquiry.c */
void scsi_op_inquiry(const struct scsi_call *call);

/* scsi_mode.c */
void scsi_op_mode_sense(const struct scsi_call *call);

/* scsi_unit.c */
void scsi_op_test_unit_ready(const struct scsi_call *call);
void scsi_op_request_sense(const struct scsi_call *call);
void scsi_op_report_luns(const struct scsi_call *call);
void scsi_op_start_stop(const struct scsi_call *call);
void scsi_op_prevent_removal(const struct scsi_call *call);
void scsi_op_read_capacity10(const struct scsi_call *call);
void scsi_op_service_action_in16(const struct scsi_call *call);
/* Takes the first that is pending. SCSI_SENSE_NONE: none was. */
enum scsi_sense scsi_unit_take_attention(struct scsi_unit *unit);

/* scsi_dvd.c */
void scsi_op_get_configuration(const struct scsi_call *call);
void scsi_op_read_toc(const struct scsi_call *call);
void scsi_op_get_event_status(const struct scsi_call *call);
void scsi_op_read_disc_information(const struct scsi_call *call);

#endif
