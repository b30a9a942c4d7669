#include "api/audit_trail.h"

#include <algorithm>

#include "base/json.h"

namespace settle {
namespace {

constexpr double refusals_per_second = 10, refusals_at_once = 100;

/// The code of a problem document.
std::string code_of(const HttpResponse& response) {
  const Result<Json> document = read_json(response.body);
  const Json* code = document && document->is_object() ? document->find("code") : nullptr;
  return code != nullptr && code->is_string() ? code->as_string() : "http_" + std::to_string(response.status);
}

bool is_replay(const HttpResponse& response) {
  const auto replayed = [](const auto& header) { return header.first == "Idempotent-Replayed"; };
  return std::any_of(response.headers.begin(), response.headers.end(), replayed);
}

class AuditedResponder final : public Responder {
 public:
  AuditedResponder(AuditTrail& trail, AuditNotePtr note, std::shared_ptr<Responder> responder)
      : trail_(trail), note_(std::move(note)), responder_(std::move(responder)) {}
  void send(HttpResponse response) override {
    if (note_->settled || is_replay(response)) return responder_->send(std::move(response));
    trail_.write(note_, std::move(response), responder_);
  }
  std::shared_ptr<HttpStream> stream(HttpResponse head) override { return responder_->stream(std::move(head)); }
  void abort(bool reset, const HttpResponse* response, std::size_t bytes) override {
    responder_->abort(reset, response, bytes);
  }

 private:
  AuditTrail& trail_;
  AuditNotePtr note_;
  std::shared_ptr<Responder> responder_;
};

}  // namespace

AuditNotePtr AuditTrail::note_of(const HttpRequest& request, const Actor& actor, std::string action,
                                 std::string target) {
  auto note = std::make_shared<AuditNote>();
  AuditEntry& entry = note->entry;
  if (actor.token != nullptr) {
    entry.token_id = actor.token->id;
    entry.who = actor.token->name;
    entry.roles = actor.token->roles;
    entry.name_space = actor.name_space;
  }
  entry.peer = request.remote;
  entry.action = std::move(action);
  entry.target = std::move(target);
  entry.request_id = request.request_id;
  return note;
}

std::shared_ptr<Responder> AuditTrail::follow(AuditNotePtr note, std::shared_ptr<Responder> responder) {
  note->entry.at = loop_.now();
  return std::make_shared<AuditedResponder>(*this, std::move(note), std::move(responder));
}

void AuditTrail::write(const AuditNotePtr& note, HttpResponse response, std::shared_ptr<Responder> responder) {
  const bool refusal = response.status >= 400;
  if (refusal && !may_write_refusal()) {
    ++unwritten_;
    return responder->send(std::move(response));
  }
  note->entry.at = loop_.now();
  note->entry.status = static_cast<std::uint32_t>(response.status);
  if (refusal) note->entry.unwritten = std::exchange(unwritten_, 0);
  WriteBatch batch;
  note->put_into(batch, refusal ? code_of(response) : "done");
  const auto held = std::make_shared<HttpResponse>(std::move(response));
  store_.commit(std::move(batch), loop_,
                [held, responder = std::move(responder)](const CommitResult&) { responder->send(std::move(*held)); });
}

/// So many at once, and so many more for each second. What room is left on a disk that is nearly full is not for them.
bool AuditTrail::may_write_refusal() {
  const Time now = loop_.now();
  const double seconds =
      refilled_at_ == Time::min() ? refusals_at_once : std::chrono::duration<double>(now - refilled_at_).count();
  refilled_at_ = now;
  refusals_left_ = std::min(refusals_at_once, refusals_left_ + seconds * refusals_per_second);
  if (refusals_left_ < 1 || !store_.has_room()) return false;
  refusals_left_ -= 1;
  return true;
}

}  // namespace settle
