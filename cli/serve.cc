#include "cli/serve.h"

#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "api/api.h"
#include "cli/config.h"
#include "cli/first_token.h"
#include "cli/tls_watch.h"
#include "cli/webhook_key.h"
#include "cli/webhook_ports.h"
#include "connectors/http/http_connector.h"
#include "engine/asio_loop.h"
#include "engine/engine.h"
#include "storage/keys.h"
#include "storage/rocks/rocks_store.h"
#include "time_zones/system_time_zones.h"

namespace settle {
namespace {

int refuse(const Error& error) {
  std::cerr << "settle serve: " << error.message << "\n";
  for (const Problem& problem : error.problems) std::cerr << "  " << problem.pointer << ": " << problem.message << "\n";
  return info(error.code).exit_code;
}

/// One JSON object a line, so that nothing that a tool or a plan says can forge a line.
void set_up_log(const std::string& level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("settle", sink);
  logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})", spdlog::pattern_time_type::utc);
  logger->set_level(level == "error"     ? spdlog::level::err
                    : level == "warning" ? spdlog::level::warn
                    : level == "debug"   ? spdlog::level::debug
                                         : spdlog::level::info);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(logger);
}

std::string log_text(std::string_view text) {
  std::string out;
  write_json_string(text, out);
  return out;
}

/// Sockets and the store need more descriptors than the usual 1,024; secrets in memory must not reach a core file.
void set_up_process() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0);
}

void warn(const std::string& sentence) {
  spdlog::warn("{}", log_text(sentence));
}

/// One event loop with what runs on it.
struct Part {
  explicit Part(std::shared_ptr<Clock> clock) : loop(io, std::move(clock)) {}

  boost::asio::io_context io{1};
  AsioLoop loop;
  // They outlive the connector, which ends its calls when it goes. A subscriber in trouble must not hold back a tool's
  // calls to the same host.
  std::unique_ptr<GuardedConnector> tool_guard, webhook_guard;
  std::unique_ptr<HttpConnector> connector;
  std::unique_ptr<HttpApi> api;
  std::unique_ptr<HttpServer> server;
};

/// Reads the tools folder; every problem of every file is said before any tool is put.
Result<std::vector<Json>> read_tools(const std::string& folder, const Values& values) {
  std::vector<Json> documents;
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  if (error) return fail(ErrorCode::configuration, "the tools folder " + folder + " can't be read: " + error.message());
  std::sort(files.begin(), files.end());
  std::vector<Problem> problems;
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const Result<Json> document = read_json(text.str());
    Result<std::shared_ptr<const Tool>> tool =
        document ? compile_tool(*document, values) : Result<std::shared_ptr<const Tool>>(document.error());
    if (!tool && tool.error().problems.empty())
      problems.push_back({path.filename().string(), "", "", "", tool.error().message});
    if (!tool) {
      for (Problem& problem : tool.error().problems) {
        problem.pointer = path.filename().string() + problem.pointer;
        problems.push_back(std::move(problem));
      }
    } else {
      documents.push_back(*document);
    }
  }
  if (!problems.empty())
    return fail(ErrorCode::invalid_tool,
                "the tools folder " + folder + " has " + std::to_string(problems.size()) + " problems",
                std::move(problems));
  return documents;
}

/// The whole program; reading it top to bottom shows what belongs to what.
class Server {
 public:
  explicit Server(Config config) : config_(std::move(config)) {}

