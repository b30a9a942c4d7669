#include "cli/config.h"

#include <toml++/toml.h>
#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "connectors/http/origin.h"

namespace settle {
namespace {

/// Strict reading of one table: what is asked for by name is checked, everything else is a problem.
class Table {
 public:
  Table(const toml::table& table, std::string place, std::vector<Problem>& problems)
      : table_(table), place_(std::move(place)), problems_(problems) {}

  void text(std::string_view name, std::string& target) {
    if (const toml::node* node = take(name)) {
      if (const auto value = node->value_exact<std::string>()) {
        target = *value;
      } else {
        wrong(name, "a string");
      }
    }
  }
  void duration(std::string_view name, Duration& target) {
    if (const toml::node* node = take(name)) {
      const auto value = node->value_exact<std::string>();
      const std::optional<Duration> read = value ? parse_duration(*value) : std::nullopt;
      if (read) {
        target = *read;
      } else {
        wrong(name, "a duration such as \"10s\"");
      }
    }
  }
  template <class Number>
  void number(std::string_view name, Number& target, std::int64_t least, std::int64_t most) {
    if (const toml::node* node = take(name)) {
      const auto value = node->value_exact<std::int64_t>();
      if (value && *value >= least && *value <= most) {
        target = static_cast<Number>(*value);
      } else {
        wrong(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
      }
    }
  }
  void texts(std::string_view name, std::vector<std::string>& target) {
    const toml::node* node = take(name);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr) return wrong(name, "a list of strings");
    for (const toml::node& element : *list) {
      if (const auto value = element.value_exact<std::string>()) {
        target.push_back(*value);
      } else {
        return wrong(name, "a list of strings");
      }
    }
  }
  const toml::table* table(std::string_view name) {
    const toml::node* node = take(name);
    if (node == nullptr) return nullptr;
    if (node->as_table() == nullptr) wrong(name, "a table");
    return node->as_table();
  }
  void finish() {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const std::optional<std::string> near = nearest(name, known_);
      problems_.push_back({place_ + name, "unknown_key", "a key of docs/configuration.md", name,
                           "there is no key \"" + name + "\" here (line " + std::to_string(node.source().begin.line) +
                               ")" + did_you_mean(near)});
    }
  }
  void wrong(std::string_view name, const std::string& expected) {
    problems_.push_back({place_ + std::string(name), "wrong_value", expected, "",
                         "\"" + place_ + std::string(name) + "\" takes " + expected});
  }

