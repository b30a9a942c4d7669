#include "api/open_answers.h"

#include <algorithm>
#include <vector>

namespace settle {

constexpr Duration looked_at_every{5'000};

/// Shared by the responder and, once there is one, its stream; with the last of them it is forgotten.
struct OpenAnswers::Open {
  Open(std::weak_ptr<OpenAnswers> its_owner, const Ask& ask, std::uint64_t its_number)
      : owner(std::move(its_owner)),
        number(its_number),
        actor(ask.actor),
        request_id(ask.request.request_id),
        responder(ask.responder) {}
  /// Whoever drops it last may be on another loop.
  ~Open() {
    if (const auto watcher = owner.lock()) watcher->drop(actor.token->id, number);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  /// The responder, once and for whoever is first.
  std::shared_ptr<Responder> take() { return std::exchange(responder, nullptr); }

  void end() {
    if (const auto first = take()) {
      const Error over = fail(ErrorCode::unauthenticated, "token " + actor.token->id + " was revoked or has expired");
      return first->send(access_refused(over, request_id));
    }
    if (const auto feed = stream.lock()) feed->close();
  }

  std::weak_ptr<OpenAnswers> owner;
  std::uint64_t number;
  Actor actor;
  std::string request_id;
  std::shared_ptr<Responder> responder;
  std::weak_ptr<HttpStream> stream;
};

namespace {

class EndableStream final : public HttpStream {
 public:
  EndableStream(std::shared_ptr<HttpStream> stream, std::shared_ptr<OpenAnswers::Open> open)
      : stream_(std::move(stream)), open_(std::move(open)) {}
  bool write(std::string bytes) override { return stream_->write(std::move(bytes)); }
  void close() override { stream_->close(); }
  void on_close(std::function<void()> gone) override { stream_->on_close(std::move(gone)); }

 private:
  std::shared_ptr<HttpStream> stream_;
  std::shared_ptr<OpenAnswers::Open> open_;
};

class EndableResponder final : public Responder {
 public:
  explicit EndableResponder(std::shared_ptr<OpenAnswers::Open> open) : open_(std::move(open)) {}
  void send(HttpResponse response) override {
    if (const auto responder = open_->take()) responder->send(std::move(response));
  }
  std::shared_ptr<HttpStream> stream(HttpResponse head) override {
    const auto responder = open_->take();
    if (responder == nullptr) return nullptr;
    std::shared_ptr<HttpStream> made = responder->stream(std::move(head));
    open_->stream = made;
    return std::make_shared<EndableStream>(std::move(made), open_);
  }
  void abort(bool reset, const HttpResponse* response, std::size_t bytes) override {
    if (const auto responder = open_->take()) responder->abort(reset, response, bytes);
  }

 private:
  std::shared_ptr<OpenAnswers::Open> open_;
};

}  // namespace

void OpenAnswers::watch(Ask& ask) {
  if (ask.actor.token->id.empty()) return;  // --dev ends for nobody
  const std::string id = ask.actor.token->id;
  const std::uint64_t number = next_++;
  auto open = std::make_shared<Open>(weak_from_this(), ask, number);
  OfToken& token = tokens_[id];
  token.open.emplace(number, open);
  if (ask.actor.token->expires_at && !token.timer) expire_in_time(id, *ask.actor.token->expires_at);
  ask.responder = std::make_shared<EndableResponder>(std::move(open));
}

/// Looks again every few seconds, since a wall clock that leaps ahead moves no timer that is set.
void OpenAnswers::expire_in_time(const std::string& id, Time expires_at) {
  const Time next = std::min(expires_at, loop_.now() + looked_at_every);
  tokens_[id].timer = loop_.schedule(next, [self = weak_from_this(), id, expires_at] {
    const auto here = self.lock();
    if (here == nullptr) return;
    const auto found = here->tokens_.find(id);
    if (found == here->tokens_.end()) return;
    found->second.timer.reset();
    if (here->loop_.now() < expires_at) return here->expire_in_time(id, expires_at);
    here->end(id);
  });
}

void OpenAnswers::end(const std::string& token_id) {
  const auto found = tokens_.find(token_id);
  if (found == tokens_.end()) return;
  std::vector<std::shared_ptr<Open>> ending;  // their ends may forget them
  for (const auto& [number, weak] : found->second.open) {
    std::shared_ptr<Open> open = weak.lock();
    if (open != nullptr && !gate_.stands(open->actor)) ending.push_back(std::move(open));
  }
  for (const std::shared_ptr<Open>& open : ending) open->end();
}

std::size_t OpenAnswers::count() const {
  std::size_t sum = 0;
  for (const auto& entry : tokens_) sum += entry.second.open.size();
  return sum;
}

void OpenAnswers::drop(const std::string& token_id, std::uint64_t number) {
  if (loop_.here()) return forget(token_id, number);
  loop_.post([self = weak_from_this(), token_id, number] {
    if (const auto there = self.lock()) there->forget(token_id, number);
  });
}

void OpenAnswers::forget(const std::string& token_id, std::uint64_t number) {
  const auto found = tokens_.find(token_id);
  if (found == tokens_.end()) return;
  found->second.open.erase(number);
  if (!found->second.open.empty()) return;
  if (found->second.timer) loop_.cancel(*found->second.timer);
  tokens_.erase(found);
}

}  // namespace settle
