#pragma once

#include <string>

namespace settle::test {

/// A certificate and its key, made at test time. PEM.
struct Certificate {
  std::string certificate;
  std::string key;
};

/// A root that signs others: valid for an hour, P-256.
Certificate make_authority(const std::string& name);

/// A server's certificate for `subject_alternative_names` ("DNS:localhost,IP:127.0.0.1"), signed by `authority`.
/// `expired`: it ended yesterday. `authority` null: signed by itself.
Certificate make_certificate(const std::string& subject_alternative_names, const Certificate* authority,
                             bool expired = false);

/// The same key, to be opened with a passphrase.
std::string with_passphrase(const std::string& key, const std::string& passphrase);

/// A file in the temporary folder that goes with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace settle::test