 private:
  const toml::node* take(std::string_view name) {
    known_.emplace_back(name);
    return table_.get(name);
  }
  const toml::table& table_;
  std::string place_;
  std::vector<Problem>& problems_;
  std::vector<std::string> known_;
};

CredentialEntry read_credential(const std::string& name, const toml::table& table,
                                std::vector<std::string>& name_spaces, std::vector<Problem>& problems) {
  CredentialEntry entry;
  entry.name = name;
  Table fields(table, "credentials." + name + ".", problems);
  std::string kind = "bearer";
  fields.text("kind", kind);
  if (kind == "header") {
    entry.kind = CredentialKind::header;
  } else if (kind == "basic") {
    entry.kind = CredentialKind::basic;
  } else if (kind == "webhook") {
    entry.kind = CredentialKind::webhook;
  } else if (kind != "bearer") {
    fields.wrong("kind", "\"bearer\", \"basic\", \"header\" or \"webhook\"");
  }
  fields.text("header", entry.header_name);
  fields.text("username", entry.username);
  fields.text("secret_env", entry.secret_env);
  fields.text("secret_file", entry.secret_file);
  fields.texts("origins", entry.origins);
  fields.texts("namespaces", name_spaces);
  if (name_spaces.empty()) name_spaces = {"default"};
  fields.finish();
  return entry;
}

void read_limits(const toml::table& table, Config& config, std::vector<Problem>& problems) {
  Table limits(table, "limits.", problems);
  constexpr std::int64_t many = 10'000'000, gibibyte = 1 << 30;
  limits.number("header_bytes", config.http.header_bytes_max, 1024, 1 << 20);
  limits.number("header_fields", config.http.header_fields_max, 8, 1000);
  limits.number("body_bytes", config.http.body_bytes_max, 1024, gibibyte);
  limits.number("connections", config.http.connections_max, 1, many);
  limits.number("connections_per_peer", config.http.connections_per_peer_max, 1, many);
  limits.number("requests_in_flight", config.http.requests_in_flight_max, 1, many);
  limits.duration("handshake_timeout", config.http.handshake_timeout);
  limits.duration("header_timeout", config.http.header_timeout);
  limits.duration("body_timeout", config.http.body_timeout);
  limits.duration("idle_timeout", config.http.idle_timeout);
  limits.duration("write_timeout", config.http.write_timeout);
  limits.number("json_depth", config.json.depth_max, 4, 256);
  limits.number("json_nodes", config.json.nodes_max, 100, many);
  limits.number("actions_per_plan", config.plan.actions_max, 1, 1'000'000);
  limits.number("live_workflows", config.shard.live_max, 1, many);
  limits.number("calls_per_workflow", config.shard.calls_per_workflow, 1, many);
  limits.number("waiting_requests", config.shard.watches_max, 1, many);
  limits.number("connections_per_host", config.connections_per_host, 1, 65'536);
  limits.number("block_cache_bytes", config.block_cache_bytes, 1 << 20, std::int64_t{64} << 30);
  limits.finish();
  config.json.bytes_max = config.http.body_bytes_max;
}

/// What is not said is as in `limits`.
QuotaLimits read_quota(Table& fields, QuotaLimits limits) {
  const auto read = [&](std::string_view name, auto& limit, std::int64_t most) {
    auto given = limit.value_or(0);
    fields.number(name, given, 1, most);
    if (given != 0) limit = given;
  };
  read("requests_per_second", limits.requests_per_second, 1'000'000);
  read("open_workflows", limits.open_workflows, 1'000'000'000);
  read("bytes", limits.bytes, std::int64_t{1} << 50);
  return limits;
}

/// What stands in the table itself is the usual; a table in it says what is otherwise for one namespace.
void read_quotas(const toml::table& table, QuotaOptions& quotas, std::vector<Problem>& problems) {
  Table fields(table, "quotas.", problems);
  quotas.usual = read_quota(fields, {});
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (node.as_table() == nullptr) continue;
    const toml::table* own = fields.table(name);
    Table inner(*own, "quotas." + name + ".", problems);
    quotas.own[name] = read_quota(inner, quotas.usual);
    inner.finish();
  }
  fields.finish();
}

void read_circuit(const toml::table& table, CircuitOptions& circuit, std::vector<Problem>& problems) {
  Table fields(table, "circuit.", problems);
  fields.number("failures", circuit.failures, 0, 1'000);
  fields.duration("window", circuit.window);
  fields.duration("open", circuit.open);
  circuit.open_max = std::max(circuit.open_max, circuit.open);
  fields.duration("open_max", circuit.open_max);
  if (circuit.open_max < circuit.open) fields.wrong("open_max", "a duration that is not below \"open\"");
  fields.finish();
}

void read_retry_budget(const toml::table& table, RetryBudgetOptions& budget, std::vector<Problem>& problems) {
  Table fields(table, "retry_budget.", problems);
  fields.number("percent", budget.percent, 0, 100);
  fields.number("per_second", budget.per_second, 1, 1'000'000);
  fields.finish();
}

void read_webhooks(const toml::table& table, Config& config, std::vector<Problem>& problems) {
  Table fields(table, "webhooks.", problems);
  DeliveryLimits& limits = config.webhooks;
  fields.duration("timeout", limits.timeout);
  fields.duration("first_retry", limits.first_retry);
  fields.duration("retry_max", limits.retry_max);
  fields.number("attempts", limits.attempts_max, 1, 1'000);
  fields.duration("disable_after", limits.disable_after);
  fields.number("calls", limits.calls_max, 1, 256);
  fields.number("dead_letters", limits.dead_letters_max, 1, 100'000);
  fields.texts("allow_private", config.webhooks_private);
  for (std::string& origin : config.webhooks_private) {
    const std::optional<Origin> read = parse_origin(origin);
    if (!read) fields.wrong("allow_private", "origins such as \"http://127.0.0.1:9000\", not \"" + origin + "\"");
    if (read) origin = read->text;
  }
  fields.finish();
}

void read_hosts(Table& root, HostGate& gate) {
  std::vector<std::string> given;
  root.texts("hosts", given);
  for (const std::string& host : given) {
    if (!gate.add(host))
      root.wrong("hosts", "names such as \"settle.example.com\" or \"settle.example.com:8443\", not \"" + host + "\"");
  }
}

void read_tls(const toml::table& table, TlsFiles& tls, std::vector<Problem>& problems) {
  Table fields(table, "tls.", problems);
  fields.text("certificate", tls.certificate);
  fields.text("key", tls.key);
  fields.text("client_ca", tls.client_ca);
  // Whoever names an authority means it to keep others out.
  std::string clients = tls.client_ca.empty() ? "none" : "required";
  fields.text("client_certificates", clients);
  if (clients == "required") {
    tls.clients = ClientCertificates::required;
  } else if (clients == "optional") {
    tls.clients = ClientCertificates::optional;
  } else if (clients != "none") {
    fields.wrong("client_certificates", "\"none\", \"optional\" or \"required\"");
  }
  fields.finish();
}

void read_events(const toml::table& table, FeedRetentionOptions& events, std::vector<Problem>& problems) {
  Table fields(table, "events.", problems);
  fields.duration("keep", events.keep);
  fields.number("keep_records", events.records_max, 1, 1'000'000'000);
  fields.finish();
}

void read_schedules(const toml::table& table, ScheduleOptions& schedules, std::vector<Problem>& problems) {
  Table fields(table, "schedules.", problems);
  fields.number("max", schedules.schedules_max, 1, 1'000'000);
  fields.number("max_per_namespace", schedules.name_space_max, 1, 1'000'000);
  fields.number("starts", schedules.starts_max, 1, 1'000);
  fields.finish();
}

/// What only shows once flags and file are put together.
Result<void> check_tls(const TlsFiles& tls) {
  if (tls.certificate.empty() != tls.key.empty()) {
    return fail(ErrorCode::configuration,
                "TLS needs both a certificate and its key (--tls-certificate and --tls-key, or [tls] in the "
                "configuration), and there is only the " +
                    std::string(tls.key.empty() ? "certificate" : "key"));
  }
  if (tls.certificate.empty() && !tls.client_ca.empty())
    return fail(ErrorCode::configuration,
                "certificates of clients are asked for over TLS only: a certificate and its key are needed");
  if (tls.clients != ClientCertificates::none && tls.client_ca.empty())
    return fail(ErrorCode::configuration, "tls.client_certificates needs tls.client_ca: whose certificates are good");
  return {};
}

void read_private_hosts(Table& root, PrivateHosts& hosts) {
  std::vector<std::string> given;
  root.texts("allow_private", given);
  for (const std::string& host : given) {
    if (!hosts.add(host))
      root.wrong("allow_private",
                 "hosts such as \"crm.internal\", \"10.1.2.3:8080\" or \"[fd00::5]\", not \"" + host + "\"");
  }
}

}  // namespace

bool is_loopback(const std::string& listen) {
  return listen.starts_with("127.") || listen.starts_with("[::1]");
}

namespace {

/// The one place where toml++ throws.
Result<toml::table> parse_toml(std::string_view text, const std::string& file_name) {
  try {
    return toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::configuration, file_name + ", line " + std::to_string(error.source().begin.line) + ": " +
                                              std::string(error.description()));
  }
}

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& file_name) {
  const Result<toml::table> parsed = parse_toml(text, file_name);
  if (!parsed) return parsed.error();
  Config config;
  std::vector<Problem> problems;
  Table root(*parsed, "", problems);
  root.text("data", config.data);
  root.text("listen", config.listen);
  root.text("tools", config.tools_dir);
  root.number("threads", config.threads, 0, 256);
  root.text("log_level", config.log_level);
  root.duration("shutdown_grace", config.shutdown_grace);
  root.text("ca_file", config.ca_file);
  read_private_hosts(root, config.allow_private);
  read_hosts(root, config.hosts);
  if (const toml::table* tls = root.table("tls")) read_tls(*tls, config.tls, problems);
  if (const toml::table* values = root.table("values")) {
    for (const auto& [key, node] : *values) {
      if (const auto value = node.value_exact<std::string>()) {
        config.values.emplace(std::string(key.str()), *value);
      } else {
        root.wrong("values." + std::string(key.str()), "a string");
      }
    }
  }
  if (const toml::table* credentials = root.table("credentials")) {
    CredentialSpaces::ByName spaces;
    for (const auto& [key, node] : *credentials) {
      const std::string name(key.str());
      if (const toml::table* entry = node.as_table()) {
        config.credentials.push_back(read_credential(name, *entry, spaces[name], problems));
      } else {
        root.wrong("credentials." + name, "a table");
      }
    }
    config.credential_spaces = CredentialSpaces(std::move(spaces));
  }
  if (const toml::table* limits = root.table("limits")) read_limits(*limits, config, problems);
  if (const toml::table* quotas = root.table("quotas")) read_quotas(*quotas, config.quotas, problems);
  if (const toml::table* circuit = root.table("circuit")) read_circuit(*circuit, config.guard.circuit, problems);
  if (const toml::table* budget = root.table("retry_budget")) read_retry_budget(*budget, config.guard.budget, problems);
  if (const toml::table* webhooks = root.table("webhooks")) read_webhooks(*webhooks, config, problems);
  if (const toml::table* events = root.table("events")) read_events(*events, config.events, problems);
  if (const toml::table* schedules = root.table("schedules")) read_schedules(*schedules, config.schedules, problems);
  root.finish();
  if (problems.empty()) return config;
  std::string message = file_name + ": " + problems[0].message;
  if (problems.size() > 1) message += " (and " + std::to_string(problems.size() - 1) + " more)";
  return fail(ErrorCode::configuration, std::move(message), std::move(problems));
}

Result<Config> read_config(const ServeOptions& options) {
  Config config;
  if (!options.config_file.empty()) {
    std::ifstream file(options.config_file, std::ios::binary);
    std::ostringstream text;
    if (file) text << file.rdbuf();
    if (!file)
      return fail(ErrorCode::configuration, "the configuration file " + options.config_file + " can't be read");
    Result<Config> parsed = parse_config(text.str(), options.config_file);
    if (!parsed) return parsed;
    config = *std::move(parsed);
  }
  if (options.data) config.data = *options.data;
  if (options.listen) config.listen = *options.listen;
  if (options.tools_dir) config.tools_dir = *options.tools_dir;
  if (options.threads) config.threads = *options.threads;
  if (options.log_level) config.log_level = *options.log_level;
  if (options.tls_certificate) config.tls.certificate = *options.tls_certificate;
  if (options.tls_key) config.tls.key = *options.tls_key;
  if (options.tls_client_ca) {
    config.tls.client_ca = *options.tls_client_ca;
    if (config.tls.clients == ClientCertificates::none) config.tls.clients = ClientCertificates::required;
  }
  config.dev = options.dev;

  constexpr std::string_view levels[] = {"error", "warning", "info", "debug"};
  if (config.data.empty())
    return fail(ErrorCode::configuration,
                "no data folder: give --data DIR, SETTLE_DATA or data = \"…\" in the configuration");
  if (std::find(std::begin(levels), std::end(levels), config.log_level) == std::end(levels))
    return fail(ErrorCode::configuration,
                "the log level is error, warning, info or debug, not \"" + config.log_level + "\"");
  if (config.dev && !is_loopback(config.listen))
    return fail(ErrorCode::configuration,
                "--dev runs without tokens and listens on loopback only (127.0.0.1 or [::1]), not on " + config.listen);
  if (const Result<void> tls = check_tls(config.tls); !tls) return tls.error();
  return config;
}

}  // namespace settle
