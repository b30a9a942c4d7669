// `settle watch`: server-sent events in, a tree that redraws itself or lines out.
#include <algorithm>
#include <optional>
#include <ostream>
#include <string>

#include "cli/client_commands.h"
#include "cli/exchange.h"
#include "cli/render_problem.h"
#include "cli/render_table.h"
#include "cli/render_tree.h"
#include "cli/sse.h"

namespace settle {

namespace {

constexpr Duration kFirstPause{100};
constexpr Duration kLongestPause{2'000};

// One run of the command. Every step that may end it returns the exit code then, and null to go on. Drawing happens
// inside of the stream: what the server sends meanwhile waits in the socket, so nothing is lost.
class Watch {
 public:
  Watch(Client& client, const WatchOptions& options)
      : client_(client), options_(options), tree_(client.view.tty && !client.json), last_heard_(client.ticks()) {
    if (options.timeout) deadline_ = client.ticks() + *options.timeout;
  }

  int run() {
    // The first look tells an unknown id from a server that is away. Lines go on to the stream even when it has ended.
    std::optional<int> code = look(tree_);
    Duration pause = kFirstPause;
    while (!code) {
      const Duration heard_before = last_heard_;
      code = follow();
      if (code) break;
      if (timed_out()) return kExitStillRunning;
      if (client_.ticks() - last_heard_ >= options_.patience) return gave_up();
      if (last_heard_ != heard_before) pause = kFirstPause;
      client_.pause(pause);
      pause = std::min(pause * 2, kLongestPause);
    }
    return *code;
  }

 private:
  bool timed_out() const { return deadline_ && client_.ticks() >= *deadline_; }
  void heard() { last_heard_ = client_.ticks(); }

  // Reads the stream from where the last one ended until it breaks off.
  std::optional<int> follow() {
    ApiRequest request = {.path = workflow_path(options_.id) + "/events", .headers = {{"Accept", "text/event-stream"}}};
    if (!last_id_.empty()) request.headers.emplace_back("Last-Event-ID", last_id_);
    SseReader reader;
    std::optional<int> code;
    auto on_line = [&](std::string_view line) {
      heard();
      if (line.starts_with(':')) {
        code = look(true);  // a sign of life in a quiet hour: whatever made no event shows now
      } else if (const std::optional<SseEvent> event = reader.feed(line)) {
        code = on_event(*event);
      }
      if (!code && timed_out()) code = kExitStillRunning;
      return !code.has_value();
    };
    const Result<void> read = client_.api.stream(request, on_line);
    if (code) return code;
    if (!read) {
      trouble_ = refusal_of(read.error());
      return trouble_->safe_to_retry ? std::nullopt : std::optional<int>(refuse(client_, *trouble_));
    }
    return look(true);  // closed in good order: the server stops, or the workflow has ended
  }

  std::optional<int> on_event(const SseEvent& event) {
    // A server may repeat the event at which a stream broke off; people see each once.
    if (!event.id.empty() && event.id == last_id_) return std::nullopt;
    last_id_ = event.id;

    Result<Json> document = read_json(event.data, {.numbers = JsonNumbers::exact});
    if (!document || !document->is_object()) return std::nullopt;
    if (tree_) return look(true);
    client_.out << (client_.json ? event.data : render_event(*document, client_.view)) << '\n' << std::flush;
    // Only events of the workflow itself can end the watch; the others would make it ask for the workflow in vain.
    return text_of(*document, "type").starts_with("workflow.") ? look(event.type == "workflow.ended") : std::nullopt;
  }

  // Asks for the workflow and draws the tree. `may_end`: the end of the workflow ends the watch; without it only the
  // need for a person does, since earlier events are still on their way.
  std::optional<int> look(bool may_end) {
    Exchange seen = exchange(client_, {.path = workflow_path(options_.id)});
    if (const Refusal* refusal = std::get_if<Refusal>(&seen)) {
      trouble_ = *refusal;
      if (refusal->safe_to_retry) return std::nullopt;
      return refuse(client_, *refusal);
    }
    heard();
    const Json& workflow = std::get<Answer>(seen).document;
    if (tree_) redraw(workflow);
    const bool ended = text_of(workflow, "status", "") == "ended";
    const bool stuck = options_.until == Until::attention && flag_of(workflow, "attention") && !ended;
    if ((ended && may_end) || stuck) return exit_code_of_workflow(workflow);
    return std::nullopt;
  }

  void redraw(const Json& workflow) {
    View view = client_.view;
    view.now = client_.now();
    const std::vector<Line> lines = fit_height(lay_out_workflow(workflow, view), view);
    // Up to the first line of the last drawing, then clear to the end of the screen.
    if (drawn_ > 0) client_.out << "\x1b[" << drawn_ << "A\r\x1b[J";
    client_.out << draw_lines(lines, view) << std::flush;
    drawn_ = lines.size();
  }

  int gave_up() {
    const Error lost = fail(ErrorCode::unreachable, "the server closes the stream before the workflow has ended");
    return refuse(client_, trouble_ ? *trouble_ : refusal_of(lost));
  }

  Client& client_;
  const WatchOptions& options_;
  const bool tree_;
  std::optional<Duration> deadline_;
  Duration last_heard_;             ///< ticks of the last sign of life of the server
  std::optional<Refusal> trouble_;  ///< the latest; told when patience is over
  std::string last_id_;
  std::size_t drawn_ = 0;  ///< lines of the last drawing
};

}  // namespace

int watch(Client& client, const WatchOptions& options) {
  return Watch(client, options).run();
}

}  // namespace settle
