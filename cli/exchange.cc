#include "cli/exchange.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <istream>
#include <ostream>

#include "cli/render_problem.h"
#include "cli/render_table.h"

namespace settle {

namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;
// Listings and receipts are larger than what a server would take in; the client only must not swallow the memory.
constexpr JsonLimits kAnswerLimits = {
    .bytes_max = 64 << 20, .depth_max = 128, .nodes_max = 5'000'000, .numbers = JsonNumbers::exact};

// Reads at most one byte more than allowed, so that an endless input ends in a refusal.
Result<std::string> read_all(std::istream& in, const std::string& name) {
  std::string text(kFileBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(ErrorCode::io_error, name + ": can't be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kFileBytesMax)
    return fail(ErrorCode::payload_too_large, name + ": larger than the 1 MiB that a document may have");
  return text;
}

Json unreadable_answer(int status, const std::string& why) {
  Json problem = problem_of(fail(ErrorCode::unreachable, "the server answered HTTP " + std::to_string(status) + " " +
                                                             why + "; is --server the address of a Settle server?"));
  problem.set("status", status);
  return problem;
}

}  // namespace

ApiRequest post(std::string path, const Json& body) {
  return {.method = "POST",
          .path = std::move(path),
          .body = write_json(body),
          .headers = {{"Content-Type", "application/json"}}};
}

Refusal refusal_of(const Error& error) {
  const ErrorCodeInfo& row = info(error.code);
  return {problem_of(error), row.exit_code, row.safe_to_retry};
}

Exchange exchange(Client& client, const ApiRequest& request) {
  Result<ApiReply> reply = client.api.call(request);
  if (!reply) return refusal_of(reply.error());

  Result<Json> document = read_json(reply->body, kAnswerLimits);
  const bool accepted = reply->status >= 200 && reply->status < 300;
  if (!document || !document->is_object()) {
    const Json problem = unreadable_answer(reply->status, "without a JSON document");
    return Refusal{problem, accepted ? info(ErrorCode::unreachable).exit_code : exit_code_of(Json(), reply->status),
                   false};
  }
  if (!accepted) return Refusal{*document, exit_code_of(*document, reply->status), flag_of(*document, "safe_to_retry")};

  Answer answer{.status = reply->status, .body = std::move(reply->body), .document = *std::move(document)};
  for (const auto& [name, value] : reply->headers) {
    if (name == "idempotent-replayed") answer.replayed = value == "true";
  }
  return answer;
}

Exchange exchange_patiently(Client& client, const ApiRequest& request, Duration patience) {
  const Duration until = client.ticks() + patience;
  Duration pause{100};
  while (true) {
    Exchange seen = exchange(client, request);
    const Refusal* refusal = std::get_if<Refusal>(&seen);
    if (refusal == nullptr || !refusal->safe_to_retry || client.ticks() + pause > until) return seen;
    client.pause(pause);
    pause = std::min(pause * 2, Duration{2'000});
  }
}

int refuse(Client& client, const Refusal& refusal) {
  if (client.json) {
    client.out << write_json(refusal.problem) << '\n';
  } else {
    client.err << render_problem(refusal.problem, client.error_view);
  }
  return refusal.exit_code;
}

void print(Client& client, const Answer& answer, const std::string& text) {
  if (!client.json) {
    client.out << text << std::flush;
    return;
  }
  client.out << answer.body;
  if (!answer.body.ends_with('\n')) client.out << '\n';
  client.out << std::flush;
}

int ask_and_tell(Client& client, const ApiRequest& request, const std::function<Line(const Json& document)>& told) {
  Exchange seen = exchange_patiently(client, request, kPatience);
  if (const Refusal* refusal = std::get_if<Refusal>(&seen)) return refuse(client, *refusal);
  const Answer& answer = std::get<Answer>(seen);
  print(client, answer, draw_line(told(answer.document), client.view) + "\n");
  return 0;
}

Result<Json> read_document(Client& client, const std::string& file) {
  const bool standard = file == "-";
  const std::string name = standard ? "standard input" : file;
  std::ifstream opened;
  if (!standard) {
    errno = 0;
    opened.open(file, std::ios::binary);
    if (!opened)
      return fail(ErrorCode::io_error, file + ": " + (errno != 0 ? std::strerror(errno) : "can't be opened"));
  }
  Result<std::string> text = read_all(standard ? client.in : opened, name);
  if (!text) return std::move(text).error();

  Result<Json> document = read_json(*text, {.bytes_max = kFileBytesMax});
  if (document) return document;
  Error error = std::move(document).error();
  error.message = name + ": " + error.message;
  return error;
}

Result<Json> read_argument(Client& client, const std::string& option, const std::string& given) {
  if (given.starts_with("@")) return read_document(client, given.substr(1));
  Result<Json> document = read_json(given);
  if (document) return document;
  Error error = std::move(document).error();
  error.message = option + ": " + error.message;
  return error;
}

std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) out += (out.empty() ? "?" : "&") + name + "=" + percent_encode(value);
  }
  return out;
}

std::pair<std::string, std::string> split_label(const std::string& label) {
  const std::size_t at = label.find('=');
  return {label.substr(0, at), at == std::string::npos ? "" : label.substr(at + 1)};
}

std::vector<std::pair<std::string, std::string>> filters_of(const FilterOptions& filter) {
  std::string label = filter.label;
  if (!label.empty()) {
    const auto [key, value] = split_label(label);
    label = key + ":" + value;
  }
  const std::pair<std::string, std::string> all[] = {{"status", filter.status},
                                                     {"outcome", filter.outcome},
                                                     {"attention", filter.attention},
                                                     {"name", filter.name},
                                                     {"label", label},
                                                     {"tool", filter.tool},
                                                     {"created_after", filter.created_after},
                                                     {"created_before", filter.created_before}};
  std::vector<std::pair<std::string, std::string>> given;
  for (const auto& one : all) {
    if (!one.second.empty()) given.push_back(one);
  }
  return given;
}

View now_view(const Client& client) {
  View view = client.view;
  view.now = client.now();
  return view;
}

std::string workflow_path(const std::string& id) {
  return "/v1/workflows/" + percent_encode(id);
}

}  // namespace settle
