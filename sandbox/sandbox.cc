#include "sandbox/sandbox.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "api/http/response_writer.h"
#include "api/http/server.h"
#include "sandbox/journal.h"
#include "sandbox/world.h"

namespace settle {

namespace {

// Requests in flight get so long to end after a signal.
constexpr Duration kShutdownPatience{2'000};

Time wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

SandboxRequest plain(const HttpRequest& request) {
  SandboxRequest out{.method = request.method,
                     .path = request.path,
                     .query = request.query,
                     .idempotency_key = {},
                     .body = request.body};
  const std::string* key = request.header("idempotency-key");
  if (key == nullptr || key->empty()) return out;
  const bool quoted = key->size() >= 2 && key->front() == '"' && key->back() == '"';
  out.idempotency_key = quoted ? key->substr(1, key->size() - 2) : *key;
  return out;
}

/// The shell around the world: time, journal, sockets. One loop, one thread; lives until the loop has ended.
class Service {
 public:
  explicit Service(SandboxRunOptions options) : options_(std::move(options)), signals_(loop_, SIGTERM, SIGINT) {}

  Result<void> run() {
    Result<std::unique_ptr<Journal>> journal =
        Journal::open(options_.file, [this](const Json& entry) { return world_.apply(entry); });
    if (!journal) return std::move(journal).error();
    journal_ = *std::move(journal);

    auto handler = [this](HttpRequest request, std::unique_ptr<Responder> responder) {
      on_request(request, std::move(responder));
    };
    Result<std::unique_ptr<HttpServer>> server = HttpServer::listen(loop_, options_.listen, {}, handler);
    if (!server) return std::move(server).error();
    server_ = *std::move(server);

    for (const auto& [seq, due] : world_.pending()) land_later(seq, due);
    signals_.async_wait([this](boost::system::error_code error, int) {
      if (!error) stop();
    });
    const std::string host = options_.listen.substr(0, options_.listen.rfind(':'));
    std::cout << "sandbox listening on http://" << host << ':' << server_->port() << std::endl;
    loop_.run();
    return broken_ ? Result<void>(*broken_) : Result<void>();
  }

 private:
  void on_request(const HttpRequest& request, std::unique_ptr<Responder> responder) {
    Decision decision = world_.decide(plain(request), wall_clock());
    if (decision.entry && !record(*decision.entry, decision.durable)) return;
    if (decision.entry && decision.entry->find("late") != nullptr) {
      const std::int64_t seq = decision.entry->find("seq")->as_integer();
      land_later(seq, world_.pending().at(seq));
    }
    if (decision.delay == Duration(0)) return answer(decision, request.request_id, *responder);

    auto timer = std::make_shared<boost::asio::steady_timer>(loop_, decision.delay);
    std::shared_ptr<Responder> kept = std::move(responder);
    timer->async_wait([this, timer, kept, decision = std::move(decision),
                       id = request.request_id](boost::system::error_code) { answer(decision, id, *kept); });
  }

  // Writes an entry down, then lets it happen. False: the disk has failed, and the service ends without an answer.
  bool record(const Json& entry, bool durable) {
    if (broken_) return false;
    if (Result<void> written = journal_->append(entry, durable); !written) {
      broken_ = std::move(written).error();
      loop_.stop();
      return false;
    }
    const Result<void> applied = world_.apply(entry);
    SETTLE_ASSERT(applied);
    return true;
  }

  void answer(const Decision& decision, const std::string& request_id, Responder& responder) {
    HttpResponse response;
    response.status = decision.status;
    response.body = decision.body;
    response.headers = decision.headers;
    switch (decision.delivery) {
      case AnswerDelivery::whole:
        return responder.send(std::move(response));
      case AnswerDelivery::nothing:
        return responder.abort(true);
      case AnswerDelivery::half: {
        // The whole head and half of the body; every Date has the length of this one.
        const HeadOptions head = {.request_id = request_id, .date = "Sun, 06 Nov 1994 08:49:37 GMT"};
        return responder.abort(false, &response, write_response_head(response, head).size() + response.body.size() / 2);
      }
    }
  }

  // The wait is in wall-clock time, as it was written down, so that it goes on after a restart.
  void land_later(std::int64_t seq, Time due) {
    auto timer = std::make_shared<boost::asio::steady_timer>(loop_, std::max(Duration(0), due - wall_clock()));
    late_timers_[seq] = timer;
    timer->async_wait([this, seq](boost::system::error_code error) {
      late_timers_.erase(seq);
      if (!error) record(world_.land(seq, wall_clock()), true);
    });
  }

  // What is still to come stays in the journal for the next start.
  void stop() {
    late_timers_.clear();
    server_->shutdown(kShutdownPatience, [this] { loop_.stop(); });
  }

  SandboxRunOptions options_;
  World world_;
  std::unique_ptr<Journal> journal_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  std::map<std::int64_t, std::shared_ptr<boost::asio::steady_timer>> late_timers_;
  std::unique_ptr<HttpServer> server_;
  std::optional<Error> broken_;
};

}  // namespace

Result<void> run_sandbox(const SandboxRunOptions& options) {
  return Service(options).run();
}

}  // namespace settle
