/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a DVD drive answers beside what a disk does (MMC-6 clause 6). */
#include "scsi_private.h"

#define PROFILE_CD_ROM	0x0008
#define PROFILE_DVD_ROM 0x0010
#define CD_MAX_BLOCKS	(UINT64_C(80) * 60 * 75)

enum { TOC_TRACKS, TOC_SESSIONS };

static uint16_t dvd_profile(const struct scsi_unit *unit)
{
	if (unit->tray_open || unit->n_blocks == 0)
		return 0;
	return unit->n_blocks > CD_MAX_BLOCKS ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

/* ---- features (MMC-6 5.3) -------------------------------------------------------------------- */

static void feature_profiles(const struct scsi_unit *unit, uint8_t *p)
{
	put_be16(p, PROFILE_DVD_ROM);
	p[2] = dvd_profile(unit) == PROFILE_DVD_ROM;
	put_be16(p + 4, PROFILE_CD_ROM);
	p[6] = dvd_profile(unit) == PROFILE_CD_ROM;
}

static void feature_core(const struct scsi_unit *unit, uint8_t *p)
{
	(void)unit;
	put_be32(p, 1); /* SCSI */
}

static void feature_removable(const struct scsi_unit *unit, uint8_t *p)
{
	(void)unit;
	p[0] = 0x29; /* tray, eject, lock */
}

static void feature_random_readable(const struct scsi_unit *unit, uint8_t *p)
{
	put_be32(p, unit->block_size);
	put_be16(p + 4, 16);
}

static void feature_plain(const struct scsi_unit *unit, uint8_t *p)
{
	(void)unit;
	(void)p;
}

enum { FEATURE_PERSISTENT = 0x02, FEATURE_CURRENT = 0x01 };

static const struct dvd_feature {
	uint16_t code;
	uint8_t version, size;
	bool always;	  /* current whatever is in the drive */
	uint16_t profile; /* current with this one; 0: with any disc */
	void (*fill)(const struct scsi_unit *unit, uint8_t *p);
} dvd_features[] = {
	{0x0000, 0, 8, true, 0, feature_profiles},
	{0x0001, 2, 8, true, 0, feature_core},
	{0x0002, 1, 4, true, 0, feature_plain}, /* morphing: events are asked for */
	{0x0003, 0, 4, true, 0, feature_removable},
	{0x0010, 0, 8, false, 0, feature_random_readable},
	{0x001e, 2, 4, false, PROFILE_CD_ROM, feature_plain},
	{0x001f, 1, 4, false, PROFILE_DVD_ROM, feature_plain},
};

static bool feature_is_current(const struct dvd_feature *feature, uint16_t profile)
{
	return feature->always || (profile && (!feature->profile || feature->profile == profile));
}

void scsi_op_get_configuration(const struct scsi_call *call)
{
	uint8_t type = call->cdb[1] & 0x03;
	uint16_t first = be16(call->cdb + 2), profile = dvd_profile(call->unit);
	uint32_t at = 8;
	uint8_t *p = scsi_reply(call, 256);

	if (type == 3) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	for (size_t i = 0; i < sizeof(dvd_features) / sizeof(dvd_features[0]); i++) {
		const struct dvd_feature *feature = &dvd_features[i];
		bool current = feature_is_current(feature, profile);

		if (type == 2 ? feature->code != first
			      : feature->code < first || (type == 1 && !current))
			continue;
		put_be16(p + at, feature->code);
		p[at + 2] = (uint8_t)(feature->version << 2 |
				      (feature->always ? FEATURE_PERSISTENT : 0) |
				      (current ? FEATURE_CURRENT : 0));
		p[at + 3] = feature->size;
		feature->fill(call->unit, p + at + 4);
		at += 4u + feature->size;
	}
	put_be32(p, at - 4);
	put_be16(p + 6, profile);
	call->command->reply_size = at;
	scsi_reply_limit(call, be16(call->cdb + 7));
}

/* ---- the disc: one data track ---------------------------------------------------------------- */

static void dvd_address(uint8_t *p, uint32_t lba, bool msf)
{
	uint32_t frame = lba + 150;

	if (!msf) {
		put_be32(p, lba);
		return;
	}
	if (frame / (60 * 75) > 255) /* beyond what can be said so */
		frame = 256 * 60 * 75 - 1;
	p[1] = (uint8_t)(frame / (60 * 75));
	p[2] = (uint8_t)(frame / 75 % 60);
	p[3] = (uint8_t)(frame % 75);
}

static void dvd_track(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
	p[1] = 0x14; /* data, uninterrupted */
	p[2] = track;
	dvd_address(p + 4, lba, msf);
}

void scsi_op_read_toc(const struct scsi_call *call)
{
	const struct scsi_unit *unit = call->unit;
	bool msf = call->cdb[1] & 0x02;
	uint8_t format = call->cdb[2] & 0x0f, track = call->cdb[6];
	uint32_t end =
		unit->n_blocks > UINT32_MAX - 150 ? UINT32_MAX - 150 : (uint32_t)unit->n_blocks;
	uint32_t at = 4;
	uint8_t *p;

	if (format == 0 && call->cdb[9] >> 6) /* where SFF-8020 had it */
		format = call->cdb[9] >> 6;
	if (format > TOC_SESSIONS || (format == TOC_TRACKS && track > 1 && track != 0xaa)) {
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	p = scsi_reply(call, 20);
	p[2] = p[3] = 1; /* first and last track, or session */
	if (format == TOC_SESSIONS || track <= 1) {
		dvd_track(p + at, 1, 0, msf);
		at += 8;
	}
	if (format == TOC_TRACKS) {
		dvd_track(p + at, 0xaa, end, msf); /* the lead-out */
		at += 8;
	}
	put_be16(p, at - 2);
	call->command->reply_size = at;
	scsi_reply_limit(call, be16(call->cdb + 7));
}

void scsi_op_read_disc_information(const struct scsi_call *call)
{
	uint8_t *p;

	if (call->cdb[1] & 0x07) { /* only the standard kind */
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	p = scsi_reply(call, 34);
	put_be16(p, 32);
	p[2] = 0x0e; /* complete, and so is its last session */
	p[3] = 1;    /* first track */
	p[4] = 1;    /* sessions */
	p[5] = p[6] = 1;
	p[7] = 0x20; /* for unrestricted use */
	scsi_reply_limit(call, be16(call->cdb + 7));
}

/* ---- events ---------------------------------------------------------------------------------- */

void scsi_op_get_event_status(const struct scsi_call *call)
{
	struct scsi_unit *unit = call->unit;
	uint8_t *p;

	if (!(call->cdb[1] & 0x01)) { /* only asked for, never waited for */
		scsi_fail(call, SCSI_INVALID_FIELD_IN_CDB);
		return;
	}
	p = scsi_reply(call, 8);
	p[3] = 0x10; /* media events are all there are */
	if (call->cdb[4] & 0x10) {
		put_be16(p, 6);
		p[2] = 0x04;
		p[4] = unit->media_event;
		p[5] = (uint8_t)(unit->tray_open ? 0x01 : unit->n_blocks ? 0x02 : 0);
		unit->media_event = 0;
	} else {
		put_be16(p, 2);
		p[2] = 0x80; /* none of these */
		call->command->reply_size = 4;
	}
	scsi_reply_limit(call, be16(call->cdb + 7));
}
