#include "connectors/http/http_connector.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "connectors/http/classify.h"
#include "connectors/http/request_writer.h"
#include "connectors/http/tls.h"

namespace settle {

/// The connections to one origin, and the calls that wait for one.
struct HttpPool {
  Origin origin;
  AddressPolicy addresses = AddressPolicy::any;
  std::vector<std::shared_ptr<HttpConnection>> all;
  std::vector<HttpConnection*> idle;  // the last used at the end, and taken first: the others get old and are closed
  std::deque<std::unique_ptr<HttpJob>> queue;
  HttpConnection::Clock::time_point queue_deadline =
      HttpConnection::Clock::time_point::max();  // no waiting call ends before
  bool pumping = false;
};

namespace {

/// One timer serves every connection: time limits are looked at this often while calls are under way …
constexpr Duration busy_period{50};
/// … and idle connections this often when none is.
constexpr Duration idle_period{1'000};
constexpr int quiet_ticks_max = 20;
/// Longer limits are cut to this, so that adding one to a moment never overflows.
constexpr Duration timeout_max = std::chrono::hours(24 * 366);
constexpr std::size_t origins_as_written_max = 1024;

Time system_now() {
  return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

}  // namespace

HttpConnector::HttpConnector(boost::asio::io_context& loop, HttpConnectorOptions options,
                             std::shared_ptr<const CredentialStore> credentials)
    : loop_(loop),
      options_(std::move(options)),
      credentials_(std::move(credentials)),
      context_{.loop = loop,
               .tls = boost::asio::ssl::context(boost::asio::ssl::context::tls_client),
               .tls_error = {},
               .names = std::make_shared<NameCache>(loop, options_.lookup),
               .connect_timeout = options_.connect_timeout,
               .response = options_.response,
               .now = options_.now ? options_.now : system_now},
      ticker_(loop) {
  SETTLE_ASSERT(credentials_ != nullptr);
  SETTLE_ASSERT(options_.connections_per_host_max >= 1);
  context_.tls = make_tls_context(options_.ca_file, context_.tls_error);
}

HttpConnector::~HttpConnector() {
  stop();
}

Result<void> HttpConnector::ready() const {
  if (!context_.tls_error.empty()) return fail(ErrorCode::configuration, "connector \"http\": " + context_.tls_error);
  return {};
}

std::size_t HttpConnector::connections_open() const {
  std::size_t count = 0;
  for (const auto& [text, pool] : pools_) count += pool->all.size();
  return count;
}

// --- a call comes in ---

void HttpConnector::start(Call call, CallDone done) {
  ++starting_;
  auto job = std::make_unique<HttpJob>();
  job->call = std::move(call);
  job->done = std::move(done);
  job->started = context_.now();
  Outcome refusal;
  if (admit(*job, refusal)) {
    dispatch(std::move(job));
  } else {
    report(std::move(job), std::move(refusal));
  }
  --starting_;
}

/// Checks all that can be known before a byte is sent, and finds pool and credential. False with the outcome when it
/// may not go.
bool HttpConnector::admit(HttpJob& job, Outcome& refusal) {
  const auto refuse = [&refusal](OutcomeClass kind, std::string_view code, std::string detail) {
    refusal = unanswered(kind, code, std::move(detail));
    return false;
  };
  if (stopped_) return refuse(OutcomeClass::not_sent, "engine_shutdown", "the engine is shutting down");
  Call& call = job.call;
  const std::optional<SplitUrl> url = split_url(call.url);
  job.pool = url ? pool_of(url->origin, call.reach) : nullptr;
  if (job.pool == nullptr) {
    return refuse(OutcomeClass::rejected, "invalid_request",
                  "the URL is no absolute http or https URL without user information and fragment");
  }
  job.target_at = static_cast<std::size_t>(url->target.data() - call.url.data());
  if (!call.credential.empty()) {
    job.credential = credentials_->find(call.credential);
    if (job.credential == nullptr || job.credential->signs()) {
      return refuse(OutcomeClass::rejected, "credential_not_configured",
                    "no credential named \"" + call.credential + "\" is configured");
    }
    if (!job.credential->allows(job.pool->origin.text)) {
      return refuse(OutcomeClass::rejected, "credential_origin",
                    "credential \"" + call.credential + "\" may not be sent to " + job.pool->origin.text +
                        "; add it to the credential's origins");
    }
  }
  if (const std::string_view why = refuse_request(call, job.credential); !why.empty()) {
    return refuse(OutcomeClass::rejected, "invalid_request", std::string(why));
  }
  if (call.timeout <= Duration(0)) return refuse(OutcomeClass::not_sent, "queue_timeout", "the call had no time left");
  call.timeout = std::min(call.timeout, timeout_max);
  return true;
}

AddressPolicy HttpConnector::policy_of(const Origin& origin, Reach reach) const {
  if (reach == Reach::public_only) return AddressPolicy::public_only;
  const bool anywhere = reach == Reach::anywhere || options_.addresses == AddressPolicy::any;
  return anywhere ? AddressPolicy::any : options_.private_hosts.policy_of(origin);
}

/// The pool for an origin as a URL writes it; null when it is none. Calls of different reach share no connection: one
/// may have been opened to an address where another may not go.
HttpPool* HttpConnector::pool_of(std::string_view origin_text, Reach reach) {
  ByText<HttpPool*>& as_written = pools_as_written_[static_cast<std::size_t>(reach)];
  if (const auto known = as_written.find(origin_text); known != as_written.end()) return known->second;
  std::optional<Origin> origin = parse_origin(origin_text);
  if (!origin) return nullptr;
  std::unique_ptr<HttpPool>& pool = pools_[origin->text + " " + std::to_string(static_cast<int>(reach))];
  if (!pool) {
    pool = std::make_unique<HttpPool>();
    pool->addresses = policy_of(*origin, reach);
    pool->origin = *std::move(origin);
  }
  if (as_written.size() >= origins_as_written_max) as_written.clear();
  as_written.emplace(origin_text, pool.get());
  if (period_ == Duration(0)) arm(idle_period);
  return pool.get();
}

// --- pools ---

bool HttpConnector::has_room(const HttpPool& pool) const {
  return !pool.idle.empty() || pool.all.size() < options_.connections_per_host_max;
}

void HttpConnector::dispatch(std::unique_ptr<HttpJob> job) {
  HttpPool& pool = *job->pool;
  const bool at_once = pool.queue.empty() && has_room(pool);
  if (!at_once && pool.queue.size() >= options_.queue_per_host_max) {
    Outcome full =
        unanswered(OutcomeClass::not_sent, "queue_full", "too many calls wait for a connection to " + pool.origin.text);
    return report(std::move(job), std::move(full));
  }
  ++calls_;
  if (period_ != busy_period) arm(busy_period);
  if (at_once) return carry(pool, std::move(job));
  job->queue_deadline = Clock::now() + job->call.timeout;
  pool.queue_deadline = std::min(pool.queue_deadline, job->queue_deadline);
  pool.queue.push_back(std::move(job));
}

void HttpConnector::carry(HttpPool& pool, std::unique_ptr<HttpJob> job) {
  while (!pool.idle.empty()) {
    HttpConnection* connection = pool.idle.back();
    pool.idle.pop_back();
    if (connection->still_open()) return connection->send(std::move(job));
    bool written = false;
    connection->abandon(written);
    release(pool, *connection);
  }
  open(pool, std::move(job));
}

void HttpConnector::open(HttpPool& pool, std::unique_ptr<HttpJob> job) {
  HttpConnection::Owner& owner = *this;
  auto connection = std::make_shared<HttpConnection>(context_, owner, pool.origin, pool.addresses);
  connection->slot = pool.all.size();
  pool.all.push_back(connection);
  connection->open(std::move(job));
}

/// Takes a closed connection off the pool's list; handlers that still run keep it alive for themselves.
void HttpConnector::release(HttpPool& pool, HttpConnection& connection) {
  const std::size_t slot = connection.slot;
  SETTLE_ASSERT(slot < pool.all.size() && pool.all[slot].get() == &connection);
  if (slot + 1 != pool.all.size()) {
    pool.all[slot] = std::move(pool.all.back());
    pool.all[slot]->slot = slot;
  }
  pool.all.pop_back();
}

/// Gives waiting calls the connections that there are. Not entered twice: a call that fails at once comes back here.
void HttpConnector::pump(HttpPool& pool) {
  if (pool.pumping) return;
  pool.pumping = true;
  while (!pool.queue.empty() && has_room(pool)) {
    std::unique_ptr<HttpJob> job = std::move(pool.queue.front());
    pool.queue.pop_front();
    carry(pool, std::move(job));
  }
  pool.pumping = false;
}

void HttpConnector::call_ended(HttpConnection& connection, std::unique_ptr<HttpJob> job, Outcome outcome,
                               bool reusable) {
  HttpPool& pool = *job->pool;
  const std::shared_ptr<HttpConnection> kept = pool.all[connection.slot];
  --calls_;
  if (reusable) {
    pool.idle.push_back(&connection);
  } else {
    release(pool, connection);
  }
  pump(pool);
  report(std::move(job), std::move(outcome));
}

void HttpConnector::call_unsent(HttpConnection& connection, std::unique_ptr<HttpJob> job) {
  HttpPool& pool = *job->pool;
  const std::shared_ptr<HttpConnection> kept = pool.all[connection.slot];
  release(pool, connection);
  open(pool, std::move(job));
}

void HttpConnector::report(std::unique_ptr<HttpJob> job, Outcome outcome) {
  outcome.started = job->started;
  outcome.ended = std::max(job->started, context_.now());
  if (starting_ == 0) return job->done(std::move(outcome));
  boost::asio::post(
      loop_, [done = std::move(job->done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
}

// --- time ---

void HttpConnector::arm(Duration period) {
  period_ = period;
  ticker_.expires_after(period);
  // An expired timer's handler can be queued already when the connector goes: cancelling does not reach it.
  ticker_.async_wait([this, alive = std::weak_ptr<int>(alive_)](boost::system::error_code error) {
    if (!error && !alive.expired() && !stopped_) on_tick();
  });
}

void HttpConnector::on_tick() {
  const Clock::time_point now = Clock::now();
  period_ = Duration(0);
  // What has run out is gathered first: every report may start calls and so change the pools.
  std::vector<std::shared_ptr<HttpConnection>> late;
  std::vector<std::unique_ptr<HttpJob>> expired;
  for (const auto& [text, pool] : pools_) {
    for (const std::shared_ptr<HttpConnection>& connection : pool->all) {
      if (connection->deadline() <= now) late.push_back(connection);
    }
    take_expired(*pool, now, expired);
    close_idle(*pool, now);
  }
  if (calls_ == 0) forget_empty_pools();

  quiet_ticks_ = calls_ > 0 ? 0 : std::min(quiet_ticks_ + 1, quiet_ticks_max);
  if (!pools_.empty()) arm(quiet_ticks_ < quiet_ticks_max ? busy_period : idle_period);

  for (const std::shared_ptr<HttpConnection>& connection : late) {
    if (connection->deadline() <= now) connection->on_deadline(now);
  }
  for (std::unique_ptr<HttpJob>& job : expired) {
    Outcome out = unanswered(OutcomeClass::not_sent, "queue_timeout",
                             "no connection to " + job->pool->origin.text + " became free in time");
    report(std::move(job), std::move(out));
  }
}

void HttpConnector::take_expired(HttpPool& pool, Clock::time_point now,
                                 std::vector<std::unique_ptr<HttpJob>>& expired) {
  if (now < pool.queue_deadline) return;
  pool.queue_deadline = Clock::time_point::max();
  std::deque<std::unique_ptr<HttpJob>> waiting;
  for (std::unique_ptr<HttpJob>& job : pool.queue) {
    if (job->queue_deadline <= now) {
      expired.push_back(std::move(job));
      --calls_;
    } else {
      pool.queue_deadline = std::min(pool.queue_deadline, job->queue_deadline);
      waiting.push_back(std::move(job));
    }
  }
  pool.queue = std::move(waiting);
}

void HttpConnector::close_idle(HttpPool& pool, Clock::time_point now) {
  const auto over = [&](HttpConnection* connection) {
    if (now - connection->idle_since() < options_.idle_timeout && connection->still_open()) return false;
    bool written = false;
    connection->abandon(written);
    release(pool, *connection);
    return true;
  };
  std::erase_if(pool.idle, over);
}

void HttpConnector::forget_empty_pools() {
  const std::size_t gone =
      std::erase_if(pools_, [](const auto& item) { return item.second->all.empty() && item.second->queue.empty(); });
  if (gone == 0) return;
  for (ByText<HttpPool*>& as_written : pools_as_written_) as_written.clear();
}

// --- the end ---

void HttpConnector::stop() {
  if (std::exchange(stopped_, true)) return;
  ticker_.cancel();
  context_.names->stop();
  std::vector<std::pair<std::unique_ptr<HttpJob>, OutcomeClass>> ended;
  for (const auto& [text, pool] : pools_) {
    for (std::unique_ptr<HttpJob>& job : pool->queue) ended.emplace_back(std::move(job), OutcomeClass::not_sent);
    for (const std::shared_ptr<HttpConnection>& connection : pool->all) {
      bool written = false;
      std::unique_ptr<HttpJob> job = connection->abandon(written);
      if (job) ended.emplace_back(std::move(job), written ? OutcomeClass::ambiguous : OutcomeClass::not_sent);
    }
    pool->queue.clear();
    pool->idle.clear();
    pool->all.clear();
  }
  calls_ = 0;
  for (auto& [job, kind] : ended)
    report(std::move(job), unanswered(kind, "engine_shutdown", "the engine is shutting down"));
}

}  // namespace settle
