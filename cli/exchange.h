#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/json.h"
#include "cli/client_commands.h"

namespace settle {

/// An accepted answer: the bytes as they came and the document in them.
struct Answer {
  int status = 0;
  std::string body;
  Json document;
  bool replayed = false;  ///< the server said Idempotent-Replayed
};

/// An answer, or why there is none: then `problem` is a problem document and `exit_code` fits it.
struct Refusal {
  Json problem;
  int exit_code = 0;
  bool safe_to_retry = false;
};
using Exchange = std::variant<Answer, Refusal>;

/// One request and its answer. Whatever is not a 2xx with a JSON document comes back as a refusal.
Exchange exchange(Client& client, const ApiRequest& request);

/// Repeats a request that is safe to repeat (a read, or one with an Idempotency-Key) while the refusal says that this
/// may help, with growing pauses, for about `patience`.
Exchange exchange_patiently(Client& client, const ApiRequest& request, Duration patience);

Refusal refusal_of(const Error& error);

/// Prints the problem where it belongs and returns its exit code.
int refuse(Client& client, const Refusal& refusal);

/// Prints an answer: its bytes for machines, otherwise `text`.
void print(Client& client, const Answer& answer, const std::string& text);

/// Reads a file ("-": standard input) as strict JSON of at most 1 MiB. Errors: io_error, malformed_json,
/// payload_too_large; the messages name the file.
Result<Json> read_document(Client& client, const std::string& file);

/// "?a=1&b=2" from names and values, percent-encoded; empty values are left out.
std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters);

/// "/v1/workflows/ID" with the id percent-encoded.
std::string workflow_path(const std::string& id);

}  // namespace settle
