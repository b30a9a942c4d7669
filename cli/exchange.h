#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/json.h"
#include "cli/client_commands.h"
#include "cli/terminal.h"

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

/// A request that may be repeated while the server is busy or away for a moment is repeated for so long.
inline constexpr Duration kPatience{5'000};

/// A POST of a JSON document.
ApiRequest post(std::string path, const Json& body);

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

/// Asks for something, patiently, and prints the answer: for people the line that `told` makes of its document. The
/// exit code.
int ask_and_tell(Client& client, const ApiRequest& request, const std::function<Line(const Json& document)>& told);

/// Reads a file ("-": standard input) as strict JSON of at most 1 MiB. Errors: io_error, malformed_json,
/// payload_too_large; the messages name the file.
Result<Json> read_document(Client& client, const std::string& file);

/// An argument that is strict JSON itself, or "@FILE" ("@-": standard input). Errors: as above; the message names
/// `option` or the file.
Result<Json> read_argument(Client& client, const std::string& option, const std::string& given);

/// "?a=1&b=2" from names and values, percent-encoded; empty values are left out.
std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters);

/// "key=value" in two.
std::pair<std::string, std::string> split_label(const std::string& label);

/// The filters of a listing by the API's names, as far as they are given; a label as NAME:VALUE.
std::vector<std::pair<std::string, std::string>> filters_of(const FilterOptions& filter);

/// The view of standard output, with the time for ages.
View now_view(const Client& client);

/// "/v1/workflows/ID" with the id percent-encoded.
std::string workflow_path(const std::string& id);

}  // namespace settle
