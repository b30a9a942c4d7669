#include "api/http/server_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace settle {
namespace {

constexpr const char* tls_1_2_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char session_context[] = "settle";

/// The first thing that OpenSSL has to say, for people; forgets the rest.
std::string reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "no reason is known" : text;
}

/// A key with a passphrase must not make the server ask the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

/// RFC 7301: a client that names protocols and not ours is told so; one that names none speaks HTTP/1.1.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes, const unsigned char* in,
                    unsigned in_bytes, void*) {
  static constexpr unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_bytes, ours, sizeof ours, in, in_bytes) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void harden(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, tls_1_2_ciphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets resume without memory here
  SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

/// What is wrong with the server's own files.
void use_own(SSL_CTX* context, const TlsFiles& files, std::vector<Problem>& problems) {
  const auto problem = [&problems](const char* place, const char* expected, const std::string& file,
                                   const std::string& what) {
    problems.push_back({place, "wrong_file", expected, file, file + " " + what});
  };
  const bool certificate = SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) == 1;
  if (!certificate) {
    problem("tls.certificate", "a PEM file of the certificate and its chain", files.certificate,
            "can't be used: " + reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    // Without a certificate there is nothing that the key could disagree with.
    const bool other = certificate && ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
    problem("tls.key", "a PEM file of the certificate's key, without a passphrase", files.key,
            other ? "is not the key of " + files.certificate : "can't be used: " + reason());
  } else if (certificate && SSL_CTX_check_private_key(context) != 1) {
    problem("tls.key", "the key of the certificate", files.key, "is not the key of " + files.certificate);
  }
  ERR_clear_error();
}

void use_clients(SSL_CTX* context, const TlsFiles& files, std::vector<Problem>& problems) {
  if (files.clients == ClientCertificates::none) return;
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(files.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_locations(context, files.client_ca.c_str(), nullptr) != 1) {
    problems.push_back({"tls.client_ca", "wrong_file", "a PEM file of certificates", files.client_ca,
                        files.client_ca + " can't be used: " + reason()});
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return;
  }
  SSL_CTX_set_client_CA_list(context, names);
  const int insist = files.clients == ClientCertificates::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | insist, nullptr);
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio, &bytes);
  return std::string(bytes, static_cast<std::size_t>(std::max(count, 0L)));
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

/// Which files these are, without reading them.
std::vector<std::int64_t> stamps_of(const TlsFiles& files) {
  std::vector<std::int64_t> out;
  for (const std::string& file : {files.certificate, files.key, files.client_ca}) {
    struct stat found{};
    const bool there = !file.empty() && ::stat(file.c_str(), &found) == 0;
    if (!there) found = {};
    out.insert(out.end(), {static_cast<std::int64_t>(found.st_ino), static_cast<std::int64_t>(found.st_size),
                           nanoseconds(found.st_mtim), nanoseconds(found.st_ctim)});
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const TlsFiles& files) {
  std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(ErrorCode::configuration, "TLS can't be prepared: " + reason());
  ERR_clear_error();
  harden(context.get());
  std::vector<Problem> problems;
  use_own(context.get(), files, problems);
  use_clients(context.get(), files, problems);
  if (!problems.empty()) return fail_for(ErrorCode::configuration, std::move(problems), "TLS: ");
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(std::move(context)));
  identity->describe();
  return std::shared_ptr<const TlsIdentity>(std::move(identity));
}

void TlsIdentity::describe() {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  X509* const certificate = SSL_CTX_get0_certificate(context_.get());
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  BIO_puts(out.get(), ", until ");
  ASN1_TIME_print_ex(out.get(), X509_get0_notAfter(certificate), ASN1_DTFLGS_ISO8601);
  description_ = text_of(out.get());
}

bool TlsIdentity::names(const std::string& host) const {
  if (host.empty() || host.front() == '.') return false;  // which OpenSSL takes for any name below
  X509* const certificate = SSL_CTX_get0_certificate(context_.get());
  return X509_check_host(certificate, host.data(), host.size(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) == 1 ||
         X509_check_ip_asc(certificate, host.c_str(), 0) == 1;
}

bool TlsIdentity::expired() const {
  return X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(context_.get()))) < 0;
}

ServerTls::ServerTls(TlsFiles files, std::shared_ptr<const TlsIdentity> identity, std::vector<std::int64_t> seen)
    : files_(std::move(files)), identity_(std::move(identity)), seen_(std::move(seen)) {}

Result<std::shared_ptr<ServerTls>> ServerTls::load(TlsFiles files) {
  // Before they are read: a file that changes meanwhile is read again.
  std::vector<std::int64_t> seen = stamps_of(files);
  Result<std::shared_ptr<const TlsIdentity>> identity = TlsIdentity::load(files);
  if (!identity) return std::move(identity).error();
  return std::shared_ptr<ServerTls>(new ServerTls(std::move(files), *std::move(identity), std::move(seen)));
}

Result<void> ServerTls::reload() {
  std::vector<std::int64_t> seen = stamps_of(files_);
  Result<std::shared_ptr<const TlsIdentity>> identity = TlsIdentity::load(files_);
  const std::lock_guard<std::mutex> lock(mutex_);
  seen_ = std::move(seen);
  if (!identity) return std::move(identity).error();
  if ((*identity)->expired())
    return fail(ErrorCode::configuration,
                "the certificate " + files_.certificate + " has expired (" + (*identity)->description() + ")");
  identity_ = *std::move(identity);
  return {};
}

bool ServerTls::files_changed() const {
  const std::vector<std::int64_t> now = stamps_of(files_);
  const std::lock_guard<std::mutex> lock(mutex_);
  return now != seen_;
}

std::shared_ptr<const TlsIdentity> ServerTls::current() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return identity_;
}

}  // namespace settle
