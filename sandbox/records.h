#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace settle {

/// One request as the sandbox sees it, free of HTTP's framing.
struct SandboxRequest {
  std::string method;
  std::string path;  ///< decoded
  std::vector<std::pair<std::string, std::string>> query = {};
  std::optional<std::string> idempotency_key = std::nullopt;  ///< without quotation marks (both spellings are in use)
  std::string body = {};

  bool is_write() const { return method != "GET" && method != "HEAD"; }
};

/// What the service has stored. A plain value; changed only by apply_change() and apply_memory().
struct SandboxRecords {
  std::map<std::string, Json> contacts;
  std::vector<Json> messages;           ///< "m_1" first
  std::vector<Json> tickets;            ///< "t_1" first
  std::map<std::string, Json> answers;  ///< by Idempotency-Key: {"digest", "status", "body"}

  std::size_t size() const { return contacts.size() + messages.size() + tickets.size(); }
};

/// At most so many records; then writes are answered with 507.
constexpr std::size_t sandbox_records_max = 100'000;

/// What the service would answer, and what it would store.
struct Handled {
  int status = 200;
  Json body;
  std::string collection;      ///< of `record`: "contacts", "messages", "tickets"; empty: nothing changes
  Json record;                 ///< the whole new record, with its id
  std::optional<Json> memory;  ///< the answer to remember: {"key", "digest", "status", "body"}
  bool replayed = false;       ///< the remembered answer to the same request
};

/// The service itself, without faults: decides, changes nothing. Pure.
Handled handle(const SandboxRecords& records, const SandboxRequest& request, Time now);

/// Applies what handle() decided; both return false for what no handle() can have decided (a journal that was edited).
bool apply_change(SandboxRecords& records, const std::string& collection, const Json& record);
bool apply_memory(SandboxRecords& records, const Json& memory);

/// The record with about half of what was asked for: what the fault `partial` stores.
Json partial_of(const std::string& collection, Json record);

/// By what the sandbox's log and summary name a request: its Idempotency-Key, else the reference in its body or query.
std::optional<std::string> key_of(const SandboxRequest& request);

/// {"error": {"code", "message"}}.
Json sandbox_error(std::string_view code, std::string_view message);

/// Digest of method, path and body, by which a repeated key is told from a reused one.
std::string digest_of(const SandboxRequest& request);

}  // namespace settle