  int run() {
    Result<std::shared_ptr<const CredentialStore>> credentials = CredentialStore::load(config_.credentials);
    if (!credentials) return refuse(credentials.error());
    Result<std::vector<Json>> documents = config_.tools_dir.empty() ? Result<std::vector<Json>>(std::vector<Json>())
                                                                    : read_tools(config_.tools_dir, config_.values);
    if (!documents) return refuse(documents.error());

    RocksOptions store_options;
    store_options.directory = config_.data;
    store_options.partitions = partition_count;
    store_options.block_cache_bytes = config_.block_cache_bytes;
    Result<std::unique_ptr<RocksStore>> store = RocksStore::open(store_options);
    if (!store) return refuse(store.error());
    store_ = *std::move(store);
    tools_ = std::make_unique<ToolRegistry>(*store_, config_.values, config_.credential_spaces);
    if (const Result<void> loaded = tools_->load(); !loaded) return refuse(loaded.error());
    for (const std::string& broken : tools_->broken()) spdlog::warn("{}", log_text(broken));
    tokens_ = std::make_unique<TokenRegistry>(*store_);
    if (const Result<void> loaded = tokens_->load(); !loaded) return refuse(loaded.error());
    if (const Result<void> ready = make_first_token(); !ready) return refuse(ready.error());
    Result<std::string> key = keep_webhook_key(webhook_key_file(config_.data));
    if (!key) return refuse(key.error());

    if (const Result<void> tls = load_tls(); !tls) return refuse(tls.error());
    warn_of_private_values();
    make_parts(*credentials, *std::move(key));
    if (const Result<void> listening = listen(); !listening) return refuse(listening.error());
    put_tools(*documents);
    const Result<void> recovered = engine_->recover(
        [this] { recovered_all(); }, [](const Error& error) { spdlog::error("{}", log_text(error.message)); });
    if (!recovered) return refuse(recovered.error());
    retention_ =
        std::make_shared<FeedRetention>(*store_, parts_[0]->loop, config_.events, clock_,
                                        [](const Error& error) { spdlog::error("{}", log_text(error.message)); });
    retention_->start();
    wait_for_signals();  // before anybody is told: whoever is told may send one
    std::cerr << "settle listening on " << (tls_ ? "https://" : "http://") << address_ << "\n" << std::flush;
    run_loops();
    close();
    return 0;
  }

 private:
  void make_parts(const std::shared_ptr<const CredentialStore>& credentials, std::string webhook_key) {
    const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const int threads = config_.threads > 0 ? config_.threads : cores;
    std::vector<Engine::Part> engine_parts;
    for (int i = 0; i < threads; ++i) {
      auto part = std::make_unique<Part>(clock_);
      HttpConnectorOptions options;
      options.connections_per_host_max =
          std::max<std::size_t>(1, config_.connections_per_host / static_cast<std::size_t>(threads));
      options.ca_file = config_.ca_file;
      options.private_hosts = config_.allow_private;
      if (config_.dev) options.addresses = AddressPolicy::any;
      options.now = [&loop = part->loop] { return loop.now(); };
      part->connector = std::make_unique<HttpConnector>(part->io, options, credentials);
      part->tool_guard = guard(*part);
      part->webhook_guard = guard(*part);
      engine_parts.push_back({&part->loop, part->tool_guard.get(), part->webhook_guard.get()});
      parts_.push_back(std::move(part));
    }
    EngineOptions options{.shard = config_.shard, .plan = config_.plan, .quotas = config_.quotas};
    options.outbox.limits = config_.webhooks;
    options.outbox.key = std::move(webhook_key);
    options.outbox.webhooks = webhook_ports(credentials, config_.credential_spaces, config_.webhooks_private);
    options.outbox.tell = warn;
    options.schedules = schedule_options();
    engine_ = std::make_unique<Engine>(*store_, *tools_, std::move(engine_parts), std::move(options));
    tokens_->on_revoked([this](const std::string& id) { engine_->schedules().token_revoked(id); });
  }

  ScheduleOptions schedule_options() const {
    ScheduleOptions options = config_.schedules;
    options.zones = std::make_shared<SystemTimeZones>();
    options.is_revoked = [tokens = tokens_.get()](const std::string& id) { return tokens->is_revoked(id); };
    options.tell = warn;
    return options;
  }

  std::unique_ptr<GuardedConnector> guard(Part& part) const {
    AsioLoop& loop = part.loop;
    GuardPorts ports;
    ports.now = [&loop] { return loop.now(); };
    ports.entropy = [&loop] { return loop.entropy(); };
    ports.post = [&loop](std::function<void()> task) { loop.post(std::move(task)); };
    ports.tell = [](bool opened, const std::string& sentence) {
      spdlog::log(opened ? spdlog::level::warn : spdlog::level::info, "{}", log_text(sentence));
    };
    return std::make_unique<GuardedConnector>(*part.connector, std::move(ports), config_.guard);
  }

