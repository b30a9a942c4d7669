// The handles that a handler holds: they outlive the session, or are outlived by it, without harm.
#include <atomic>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <random>

#include "api/http/session.h"

namespace settle {
namespace {

class SessionStream final : public HttpStream {
 public:
  SessionStream(const std::shared_ptr<Session>& session, std::shared_ptr<SessionHost> host, bool open)
      : host_(std::move(host)), session_(session), open_(open) {}
  ~SessionStream() override { close(); }

  bool write(std::string bytes) override {
    const auto session = open_ ? session_.lock() : nullptr;
    if (session != nullptr && session->stream_write(bytes)) return true;
    open_ = false;
    return false;
  }

  void close() override {
    if (const auto session = open_ ? session_.lock() : nullptr) session->stream_close();
    open_ = false;
    closed_here_ = true;
  }

  void on_close(std::function<void()> gone) override {
    if (closed_here_) return;
    const auto session = open_ ? session_.lock() : nullptr;
    if (session != nullptr && session->stream_on_close(gone)) return;
    boost::asio::post(host_->loop, std::move(gone));
  }

 private:
  std::shared_ptr<SessionHost> host_;
  std::weak_ptr<Session> session_;
  bool open_;
  bool closed_here_ = false;
};

class SessionResponder final : public Responder {
 public:
  SessionResponder(const std::shared_ptr<Session>& session, std::shared_ptr<SessionHost> host)
      : host_(std::move(host)), session_(session) {
    ++host_->in_flight;
  }

  ~SessionResponder() override {
    if (answered_) return;
    const auto session = take();
    if (session == nullptr) return;
    session->answer(problem_response(fail(ErrorCode::internal, "the request was dropped without an answer"),
                                     session->request_id()));
  }

  void send(HttpResponse response) override {
    if (const auto session = take()) session->answer(std::move(response));
  }

  std::shared_ptr<HttpStream> stream(HttpResponse head) override {
    const auto session = take();
    const bool open = session != nullptr && session->open_stream(std::move(head));
    return std::make_shared<SessionStream>(session, host_, open);
  }

  void abort(bool reset, const HttpResponse* response, std::size_t bytes) override {
    if (const auto session = take()) session->abort(reset, response, bytes);
  }

 private:
  std::shared_ptr<Session> take() {
    SETTLE_ASSERT(!answered_);
    answered_ = true;
    --host_->in_flight;
    return session_.lock();
  }

  std::shared_ptr<SessionHost> host_;
  std::weak_ptr<Session> session_;
  bool answered_ = false;
};

}  // namespace

std::unique_ptr<Responder> make_responder(const std::shared_ptr<Session>& session, std::shared_ptr<SessionHost> host) {
  return std::make_unique<SessionResponder>(session, std::move(host));
}

std::string next_request_id() {
  static const unsigned prefix = std::random_device{}();
  static std::atomic<unsigned> count{0};
  std::string id(20, '\0');
  std::snprintf(id.data(), id.size() + 1, "req_%08x%08x", prefix, count.fetch_add(1, std::memory_order_relaxed));
  return id;
}

}  // namespace settle
