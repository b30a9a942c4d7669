#pragma once

#include <functional>
#include <optional>
#include <string>

namespace settle {

/// What `settle serve` was told by flags and environment (flags first). What is not set was said by neither: the
/// configuration file decides, then the default named beside it.
struct ServeOptions {
  std::optional<std::string> data;       ///< --data, SETTLE_DATA: folder of the store; no default
  std::optional<std::string> listen;     ///< --listen, SETTLE_LISTEN: default 127.0.0.1:8700
  std::optional<std::string> tools_dir;  ///< --tools, SETTLE_TOOLS: folder of *.json, loaded at start; default none
  std::string config_file;               ///< --config, SETTLE_CONFIG: a TOML file; empty: none
  std::optional<int> threads;            ///< --threads, SETTLE_THREADS: event loops, at least 1; default one per core
  std::optional<std::string> log_level;  ///< --log-level, SETTLE_LOG_LEVEL: error, warning, info or debug; default info
  bool dev = false;                      ///< --dev: no tokens, loopback only
  std::optional<std::string> tls_certificate;  ///< --tls-certificate, SETTLE_TLS_CERTIFICATE: PEM file; none: no TLS
  std::optional<std::string> tls_key;          ///< --tls-key, SETTLE_TLS_KEY: PEM file
  std::optional<std::string>
      tls_client_ca;  ///< --tls-client-ca, SETTLE_TLS_CLIENT_CA: PEM file; none: no clients asked
};

/// What `settle inspect` was told.
struct InspectOptions {
  std::string data;      ///< folder of the store
  std::string workflow;  ///< an id; empty: list the workflows
  std::string name_space = "default";
  bool json = false;
};

/// The two commands that need the engine; main() provides them, so that the client stays free of stores and connectors.
/// Both return the exit code of the process.
using ServeCommand = std::function<int(const ServeOptions&)>;
using InspectCommand = std::function<int(const InspectOptions&)>;

/// Parses the command line, runs the command and returns the exit code (docs/cli.md has the table).
int run_cli(int argc, char** argv, const ServeCommand& serve, const InspectCommand& inspect);

}  // namespace settle
