#pragma once

#include "cli/client_commands.h"

namespace settle {

// The commands `settle schedule`. Each returns the exit code of the process; see client_commands.h.

/// Makes or changes one from a file with its whole document.
int put_schedule(Client& client, const ScheduleCommandOptions& options);
int list_schedules(Client& client);
int show_schedule(Client& client, const ScheduleCommandOptions& options);
int delete_schedule(Client& client, const ScheduleCommandOptions& options);
int pause_schedule(Client& client, const ScheduleCommandOptions& options);
int resume_schedule(Client& client, const ScheduleCommandOptions& options);
/// One run now; sent with an Idempotency-Key, so that a repeat after a lost answer starts no second one.
int trigger_schedule(Client& client, const ScheduleCommandOptions& options);
/// When a document would run; the same check as that of put.
int preview_schedule(Client& client, const ScheduleCommandOptions& options);

}  // namespace settle