  /// A store without tokens would let nobody in: an admin of all namespaces is made, and only its file is told.
  Result<void> make_first_token() {
    if (config_.dev && !tokens_->empty())
      spdlog::warn("{}", log_text("this store has tokens, and --dev asks nobody for one"));
    if (config_.dev || !tokens_->empty()) return {};
    const std::string file = first_token_file(config_.data);
    const Result<TokenText> text = keep_first_token(file);
    if (!text) return text.error();
    Token admin;
    admin.name = "first-admin";
    admin.name_space = all_name_spaces;
    admin.roles = {Role::admin};
    admin.created_by = "settle serve";
    const auto note = std::make_shared<AuditNote>();
    note->entry.at = start_loop_.now();
    note->entry.who = admin.created_by;
    note->entry.name_space = all_name_spaces;
    note->entry.action = "token.create";
    note->entry.target = text->id;
    std::size_t left = 1;
    tokens_->create(
        *text, std::move(admin), start_loop_.now(), start_loop_,
        [&left](const Result<std::shared_ptr<const Token>>&) { --left; }, note);
    wait_for(left);
    std::cerr << "settle wrote the first admin token to " << file << "\n" << std::flush;
    return {};
  }

  Result<void> load_tls() {
    if (config_.tls.certificate.empty()) {
      if (!is_loopback(config_.listen))
        spdlog::warn("{}",
                     log_text("THIS SERVER LISTENS BEYOND LOOPBACK WITHOUT TLS, on " + config_.listen +
                              ": tokens and answers can be read and changed on the way. Give it a certificate "
                              "(--tls-certificate, --tls-key), or make sure that only a proxy with TLS reaches it"));
      return {};
    }
    Result<std::shared_ptr<ServerTls>> tls = ServerTls::load(config_.tls);
    if (!tls) return std::move(tls).error();
    tls_ = *std::move(tls);
    const std::shared_ptr<const TlsIdentity> identity = tls_->current();
    if (identity->expired())
      spdlog::error("{}",
                    log_text("TLS: the certificate has expired; no client will take it: " + identity->description()));
    else
      spdlog::info("{}", log_text("TLS: " + identity->description()));
    return {};
  }

  /// Said at the start, not only by the first call that fails.
  void warn_of_private_values() const {
    if (config_.dev) return;
    for (const auto& [name, value] : config_.values) {
      const std::optional<SplitUrl> url = split_url(value);
      const std::optional<Origin> origin = url ? parse_origin(url->origin) : std::nullopt;
      if (origin && is_forbidden_literal(*origin, config_.allow_private))
        spdlog::warn("{}", log_text("values." + name + " is at " + origin->host + ", where calls may not go" +
                                    (is_allowed(boost::asio::ip::make_address(origin->host), AddressPolicy::any)
                                         ? "; if a tool is to, add it to allow_private"
                                         : "")));
    }
  }

  /// Every loop listens on the same address; the kernel spreads the connections.
  Result<void> listen() {
    std::shared_ptr<HttpServer::Shared> shared;
    ApiOptions options;
    options.json = config_.json;
    options.dev = config_.dev;
    options.credential_spaces = config_.credential_spaces;
    options.quotas = std::make_shared<Quotas>(config_.quotas);
    const HttpGuards guards{.tls = tls_, .hosts = std::make_shared<const HostGate>(config_.hosts)};
    for (const std::unique_ptr<Part>& part : parts_) {
      if (const Result<void> usable = part->connector->ready(); !usable) return usable;
      part->api = std::make_unique<HttpApi>(*engine_, *tokens_, part->loop, ready_, options);
      Result<std::unique_ptr<HttpServer>> server =
          HttpServer::listen(part->io, config_.listen, config_.http, part->api->handler(), shared, guards);
      if (!server) return std::move(server).error();
      part->server = *std::move(server);
      shared = part->server->shared();
    }
    address_ = config_.listen.substr(0, config_.listen.rfind(':') + 1) + std::to_string(parts_[0]->server->port());
    return {};
  }

