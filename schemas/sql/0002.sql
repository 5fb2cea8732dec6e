-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Version 2: CPU groups. Who is in one says so in its own definition.
CREATE TABLE cpu_group (
	name        TEXT PRIMARY KEY NOT NULL,
	definition  TEXT NOT NULL,                 -- canonical JSON
	changed_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
