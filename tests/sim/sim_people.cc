// People with tokens, who decide through the API: their tokens expire, are revoked and replaced while workflows run,
// and some have the wrong scope (P15).

#include "tests/sim/sim_people.h"

#include <algorithm>

#include "api/http/server.h"
#include "storage/keys.h"
#include "tests/sim/oracles.h"

namespace settle::sim {
namespace {

std::string digits(Dice& dice, std::size_t count) {
  constexpr std::string_view base32hex = "0123456789abcdefghijklmnopqrstuv";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += base32hex[dice.below(base32hex.size())];
  return out;
}

/// What nobody but its holder may have.
std::string secret_of(const SimToken& token) {
  return read_token(token.text)->secret;
}

/// Hands the answer on, as the client at the other end sees it, and looks for the secret that it has shown (P16).
class Client final : public Responder {
 public:
  using Told = std::function<void(Result<Json>)>;
  Client(std::string secret, Verdict& verdict, Told told)
      : secret_(std::move(secret)), verdict_(verdict), told_(std::move(told)) {}

  void send(HttpResponse response) override {
    if (response.body.find(secret_) != std::string::npos)
      verdict_.violated("P16", "", "an answer gives a token back: " + response.body);
    const Result<Json> body = read_json(response.body);
    SETTLE_ASSERT(body);
    if (response.status < 300) return told_(*body);
    const std::string& name = body->find("code")->as_string();
    const std::vector<ErrorCodeInfo>& codes = all_error_codes();
    const auto code =
        std::find_if(codes.begin(), codes.end(), [&](const ErrorCodeInfo& one) { return one.name == name; });
    SETTLE_ASSERT(code != codes.end());
    told_(fail(code->code, body->find("detail")->as_string()));
  }
  std::shared_ptr<HttpStream> stream(HttpResponse) override { return nullptr; }
  void abort(bool, const HttpResponse*, std::size_t) override {}

 private:
  const std::string secret_;
  Verdict& verdict_;
  Told told_;
};

}  // namespace

TokenText SimPeople::draw(const std::string& holder, bool approves, std::optional<Time> expires_at) {
  TokenText text{digits(dice_, 16), digits(dice_, 52)};
  tokens_[text.id] = {write_token(text), holder, approves, expires_at};
  of_[holder].push_back(text.id);
  return text;
}

bool SimPeople::stands(const std::string& id, Time now) const {
  const SimToken& token = tokens_.at(id);
  return token.made && !token.ending && (!token.expires_at || now < *token.expires_at);
}

const std::string* SimPeople::current(const std::string& holder, Time now) const {
  const auto found = of_.find(holder);
  if (found == of_.end()) return nullptr;
  const std::vector<std::string>& all = found->second;
  const auto newest = std::find_if(all.rbegin(), all.rend(), [&](const std::string& id) { return stands(id, now); });
  return newest == all.rend() ? nullptr : &*newest;
}

const std::string* SimPeople::earlier(const std::string& holder, Time now) {
  std::vector<const std::string*> over;
  for (const std::string& id : of_[holder]) {
    if (tokens_.at(id).made && !stands(id, now)) over.push_back(&id);
  }
  return over.empty() ? nullptr : over[dice_.below(over.size())];
}

void judge_secrets(const Evidence& evidence) {
  std::map<std::string, std::string> secrets;  // by token
  for (const auto& [id, token] : evidence.engine.people.all()) secrets.emplace(id, secret_of(token));
  for (std::size_t family = 0; family < family_count; ++family) {
    const auto look = [&](std::string_view key, std::string_view value) {
      for (const auto& [id, secret] : secrets) {
        if (key.find(secret) != key.npos || value.find(secret) != value.npos)
          evidence.verdict.violated("P16", id, "the secret of a token is stored");
      }
      return true;
    };
    SETTLE_ASSERT(evidence.reader->scan(static_cast<Family>(family), {}, look));
  }
}

/// Every loop has its API, as in the process.
void SimEngine::open_api() {
  registry_ = std::make_unique<TokenRegistry>(store);
  SETTLE_ASSERT(registry_->load());
  for (const std::unique_ptr<SimLoop>& loop : loops_)
    apis_.push_back(std::make_unique<HttpApi>(*engine_, *registry_, *loop, ready_));
}

void SimEngine::make_token(const std::string& holder, Roles roles, std::optional<Duration> life) {
  const Time now = loops_[0]->now();
  Token token;
  token.name = holder;
  token.name_space = "default";
  token.roles = roles;
  token.created_by = "somebody";
  if (life) token.expires_at = now + *life;
  const TokenText text = people.draw(holder, roles.has(Role::approver), token.expires_at);
  registry_->create(text, token, now, *loops_[0], [this, id = text.id](const auto& made) {
    SETTLE_ASSERT(made);
    people.at(id).made = true;
  });
}

void SimEngine::make_first_tokens() {
  for (const std::string_view who : sim::people) make_token(std::string(who), {Role::approver}, std::nullopt);
  make_token(std::string(submitter), {Role::planner, Role::approver}, std::nullopt);
  make_token(std::string(bystander), {Role::planner, Role::operator_, Role::auditor}, std::nullopt);
  make_token(std::string(administrator), {Role::admin}, std::nullopt);
  store.sync_now();
  while (!schedule.empty() && schedule.next() <= schedule.now() + Duration(10)) schedule.run_one();
}

/// Somebody asks through the API of some loop.
void SimEngine::ask(const std::string& token, std::vector<std::string> segments, const std::optional<Json>& body,
                    std::function<void(Result<Json>)> told) {
  HttpRequest request;
  request.method = "POST";
  for (const std::string& segment : segments) request.path += "/" + segment;
  request.segments = std::move(segments);
  request.headers = {{"authorization", "Bearer " + people.at(token).text}};
  if (body) request.body = write_json(*body);
  request.remote = "192.0.2.7";
  request.request_id = "req_" + std::to_string(++asked_);
  apis_[asked_ % apis_.size()]->handler()(
      std::move(request), std::make_unique<Client>(secret_of(people.at(token)), verdict_, std::move(told)));
}

void SimEngine::revoke(const std::string& token) {
  people.at(token).ending = true;
  const std::string admin = *people.current(std::string(administrator), loops_[0]->now());
  ask(admin, {"v1", "tokens", token + ":revoke"}, std::nullopt, [this, token](const Result<Json>& revoked) {
    if (!revoked) return counters_.note("revoke refused: " + std::string(info(revoked.error().code).name));
    counters_.note("token revoked");
    people.at(token).ended = true;
    const Result<std::optional<std::string>> stored = store.snapshot()->get(Family::meta, keys::token(token));
    if (!*stored || !decode_token(**stored, token)->revoked_at)
      verdict_.violated("P1", token, "the end of a token was acknowledged before it was durable");
  });
}

}  // namespace settle::sim
