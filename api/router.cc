#include "api/router.h"

#include <algorithm>

#include "api/request_parts.h"
#include "base/json.h"
#include "base/text.h"

namespace settle {

const std::string* Ask::query(std::string_view name) const {
  for (const auto& [key, value] : request.query) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Ask::workflow(int status, WorkflowText shown, ResponseHeaders headers) const {
  HttpResponse response;
  response.status = status;
  headers.emplace_back("ETag", etag_of(shown.header.version));
  response.body = std::move(shown.text);
  response.headers = std::move(headers);
  responder->send(std::move(response));
}

void Ask::json(int status, const Json& document, ResponseHeaders headers) const {
  HttpResponse response;
  response.status = status;
  response.body = write_json(document);
  response.headers = std::move(headers);
  responder->send(std::move(response));
}

void Ask::raw(int status, std::string body, std::string content_type) const {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.content_type = std::move(content_type);
  responder->send(std::move(response));
}

void Ask::refuse(const Error& error) const {
  responder->send(problem_response(error, request.request_id));
}

Router::Router(std::vector<Route> routes, AccessGate gate, AuditTrail& trail, Quotas::Meter meter)
    : gate_(gate), trail_(trail), meter_(std::move(meter)) {
  for (Route& route : routes) {
    std::vector<Piece> pieces;
    std::string_view rest = std::string_view(route.pattern).substr(1);
    while (!route.pattern.empty()) {
      const std::size_t slash = rest.find('/');
      const std::string_view segment = rest.substr(0, slash);
      const bool place = segment.starts_with('{');
      pieces.push_back({std::string(place ? segment.substr(segment.find('}') + 1) : segment), place});
      if (slash == std::string_view::npos) break;
      rest = rest.substr(slash + 1);
    }
    routes_.push_back({std::move(route), std::move(pieces)});
  }
}

bool Router::match(const Compiled& compiled, const HttpRequest& request, std::vector<std::string>& params) {
  params.clear();
  if (compiled.pieces.size() != request.segments.size()) return false;
  for (std::size_t i = 0; i < compiled.pieces.size(); ++i) {
    const Piece& piece = compiled.pieces[i];
    const std::string& segment = request.segments[i];
    if (!piece.place) {
      if (segment != piece.literal) return false;
      continue;
    }
    if (!segment.ends_with(piece.literal) || segment.size() == piece.literal.size()) return false;
    params.push_back(segment.substr(0, segment.size() - piece.literal.size()));
    // Names hold no colon: one that is left belongs to a verb that this route does not know. Only a version has one of
    // its own.
    std::string_view rest = params.back();
    if (rest.starts_with("sha256:")) rest.remove_prefix(7);
    if (rest.find(':') != std::string_view::npos) return false;
  }
  return true;
}

std::vector<const Route*> Router::routes() const {
  std::vector<const Route*> out;
  for (const Compiled& compiled : routes_) out.push_back(&compiled.route);
  return out;
}

namespace {

std::optional<Error> wrong_query(const HttpRequest& request, const Route& route) {
  std::vector<Problem> problems;
  std::vector<std::string> known(route.query.begin(), route.query.end());
  for (std::size_t i = 0; i < request.query.size(); ++i) {
    const std::string& name = request.query[i].first;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::optional<std::string> near = nearest(name, known);
      std::string expected = known.empty() ? "no query parameter" : "one of";
      for (const std::string& one : known) expected += " " + one;
      problems.push_back({"", "unknown_parameter", expected, shorten(name, 80),
                          "there is no query parameter \"" + shorten(name, 60) + "\" here" + did_you_mean(near)});
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (request.query[j].first == name)
        problems.push_back({"", "repeated_parameter", "each parameter once", shorten(name, 80),
                            "query parameter \"" + shorten(name, 60) + "\" came twice"});
    }
  }
  if (problems.empty()) return std::nullopt;
  std::string first = problems[0].message;
  return fail(ErrorCode::invalid_argument, std::move(first), std::move(problems));
}

std::optional<Error> wrong_body(const HttpRequest& request, const Route& route) {
  if (!route.takes_body) {
    if (request.body.empty()) return std::nullopt;
    return fail(ErrorCode::invalid_argument, "this request takes no body");
  }
  const std::string* type = request.header("content-type");
  if (type == nullptr) return std::nullopt;
  const std::string media = to_lower(std::string_view(*type).substr(0, type->find(';')));
  if (media == "application/json" || media == "application/json ") return std::nullopt;
  return fail(ErrorCode::unsupported_media_type, "the body must be application/json, not " + shorten(*type, 60));
}

/// What a control call is about, as the audit log has it: the names in its path.
std::string target_of(const std::vector<std::string>& params) {
  std::string out;
  for (const std::string& param : params) out += (out.empty() ? "" : "/") + param;
  return shorten(out, 300);
}

}  // namespace

void Router::handle(HttpRequest request, std::unique_ptr<Responder> responder) {
  Ask ask{std::move(request), {}, std::move(responder)};
  std::string allowed;
  for (const Compiled& compiled : routes_) {
    if (!match(compiled, ask.request, ask.params)) continue;
    const bool head = ask.request.method == "HEAD" && compiled.route.method == "GET";
    if (ask.request.method != compiled.route.method && !head) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(compiled.route.method);
      continue;
    }
    const Route& route = compiled.route;
    const Result<void> in = gate_.admit(ask.request, route.rule, ask.actor);
    if (!route.rule.is_open() && (!in || !route.rule.is_read())) {
      const std::string action(route.rule.action());
      ask.audit = AuditTrail::note_of(ask.request, ask.actor,
                                      action.empty() ? std::string(route.method) + " " + route.pattern : action,
                                      target_of(ask.params));
      ask.responder = trail_.follow(ask.audit, ask.responder);
    }
    if (!in) return ask.responder->send(access_refused(in.error(), ask.request.request_id));
    // Whoever has to stop a planner that floods its namespace must not stand behind it.
    const bool stops = !route.rule.is_read() && !route.rule.roles().has(Role::planner);
    const bool metered = !route.rule.is_open() && !stops;
    if (metered && !meter_.take(ask.actor.name_space, gate_.now())) {
      return ask.refuse(fail(ErrorCode::quota_exceeded,
                             "namespace \"" + ask.actor.name_space + "\" has used up its requests for the moment"));
    }
    if (const std::optional<Error> error = wrong_query(ask.request, route)) return ask.refuse(*error);
    if (const std::optional<Error> error = wrong_body(ask.request, route)) return ask.refuse(*error);
    return route.handle(std::move(ask));
  }
  if (allowed.empty())
    return ask.refuse(fail(ErrorCode::not_found, "there is nothing at " + shorten(ask.request.path, 120)));
  HttpResponse response = problem_response(
      fail(ErrorCode::method_not_allowed, ask.request.method + " is not offered here; " + allowed + " is"),
      ask.request.request_id);
  response.headers.emplace_back("Allow", allowed);
  ask.responder->send(std::move(response));
}

}  // namespace settle
