#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace settle {

/// Bytes that must not be seen: no stream, no comparison, no copy; wiped when the owner goes.
class Secret {
 public:
  Secret() = default;
  /// Takes the text and wipes the string that carried it.
  explicit Secret(std::string&& text);
  Secret(Secret&& other) noexcept = default;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  std::size_t size() const { return bytes_.size(); }
  /// The one way out: to the end of a buffer that goes to the network and is wiped after.
  void append_to(std::string& out) const;
  /// Replaces every occurrence in `text`; true when there was one. Secrets under 6 bytes are left: they occur by
  /// chance.
  bool redact(std::string& text) const;

 private:
  void wipe();
  std::vector<char> bytes_;  // no small-string buffer that a move would leave behind
};

enum class CredentialKind : std::uint8_t { header, bearer, basic, webhook };

/// One entry of the configuration. Exactly one of `secret_env` and `secret_file` is set.
struct CredentialEntry {
  std::string name;
  CredentialKind kind = CredentialKind::bearer;
  std::string header_name;           ///< kind header only
  std::string username;              ///< kind basic only
  std::string secret_env;            ///< name of an environment variable
  std::string secret_file;           ///< path; one trailing line end is not part of the secret
  std::vector<std::string> origins;  ///< "https://api.example.org": the only places where it may go; at least one
};

/// A credential ready for use, one header field.
class Credential {
 public:
  const std::string& name() const { return name_; }
  const std::string& header_name() const { return header_name_; }
  /// `origin` as Origin::text has it.
  bool allows(std::string_view origin) const;
  /// Appends the field "Name: value" CR LF.
  void append_field(std::string& out) const;
  std::size_t field_bytes() const;
  /// Takes the secret out of an answer that echoes it: "[secret]" stands in its place, in names and in strings.
  void redact(Json& answer) const;
  bool redact(std::string& text) const;
  /// Kind webhook: it signs, and is sent nowhere.
  bool signs() const { return kind_ == CredentialKind::webhook; }
  /// HMAC-SHA256 under the secret, 32 bytes; only where it signs.
  std::string sign(std::string_view message) const;

 private:
  friend class CredentialStore;
  CredentialKind kind_ = CredentialKind::bearer;
  std::string name_;
  std::string header_name_;
  std::string_view scheme_;  // "Bearer ", "Basic " or nothing
  Secret value_;             // as it goes over the wire, without the scheme; kind webhook: what its base64 stands for
  Secret password_;          // kind basic: the configured secret itself, to find it in answers
  std::vector<std::string> origins_;
};

/// Every credential of the configuration, read once at start. Immutable afterwards. Thread: any.
class CredentialStore {
 public:
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;

  /// Reads the secrets. Errors: configuration, with the credential and the variable or file that is missing, never the
  /// secret. `environment` is the process's own when not given.
  static Result<std::shared_ptr<const CredentialStore>> load(const std::vector<CredentialEntry>& entries,
                                                             const Environment& environment = {});
  /// Null when there is none of this name.
  const Credential* find(std::string_view name) const;

 private:
  std::map<std::string, Credential, std::less<>> credentials_;
};

}  // namespace settle
