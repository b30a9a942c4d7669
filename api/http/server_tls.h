#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace settle {

enum class ClientCertificates : std::uint8_t {
  none,      ///< not asked for
  optional,  ///< asked for; one that is given has to be good
  required,  ///< no connection without a good one
};

/// PEM files.
struct TlsFiles {
  std::string certificate;  ///< the server's, then those that lead from it to a root
  std::string key;          ///< without a passphrase
  std::string client_ca;    ///< whose clients are let in; empty: none are asked
  ClientCertificates clients = ClientCertificates::none;
};

/// One reading of the files, as OpenSSL wants it: TLS 1.2 and later, forward secrecy and authenticated encryption only,
/// no renegotiation, ALPN http/1.1. Immutable. Thread: any.
class TlsIdentity {
 public:
  /// Errors: configuration, with a problem for each file that can't be used; `pointer` is "tls.certificate" and so on.
  static Result<std::shared_ptr<const TlsIdentity>> load(const TlsFiles& files);

  SSL_CTX* context() const { return context_.get(); }
  /// Whether the certificate is for this host (a name, or an address without brackets).
  bool names(const std::string& host) const;
  /// "CN=settle, until 2026-12-01 10:00:00Z", for the log.
  const std::string& description() const { return description_; }
  bool expired() const;

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsIdentity(std::unique_ptr<SSL_CTX, Free> context) : context_(std::move(context)) {}
  void describe();

  std::unique_ptr<SSL_CTX, Free> context_;
  std::string description_;
};

/// The server's identity, which can be replaced while it serves: new connections get the new one, those that are open
/// keep the one they began with. Shared by all loops. Thread: any.
class ServerTls {
 public:
  /// Errors: those of TlsIdentity::load. A certificate that has expired is taken here: the engine's work must not stand
  /// still for it; `current()->expired()` tells.
  static Result<std::shared_ptr<ServerTls>> load(TlsFiles files);

  /// Reads the files again. Errors: those of TlsIdentity::load, and configuration for a certificate that has expired;
  /// the identity stays what it was then.
  Result<void> reload();
  /// Whether a file is another one than when they were last read, well or not. Looks at times and sizes only.
  bool files_changed() const;
  std::shared_ptr<const TlsIdentity> current() const;

 private:
  ServerTls(TlsFiles files, std::shared_ptr<const TlsIdentity> identity, std::vector<std::int64_t> seen);

  const TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsIdentity> identity_;  // guarded by mutex_
  std::vector<std::int64_t> seen_;               // guarded by mutex_
};

}  // namespace settle