  /// Every tool is durable and known before anything is served: a plan that comes early must not be refused for want of
  /// a tool.
  void put_tools(const std::vector<Json>& documents) {
    std::size_t left = documents.size();
    for (const Json& document : documents) {
      tools_->put("default", document, start_loop_.now(), start_loop_, [&left](const Result<ToolRegistry::Put>& put) {
        // A version of the folder that was disabled stays so; that is no mistake of the folder's.
        const bool disabled = !put && put.error().code == ErrorCode::wrong_state;
        if (!put) spdlog::log(disabled ? spdlog::level::warn : spdlog::level::err, "{}", log_text(put.error().message));
        --left;
      });
    }
    wait_for(left);
  }

  /// For commits before anything is served: they are answered on a loop of their own, which only this wait runs.
  void wait_for(const std::size_t& left) {
    start_io_.restart();
    const auto keep = boost::asio::make_work_guard(start_io_);
    while (left > 0) start_io_.run_one();
  }

  void recovered_all() {
    ready_ = true;
    spdlog::info("{}", log_text("ready"));
  }

  /// SIGTERM: stop accepting, let calls under way end, park the rest, exit. A second signal ends the wait.
  void wait_for_signals() {
    tls_watch_ = std::make_unique<TlsWatch>(parts_[0]->io, tls_, [](TlsWatch::Level level, const std::string& text) {
      spdlog::log(level == TlsWatch::Level::error     ? spdlog::level::err
                  : level == TlsWatch::Level::warning ? spdlog::level::warn
                                                      : spdlog::level::info,
                  "{}", log_text(text));
    });
    tls_watch_->start();
    signals_ = std::make_unique<boost::asio::signal_set>(parts_[0]->io, SIGTERM, SIGINT);
    signals_->async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      spdlog::info("{}", log_text("stopping"));
      engine_->shutdown(config_.shutdown_grace, [this] { close_listeners(); });
      signals_->async_wait([this](const boost::system::error_code& second, int) {
        if (second) return;
        for (const std::unique_ptr<Part>& part : parts_) part->loop.post([&part] { part->connector->stop(); });
      });
    });
  }

  void close_listeners() {
    signals_->cancel();
    tls_watch_->stop();
    for (const std::unique_ptr<Part>& part : parts_) {
      part->loop.post([&part] { part->server->shutdown(Duration(2'000), [&part] { part->io.stop(); }); });
    }
  }

  void run_loops() {
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < parts_.size(); ++i)
      threads.emplace_back([part = parts_[i].get(), name = "loop-" + std::to_string(i)] {
        pthread_setname_np(pthread_self(), name.c_str());
        part->loop.run();
      });
    parts_[0]->loop.run();
    for (std::thread& thread : threads) thread.join();
  }

  /// Downwards: what uses a thing goes before it. The store writes what is queued and its floor last.
  void close() {
    signals_.reset();
    retention_.reset();
    tls_watch_.reset();
    for (const std::unique_ptr<Part>& part : parts_) part->server.reset();
    store_.reset();
    for (const std::unique_ptr<Part>& part : parts_) part->connector.reset();
    spdlog::info("{}", log_text("stopped"));
  }

  const Config config_;
  std::atomic<bool> ready_{false};
  const std::shared_ptr<Clock> clock_ = std::make_shared<Clock>();
  std::vector<std::unique_ptr<Part>> parts_;
  boost::asio::io_context start_io_{1};
  AsioLoop start_loop_{start_io_};
  std::unique_ptr<RocksStore> store_;
  std::unique_ptr<ToolRegistry> tools_;
  std::unique_ptr<TokenRegistry> tokens_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<FeedRetention> retention_;
  std::unique_ptr<boost::asio::signal_set> signals_;
  std::shared_ptr<ServerTls> tls_;  // null: in the clear
  std::unique_ptr<TlsWatch> tls_watch_;
  std::string address_;
};

}  // namespace

int serve(const ServeOptions& options) {
  Result<Config> config = read_config(options);
  if (!config) return refuse(config.error());
  set_up_log(config->log_level);
  set_up_process();
  return Server(*std::move(config)).run();
}

}  // namespace settle
