#include "connectors/http/credentials.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/hash.h"
#include "connectors/http/origin.h"
#include "connectors/http/request_writer.h"
#include "connectors/http/text.h"

namespace settle {

using namespace http_text;
namespace {

constexpr std::size_t secret_bytes_max = 16 * 1024;
constexpr std::size_t redacted_bytes_min = 6;
constexpr std::string_view redaction = "[secret]";

Error refuse(const CredentialEntry& entry, const std::string& what) {
  return fail(ErrorCode::configuration, "credential \"" + entry.name + "\": " + what);
}

std::optional<std::string> read_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): at start, before any other thread
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<std::string> read_secret_file(const CredentialEntry& entry) {
  struct stat status{};
  if (stat(entry.secret_file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return refuse(entry, "the file " + entry.secret_file + " does not exist or is no regular file");
  }
  if (static_cast<std::size_t>(status.st_size) > secret_bytes_max) {
    return refuse(entry, "the file " + entry.secret_file + " is larger than 16 KiB");
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::ifstream file(entry.secret_file, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return refuse(entry, "the file " + entry.secret_file + " can't be read");
  }
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

Result<std::string> read_secret(const CredentialEntry& entry, const CredentialStore::Environment& environment) {
  if (entry.secret_env.empty() == entry.secret_file.empty()) {
    return refuse(entry, "needs exactly one of an environment variable and a file for its secret");
  }
  std::string secret;
  std::string source = "the environment variable " + entry.secret_env;
  if (entry.secret_file.empty()) {
    std::optional<std::string> value = environment ? environment(entry.secret_env) : read_environment(entry.secret_env);
    if (!value) return refuse(entry, source + " is not set");
    secret = std::move(*value);
  } else {
    source = "the file " + entry.secret_file;
    Result<std::string> text = read_secret_file(entry);
    if (!text) return text;
    secret = *std::move(text);
  }
  if (secret.empty()) return refuse(entry, source + " is empty");
  if (secret.size() > secret_bytes_max) return refuse(entry, source + " holds more than 16 KiB");
  if (!is_field_value(secret)) return refuse(entry, source + " holds control characters or more than one line");
  return secret;
}

/// What is wrong with the entry itself, before any secret is read; empty when nothing is.
std::string problem_of(const CredentialEntry& entry) {
  if (entry.name.empty()) return "a credential needs a name";
  if (entry.origins.empty()) return "needs a list of allowed origins, such as \"https://api.example.org\"";
  if (entry.kind == CredentialKind::header) {
    if (!is_token(entry.header_name)) return "needs the name of a header field";
    if (is_connector_field(entry.header_name)) return "the field " + entry.header_name + " is written by the connector";
  } else if (!entry.header_name.empty()) {
    return "a header name belongs to the kind \"header\" only";
  }
  if (entry.kind != CredentialKind::basic)
    return entry.username.empty() ? "" : "a user name belongs to the kind \"basic\" only";
  // RFC 7617: the first colon ends the user name.
  if (entry.username.find(':') != std::string::npos || !is_field_value(entry.username))
    return "the user name holds a ':' or a control character";
  return "";
}

/// What "whsec_" and base64 stand for (Standard Webhooks 1.0.0); null when it is none, or of a length that it forbids.
std::optional<std::string> webhook_key(std::string_view text) {
  constexpr std::string_view prefix = "whsec_";
  constexpr std::size_t bytes_min = 24, bytes_max = 64;
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  if (text.empty() || text.size() % 4 != 0 || text.size() > 4 * bytes_max) return std::nullopt;
  std::string key(3 * text.size() / 4, '\0');
  const int bytes = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(key.data()),
                                    reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (bytes < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : (text.ends_with("=") ? 1 : 0);
  key.resize(static_cast<std::size_t>(bytes) - padding);
  if (to_base64(key) != text || key.size() < bytes_min || key.size() > bytes_max) return std::nullopt;
  return key;
}

void redact_json(const Credential& credential, Json& value) {
  if (value.is_string()) {
    std::string text = value.as_string();
    if (credential.redact(text)) value = Json(std::move(text));
  } else if (value.is_array()) {
    for (Json& element : value.as_array()) redact_json(credential, element);
  } else if (value.is_object()) {
    for (JsonMember& member : value.as_object()) {
      credential.redact(member.name);
      redact_json(credential, member.value);
    }
  }
}

}  // namespace

Secret::Secret(std::string&& text) : bytes_(text.begin(), text.end()) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  bytes_ = std::move(other.bytes_);
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() {
  if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

void Secret::append_to(std::string& out) const {
  out.append(bytes_.data(), bytes_.size());
}

bool Secret::redact(std::string& text) const {
  if (bytes_.size() < redacted_bytes_min) return false;
  const std::string_view secret(bytes_.data(), bytes_.size());
  bool found = false;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + redaction.size())) {
    text.replace(at, secret.size(), redaction);
    found = true;
  }
  return found;
}

bool Credential::allows(std::string_view origin) const {
  return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

std::string Credential::sign(std::string_view message) const {
  SETTLE_ASSERT(signs());
  std::string key;
  value_.append_to(key);
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  unsigned int bytes = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), reinterpret_cast<unsigned char*>(out.data()), &bytes);
  OPENSSL_cleanse(key.data(), key.size());
  SETTLE_ASSERT(bytes == out.size());
  return out;
}

void Credential::append_field(std::string& out) const {
  out.append(header_name_).append(": ").append(scheme_);
  value_.append_to(out);
  out.append("\r\n");
}

std::size_t Credential::field_bytes() const {
  return header_name_.size() + scheme_.size() + value_.size() + 4;
}

bool Credential::redact(std::string& text) const {
  const bool value = value_.redact(text);
  return password_.redact(text) || value;
}

void Credential::redact(Json& answer) const {
  redact_json(*this, answer);
}

Result<std::shared_ptr<const CredentialStore>> CredentialStore::load(const std::vector<CredentialEntry>& entries,
                                                                     const Environment& environment) {
  auto store = std::make_shared<CredentialStore>();
  for (const CredentialEntry& entry : entries) {
    if (const std::string problem = problem_of(entry); !problem.empty()) return refuse(entry, problem);
    if (store->credentials_.contains(entry.name)) return refuse(entry, "is configured twice");

    Credential credential;
    credential.name_ = entry.name;
    for (const std::string& text : entry.origins) {
      const std::optional<Origin> origin = parse_origin(text);
      if (!origin)
        return refuse(
            entry,
            "\"" + text + "\" is no origin; write scheme, host and port only, such as \"https://api.example.org\"");
      credential.origins_.push_back(origin->text);
    }
    Result<std::string> secret = read_secret(entry, environment);
    if (!secret) return std::move(secret.error());
    credential.kind_ = entry.kind;
    if (entry.kind == CredentialKind::webhook) {
      std::optional<std::string> key = webhook_key(*secret);
      OPENSSL_cleanse(secret->data(), secret->size());
      if (!key) return refuse(entry, "needs a secret of the form whsec_ and 24 to 64 bytes in base64");
      credential.value_ = Secret(*std::move(key));
      store->credentials_.emplace(entry.name, std::move(credential));
      continue;
    }
    credential.header_name_ = entry.kind == CredentialKind::header ? entry.header_name : "Authorization";
    if (entry.kind == CredentialKind::bearer) credential.scheme_ = "Bearer ";
    if (entry.kind == CredentialKind::basic) {
      credential.scheme_ = "Basic ";
      std::string pair = entry.username + ":" + *secret;
      credential.value_ = Secret(to_base64(pair));
      OPENSSL_cleanse(pair.data(), pair.size());
      credential.password_ = Secret(*std::move(secret));
    } else {
      credential.value_ = Secret(*std::move(secret));
    }
    store->credentials_.emplace(entry.name, std::move(credential));
  }
  return std::shared_ptr<const CredentialStore>(std::move(store));
}

const Credential* CredentialStore::find(std::string_view name) const {
  const auto found = credentials_.find(name);
  return found == credentials_.end() ? nullptr : &found->second;
}

}  // namespace settle
