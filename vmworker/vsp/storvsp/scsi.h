/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SCSI as a disk or a DVD drive answers it (SPC-4, SBC-3, MMC-6). Pure: a command descriptor block
 * and, for the few commands that bring parameters, a private copy of them go in; what is to be done
 * with the medium, or the answer, comes out. Nothing here moves data.
 */
#ifndef SCSI_H
#define SCSI_H

#include <stdbool.h>
#include <stdint.h>

#define SCSI_CDB_MAX	    16u
#define SCSI_SENSE_SIZE	    18u /* fixed format, without additional bytes */
#define SCSI_REPLY_MAX	    640u
#define SCSI_PARAMETERS_MAX 4096u
#define SCSI_RANGES_MAX	    32u /* of one UNMAP */
#define SCSI_LUNS	    64u

enum scsi_kind { SCSI_DISK = 0x00, SCSI_DVD = 0x05 }; /* peripheral device types */

/* Sense key, additional code and qualifier. */
enum scsi_sense {
	SCSI_SENSE_NONE = 0x000000,
	SCSI_NOT_READY_TRAY_CLOSED = 0x023a01, /* medium not present */
	SCSI_NOT_READY_TRAY_OPEN = 0x023a02,
	SCSI_MEDIUM_WRITE_ERROR = 0x030c00,
	SCSI_MEDIUM_READ_ERROR = 0x031100,
	SCSI_INTERNAL_TARGET_FAILURE = 0x044400,
	SCSI_PARAMETER_LIST_LENGTH = 0x051a00,
	SCSI_INVALID_OPCODE = 0x052000,
	SCSI_LBA_OUT_OF_RANGE = 0x052100,
	SCSI_INVALID_FIELD_IN_CDB = 0x052400,
	SCSI_LUN_NOT_SUPPORTED = 0x052500,
	SCSI_INVALID_FIELD_IN_PARAMETERS = 0x052600,
	SCSI_SAVING_NOT_SUPPORTED = 0x053900,
	SCSI_REMOVAL_PREVENTED = 0x055302,
	SCSI_ATTENTION_MEDIUM_CHANGED = 0x062800,
	SCSI_ATTENTION_BUS_RESET = 0x062902,
	SCSI_ATTENTION_CAPACITY_CHANGED = 0x062a09,
	SCSI_ATTENTION_LUNS_CHANGED = 0x063f0e, /* reported LUNs data */
	SCSI_WRITE_PROTECTED = 0x072700,
	SCSI_SPACE_ALLOCATION_FAILED = 0x072707,
};

/* Unit attentions that wait to be told, the first first. */
enum {
	SCSI_PENDING_RESET = 1u << 0,
	SCSI_PENDING_MEDIUM = 1u << 1,
	SCSI_PENDING_CAPACITY = 1u << 2,
	SCSI_PENDING_LUNS = 1u << 3,
};

struct scsi_unit {
	enum scsi_kind kind;
	/* The medium; all 0 in a DVD drive without a disc. */
	uint64_t n_blocks;
	uint32_t block_size; /* 512, 2048 (DVD), 4096 */
	uint32_t physical_block_size;
	bool read_only, write_back, discard, discard_zeroes;

	uint32_t max_transfer; /* bytes of one READ or WRITE */
	char vendor[9], product[17], revision[5];
	char serial[37];
	uint8_t id[16]; /* of the disk, for ever; what VPD page 83h is made from */

	/* State. */
	uint8_t pending; /* SCSI_PENDING_* */
	bool tray_open, removal_prevented;
	uint8_t media_event; /* of GET EVENT STATUS NOTIFICATION, 0: none */
};

enum scsi_action {
	SCSI_REPLY, /* done: `reply` goes to the guest, which may be nothing */
	SCSI_FAIL,  /* CHECK CONDITION with `sense` */
	SCSI_READ,
	SCSI_WRITE,
	SCSI_FLUSH,
	SCSI_UNMAP,	   /* `ranges` */
	SCSI_WRITE_ZEROES, /* reads zeroes afterwards */
	SCSI_WRITE_SAME,   /* the one block of data over and over */
};

struct scsi_range { /* bytes, within the medium */
	uint64_t offset, length;
};

struct scsi_command {
	enum scsi_action action;
	struct scsi_range range; /* READ, WRITE, WRITE_ZEROES, WRITE_SAME */
	bool fua, may_unmap;
	enum scsi_sense sense;
	uint32_t reply_size, n_ranges;
	uint8_t reply[SCSI_REPLY_MAX];
	struct scsi_range ranges[SCSI_RANGES_MAX];
};

struct scsi_input {
	const uint8_t *cdb; /* SCSI_CDB_MAX bytes */
	uint8_t cdb_size;   /* how many of them the guest meant */
	/* Data from the guest, as many as scsi_parameters_size said, or fewer if it sent fewer. */
	const uint8_t *parameters;
	uint32_t parameters_size;
	uint64_t luns; /* bit mask of those that exist, for REPORT LUNS */
};

/* Bytes of the guest's data that scsi_execute wants to see; 0 for most commands. */
uint32_t scsi_parameters_size(const struct scsi_unit *unit, const uint8_t cdb[SCSI_CDB_MAX]);
/* unit: NULL for a LUN that does not exist; INQUIRY and REPORT LUNS answer all the same. Touches of
 * `command` only what the action uses. */
void scsi_execute(struct scsi_unit *unit, const struct scsi_input *input,
		  struct scsi_command *command);

void scsi_sense_fill(enum scsi_sense sense, uint8_t data[SCSI_SENSE_SIZE]);
/* What a failed READ, WRITE… of the medium is to the guest. error: negative errno. */
enum scsi_sense scsi_sense_of_errno(int error, enum scsi_action action);

/* ---- events --------------------------------------------------------------------------------- */

void scsi_unit_reset(struct scsi_unit *unit);
/* bytes: a change becomes a unit attention. */
void scsi_unit_set_size(struct scsi_unit *unit, uint64_t bytes);
/* Another LUN of its target came or went. A DVD drive says nothing of it: to a guest an attention
 * of one means that its disc has changed, and reading it fails. */
void scsi_unit_luns_changed(struct scsi_unit *unit);
/* DVD: a disc of that many bytes, or none (0). Closes the tray. */
void scsi_unit_set_medium(struct scsi_unit *unit, uint64_t bytes);

#endif
