-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Version 1: definitions and the last known state of every VM.
CREATE TABLE vm (
	uuid        TEXT PRIMARY KEY NOT NULL,
	name        TEXT NOT NULL UNIQUE,
	definition  TEXT NOT NULL,                 -- canonical JSON
	state       TEXT NOT NULL DEFAULT 'off',
	reason      TEXT NOT NULL DEFAULT '',
	started_us  INTEGER NOT NULL DEFAULT 0,
	worker_pid  INTEGER NOT NULL DEFAULT 0,
	created_us  INTEGER NOT NULL,
	changed_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per key: boot_id, the kernel's, when the service last ran.
CREATE TABLE setting (
	key    TEXT PRIMARY KEY NOT NULL,
	value  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
