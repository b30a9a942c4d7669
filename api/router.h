#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/access.h"
#include "api/audit_trail.h"
#include "api/http/server.h"
#include "api/quotas.h"
#include "base/json.h"
#include "engine/documents.h"

namespace settle {

using ResponseHeaders = std::vector<std::pair<std::string, std::string>>;

/// A request that found its route.
struct Ask {
  HttpRequest request;
  std::vector<std::string> params;  ///< what the {places} of the pattern stand for, in order
  std::shared_ptr<Responder> responder;
  Actor actor = {};              ///< who asks; without a token on open routes
  AuditNotePtr audit = nullptr;  ///< of a control call: what is to be written down of it

  const std::string& name_space() const { return actor.name_space; }
  const std::string& param(std::size_t index) const { return params.at(index); }
  /// The query parameter, or null. Those that the route does not name were refused already, and repeats too.
  const std::string* query(std::string_view name) const;

  void json(int status, const Json& document, ResponseHeaders headers = {}) const;
  /// With its ETag.
  void workflow(int status, WorkflowText shown, ResponseHeaders headers = {}) const;
  void raw(int status, std::string body, std::string content_type = "application/json") const;
  void refuse(const Error& error) const;
};

struct Route {
  std::string_view method;
  std::string pattern;                  ///< "/v1/workflows/{id}:cancel"
  std::vector<std::string_view> query;  ///< parameters that it knows
  bool takes_body = false;              ///< JSON; without it a body is refused
  Rule rule;                            ///< who may
  std::function<void(Ask)> handle;
};

/// Finds the route of a request and refuses what none takes: 404, 405 with Allow; whoever the route's rule does not
/// allow: 401, 403; namespaces that have used up their requests: 429; unknown or repeated query parameters, bodies
/// where none belongs or of another type. Immutable after construction. Loop: that of the gate.
class Router {
 public:
  Router(std::vector<Route> routes, AccessGate gate, AuditTrail& trail, Quotas::Meter meter);
  void handle(HttpRequest request, std::unique_ptr<Responder> responder);
  /// In the order in which they were given.
  std::vector<const Route*> routes() const;

 private:
  struct Piece {
    std::string literal;  ///< what follows the place, or the whole segment
    bool place = false;
  };
  struct Compiled {
    Route route;
    std::vector<Piece> pieces;
  };
  static bool match(const Compiled& compiled, const HttpRequest& request, std::vector<std::string>& params);
  std::vector<Compiled> routes_;
  AccessGate gate_;
  AuditTrail& trail_;
  Quotas::Meter meter_;
};

}  // namespace settle
