"""What was read, kept in files on this machine beyond the process: off unless `CATENA_HISTORY_URL` names a folder."""
