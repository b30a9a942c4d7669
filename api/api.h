#pragma once

#include <atomic>
#include <memory>

#include "api/open_answers.h"
#include "api/quotas.h"
#include "api/router.h"
#include "api/tool_formats.h"
#include "engine/engine.h"
#include "engine/feed.h"
#include "engine/feed_watch.h"

namespace settle {

struct ApiOptions {
  JsonLimits json;            ///< of every body
  Duration wait_max{60'000};  ///< of ?wait=
  std::size_t page_max = 1000;
  Duration feed_keep_alive{15'000};  ///< of server-sent events
  bool dev = false;                  ///< without tokens: everybody may everything
  std::shared_ptr<Quotas> quotas;    ///< of all loops together; null: none
  CredentialSpaces credential_spaces;
};

/// The HTTP API of one event loop (CONTRACT §6): parses strictly, asks the engine, answers documents and problems.
class HttpApi {
 public:
  HttpApi(Engine& engine, TokenRegistry& tokens, Loop& loop, const std::atomic<bool>& ready, ApiOptions options = {});
  /// What the loop's HttpServer hands its requests to.
  HttpHandler handler();
  const Router& router() const { return router_; }

 private:
  std::vector<Route> routes();
  Result<Json> read_body(const Ask& ask) const;
  Result<Duration> wait_of(const Ask& ask) const;
  static Result<WaitFor> until_of(const Ask& ask, Duration wait);
  Result<std::int64_t> number_of(const Ask& ask, std::string_view name, std::int64_t usual, std::int64_t most) const;

  /// The answer may be long in coming: it ends when the actor's token does.
  void keep_while_allowed(Ask& ask) { open_->watch(ask); }

  void submit(Ask ask);
  void check(Ask ask);
  void list(Ask ask);
  void get(Ask ask);
  void events(Ask ask);
  void receipts(Ask ask);
  void receipt(Ask ask);
  void report(Ask ask);
  void ready(Ask ask);

  // operator_api.cc
  using MakeOperation = std::function<Shard::Operation(const std::string& name_space, bool latest)>;
  std::vector<Route> operator_routes();
  void operate(Ask ask, const MakeOperation& operation, bool retry);
  void operate_on_many(Ask ask, const MakeOperation& operation, bool retry);
  void resolve(Ask ask);

  // approval_api.cc
  std::vector<Route> approval_routes();
  void approvals(Ask ask);
  void approval(Ask ask);
  void decide(Ask ask, bool approve);

  // registry_api.cc
  void put_tool(Ask ask);
  void tools(Ask ask);
  void tool(Ask ask);
  void tool_versions(Ask ask);
  void tool_version(Ask ask);
  void disable_tool(Ask ask);
  void enable_tool(Ask ask);
  void set_tool_enabled(Ask ask, bool enabled);

  // token_api.cc
  std::vector<Route> token_routes();
  void make_token(Ask ask);
  void tokens(Ask ask);
  void revoke_token(Ask ask);

  // audit_api.cc
  std::vector<Route> audit_routes();
  void audit(Ask ask);

  // feed_api.cc
  friend class FeedPage;
  std::vector<Route> feed_routes();
  void feed(Ask ask);
  void retention(const Ask& ask);
  void release_retention(Ask ask);

  // subscription_api.cc
  std::vector<Route> subscription_routes();
  void put_subscription(Ask ask);
  void subscriptions(Ask ask);
  void subscription(Ask ask);
  void delete_subscription(Ask ask);
  void pause_subscription(Ask ask);
  void resume_subscription(Ask ask);
  void rotate_secret(Ask ask);
  void dead_letters(Ask ask);
  void dead_letter(Ask ask);
  void redrive(Ask ask);
  void purge(Ask ask);

  // quota_api.cc
  std::vector<Route> quota_routes();
  void quotas(const Ask& ask);

  // schedule_api.cc
  std::vector<Route> schedule_routes();
  void put_schedule(Ask ask);
  void schedules(Ask ask);
  void schedule(Ask ask);
  void delete_schedule(Ask ask);
  void pause_schedule(Ask ask);
  void resume_schedule(Ask ask);
  void trigger_schedule(Ask ask);
  void preview_schedule(Ask ask);

  // signal_api.cc
  void signal(Ask ask);

  // tool_call_api.cc
  void from_tool_calls(Ask ask);
  void tool_results_of(Ask ask);
  /// Answers the results once `until` holds or `wait` is over. `format` null: the one in which the calls came.
  void answer_results(const Ask& ask, const std::string& id, std::optional<ToolFormat> format, Duration wait,
                      WaitFor until, int status, std::vector<std::pair<std::string, std::string>> headers);

  Engine& engine_;
  TokenRegistry& tokens_;
  Loop& loop_;
  const std::atomic<bool>& ready_;
  const ApiOptions options_;
  const AccessGate gate_;
  const std::shared_ptr<OpenAnswers> open_;
  const std::shared_ptr<FeedWatch> feed_watch_;
  FeedReader feed_reader_;
  AuditTrail trail_;
  Router router_;
};

}  // namespace settle
