#pragma once

#include <string>
#include <vector>

#include "api/http/host_gate.h"
#include "api/http/message.h"
#include "api/http/server_tls.h"
#include "api/quotas.h"
#include "cli/commands.h"
#include "connectors/guarded.h"
#include "connectors/http/credentials.h"
#include "connectors/http/private_hosts.h"
#include "engine/credential_spaces.h"
#include "engine/delivery.h"
#include "engine/feed_retention.h"
#include "engine/schedule_runner.h"
#include "engine/shard.h"
#include "workflows/plan.h"

namespace settle {

/// All that `settle serve` runs with: flags first, then the environment, then the file, then these defaults. Visible
/// in docs/configuration.md, in the commented example and in `settle serve --help`.
struct Config {
  std::string data;
  std::string listen = "127.0.0.1:8700";
  std::string tools_dir;
  int threads = 0;  ///< 0: one per core
  std::string log_level = "info";
  bool dev = false;
  Duration shutdown_grace{10'000};

  Values values;
  std::vector<CredentialEntry> credentials;
  CredentialSpaces credential_spaces;

  HttpLimits http;
  TlsFiles tls;  ///< no certificate: no TLS
  HostGate hosts;
  QuotaOptions quotas;
  JsonLimits json;
  PlanLimits plan;
  ShardLimits shard;
  std::size_t connections_per_host = 256;
  GuardOptions guard;
  DeliveryLimits webhooks;
  std::vector<std::string> webhooks_private;  ///< origins behind which webhooks may find a private address
  FeedRetentionOptions events;
  ScheduleOptions schedules;
  std::string ca_file;
  PrivateHosts allow_private;
  std::size_t block_cache_bytes = 64U << 20;
};

/// Reads the file (if any) and puts flags and environment over it. Errors: configuration with every problem at once,
/// unknown keys included; `pointer` is the key's place in the file.
Result<Config> read_config(const ServeOptions& options);

/// The same from the text of a file. For tests.
Result<Config> parse_config(std::string_view text, const std::string& file_name);

/// Whether only this machine can reach the address ("127.0.0.1:8700").
bool is_loopback(const std::string& listen);

}  // namespace settle
