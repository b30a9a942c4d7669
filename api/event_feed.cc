#include "api/event_feed.h"

namespace settle {
namespace {

constexpr std::size_t page = 200;

class EventFeed : public std::enable_shared_from_this<EventFeed> {
 public:
  EventFeed(Engine& engine, Loop& loop, std::string name_space, std::string id, std::uint32_t after,
            Duration keep_alive)
      : engine_(engine),
        loop_(loop),
        name_space_(std::move(name_space)),
        id_(std::move(id)),
        after_(after),
        keep_alive_(keep_alive) {}

  /// The first page decides between a stream and a problem document.
  void begin(Ask ask) {
    engine_.events(name_space_, id_, after_, page, Duration(0), loop_,
                   [self = shared_from_this(), ask = std::move(ask)](Result<Engine::Page> first) {
                     if (!first) return ask.refuse(first.error());
                     HttpResponse head;
                     head.content_type = "text/event-stream";
                     head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
                     head.body = "retry: 1000\n\n";
                     self->stream_ = ask.responder->stream(std::move(head));
                     if (self->stream_ == nullptr) return;
                     self->stream_->on_close([self] { self->gone_ = true; });
                     self->show(*first);
                   });
  }

 private:
  void next() {
    engine_.events(name_space_, id_, after_, page, keep_alive_, loop_,
                   [self = shared_from_this()](Result<Engine::Page> more) {
                     if (self->gone_) return self->end();
                     if (!more) return self->end();
                     self->show(*more);
                   });
  }

  void show(const Engine::Page& seen) {
    std::string text = seen.events.empty() ? ": keep-alive\n\n" : "";
    for (const Json& event : seen.events) {
      const std::int64_t seq = event.find("seq")->as_integer();
      text += "id: " + std::to_string(seq) + "\nevent: " + event.find("type")->as_string() +
              "\ndata: " + write_json(event) + "\n\n";
      after_ = static_cast<std::uint32_t>(seq);
    }
    if (gone_ || !stream_->write(std::move(text)) || seen.ended) return end();
    loop_.post([self = shared_from_this()] { self->next(); });
  }

  void end() {
    stream_->close();
    stream_ = nullptr;
  }

  Engine& engine_;
  Loop& loop_;
  const std::string name_space_;
  const std::string id_;
  std::uint32_t after_;
  const Duration keep_alive_;
  std::shared_ptr<HttpStream> stream_;
  bool gone_ = false;
};

}  // namespace

void start_event_feed(Engine& engine, Loop& loop, const Ask& ask, const std::string& id, std::uint32_t after,
                      Duration keep_alive) {
  std::make_shared<EventFeed>(engine, loop, ask.name_space(), id, after, keep_alive)->begin(ask);
}

}  // namespace settle
