-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Version 3: what is known of a saved state, in state saved and restoring; its file is beside.
ALTER TABLE vm ADD COLUMN saved_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE vm ADD COLUMN saved_size INTEGER NOT NULL DEFAULT 0;  -- bytes on the disk
ALTER TABLE vm ADD COLUMN saved_engine TEXT NOT NULL DEFAULT '';  -- that alone can restore it
